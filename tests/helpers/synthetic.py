"""Segments with a known answer."""

from __future__ import annotations

import numpy as np

RATE = 22_050
LENGTH = 66_150
TIME = np.arange(LENGTH) / RATE


def tone(hertz: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def noise(seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(LENGTH)).astype(np.float32)


def clicks(every: int = 5_512) -> np.ndarray:
    """Single samples at full scale."""
    return (np.arange(LENGTH) % every == every // 2).astype(np.float32)


def chord(*hertz: float) -> np.ndarray:
    return np.sum([tone(f * k, 0.2 / k) for f in hertz for k in (1, 2, 3)], axis=0)


SILENCE = np.zeros(LENGTH, dtype=np.float32)

SOUNDS = {
    "silence": SILENCE,
    "noise": noise(),
    "440 Hz": tone(440.0),
    "5 kHz": tone(5_000.0),
    "a detuned chord": chord(226.0, 284.7, 338.6),
    "clicks": clicks(),
    "clicks over a faint tone": clicks() + tone(233.0, 1e-3),
    "half silent": np.where(TIME < 1.4, SILENCE, noise(2)),
    "a constant": np.full(LENGTH, 0.25, dtype=np.float32),
}
