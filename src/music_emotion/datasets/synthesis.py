"""Nine recognisably different kinds of music, made from a handful of numbers.

Each emotion has a :class:`Style`: how fast, how high, how bright, which scale, how much drum, noise
and dissonance. Each artist has a :class:`Timbre`. A piece is a style, shifted some way towards a
second one, played with a timbre; its notes come from a random generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS

SAMPLE_RATE = 22_050  # Hz
TABLE_LENGTH = 2048  # samples in one period of the wavetable, a power of two
MAX_HARMONICS = 16
HIGHEST_FREQUENCY = 9_000.0  # Hz; harmonics above are left out
VIBRATO_RATE = 5.5  # Hz
RELEASE_SECONDS = 0.02
PEAK = 0.8

Signal = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Style:
    """What makes a piece sound like an emotion.

    Attributes
    ----------
    note_rate, beat_rate
        Melody notes, and beats, per second.
    legato
        Length of a note relative to the distance to the next.
    register, span
        Middle of the melody as a MIDI note number, and its reach around it in scale steps.
    drift
        Scale steps the melody climbs (or falls) per note.
    scale
        Semitones of the scale above the root.
    chord, beat, noise, loudness
        Loudness of the chord under the melody, the drums, the noise floor, the whole, 0–1.
    dissonance
        Share of chord notes a semitone beside their place, 0–1.
    brightness
        Exponent by which harmonics fall, smaller is brighter.
    drive
        Distortion, 0 (none) upward.
    tremolo
        Depth of the loudness's trembling, 0–1.
    """

    note_rate: float
    legato: float
    register: float
    span: float
    drift: float
    scale: tuple[int, ...]
    chord: float = 0.3
    dissonance: float = 0.0
    brightness: float = 1.4
    beat: float = 0.0
    beat_rate: float = 2.0
    noise: float = 0.005
    drive: float = 0.0
    tremolo: float = 0.0
    loudness: float = 0.7

    def towards(self, other: Style, share: float) -> Style:
        """Return this style moved by ``share`` (0–1) towards another; the scale stays."""
        moved = {
            field.name: (1 - share) * getattr(self, field.name) + share * getattr(other, field.name)
            for field in fields(self)
            if field.name != "scale"
        }
        return replace(self, **moved)


@dataclass(frozen=True, slots=True)
class Timbre:
    """What makes pieces sound like the same artist.

    Attributes
    ----------
    odd_only
        Loudness lost by even harmonics, 0 (none) to 1 (all).
    tilt
        Added to the style's brightness exponent.
    attack, decay
        Seconds until a note is at its loudest, and in which a held one falls to a third.
    vibrato, detune
        Depth of the pitch's trembling, and offset of the tuning, in semitones.
    echo, echo_seconds
        Loudness of the room's echoes, 0–1, and the time between them.
    """

    odd_only: float
    tilt: float
    attack: float
    decay: float
    vibrato: float
    detune: float
    echo: float
    echo_seconds: float


MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
HARMONIC_MINOR = (0, 2, 3, 5, 7, 8, 11)
PENTATONIC = (0, 2, 4, 7, 9)
LYDIAN = (0, 2, 4, 6, 7, 9, 11)
CHROMATIC = (0, 1, 3, 4, 6, 7, 9, 10)

STYLES: dict[str, Style] = {
    "amazement": Style(7.0, 1.6, 84, 6, 0.8, LYDIAN, chord=0.25, brightness=0.9, tremolo=0.2),
    "solemnity": Style(0.6, 1.2, 52, 3, 0.0, MINOR, chord=0.9, brightness=0.9, loudness=0.8),
    "tenderness": Style(1.6, 1.3, 70, 3, 0.0, MAJOR, chord=0.2, brightness=2.4, loudness=0.4),
    "nostalgia": Style(2.4, 0.7, 74, 4, -0.2, MAJOR, chord=0.15, brightness=1.6, noise=0.05),
    "calmness": Style(0.5, 2.0, 62, 3, 0.0, PENTATONIC, chord=0.6, brightness=2.6, loudness=0.35),
    "power": Style(
        4.0, 0.8, 46, 2, 0.0, MINOR, chord=0.8, brightness=0.7, beat=0.9, drive=4.0, loudness=1.0
    ),
    "joyful_activation": Style(
        5.5, 0.5, 74, 5, 0.1, MAJOR, chord=0.25, brightness=1.0, beat=0.6, beat_rate=2.6
    ),
    "tension": Style(
        3.2, 0.4, 64, 7, 0.0, CHROMATIC, chord=0.6, dissonance=0.8, noise=0.03, tremolo=0.8
    ),
    "sadness": Style(
        0.9, 1.1, 56, 3, -0.4, HARMONIC_MINOR, chord=0.25, brightness=2.0, loudness=0.45
    ),
}
"""One style per emotion, in the order of :data:`music_emotion.emotions.EMOTIONS`."""

NEIGHBOURS: dict[str, str] = {
    "amazement": "joyful_activation",
    "solemnity": "calmness",
    "tenderness": "calmness",
    "nostalgia": "tenderness",
    "calmness": "tenderness",
    "power": "tension",
    "joyful_activation": "power",
    "tension": "power",
    "sadness": "nostalgia",
}
"""The emotion each is most easily taken for."""

assert tuple(STYLES) == EMOTIONS


def draw_timbre(random: np.random.Generator) -> Timbre:
    """Draw an artist's timbre."""
    return Timbre(
        odd_only=float(random.uniform(0.0, 0.95)),
        tilt=float(random.uniform(-0.35, 0.35)),
        attack=float(np.exp(random.uniform(np.log(0.005), np.log(0.08)))),
        decay=float(np.exp(random.uniform(np.log(0.3), np.log(3.0)))),
        vibrato=float(random.uniform(0.0, 0.25)),
        detune=float(random.uniform(-0.5, 0.5)),
        echo=float(random.uniform(0.0, 0.4)),
        echo_seconds=float(random.uniform(0.07, 0.3)),
    )


def play(style: Style, timbre: Timbre, seconds: float, random: np.random.Generator) -> Signal:
    """Return a piece as mono sound at :data:`SAMPLE_RATE`, shape (n,), between -1 and 1."""
    n_samples = round(seconds * SAMPLE_RATE)
    root = int(random.integers(-5, 6))
    mix = _melody(style, timbre, root, n_samples, random)
    mix += _chords(style, timbre, root, n_samples, random)
    if style.drive > 0.0:
        mix = np.tanh(mix * (1.0 + style.drive)) / np.tanh(1.0 + style.drive)
    mix = _echoed(mix, timbre)
    mix += style.beat * _drums(style, n_samples, random)
    mix += style.noise * random.standard_normal(n_samples).astype(np.float32)
    time = np.arange(n_samples) / SAMPLE_RATE
    trembling = 1.0 - style.tremolo * (0.5 + 0.5 * np.sin(2 * np.pi * 7.0 * time))
    mix *= trembling.astype(np.float32)
    return (PEAK * style.loudness / max(float(np.abs(mix).max()), 1e-6) * mix).astype(np.float32)


def _degree(scale: tuple[int, ...], step: int) -> int:
    """Return the semitones of a scale step; steps beyond the scale go on in the next octave."""
    octave, place = divmod(step, len(scale))
    return 12 * octave + scale[place]


def _melody(
    style: Style, timbre: Timbre, root: int, n_samples: int, random: np.random.Generator
) -> Signal:
    mix = np.zeros(n_samples, dtype=np.float32)
    distance = 1.0 / style.note_rate
    position, step = float(random.uniform(0, distance)), 0.0
    while position * SAMPLE_RATE < n_samples:
        length = distance * float(random.choice((0.5, 1.0, 1.0, 1.5)))
        pitch = style.register + root + _degree(style.scale, round(step))
        velocity = float(random.uniform(0.5, 1.0))
        _add(mix, position, velocity * _note(pitch, length * style.legato, style, timbre))
        step += style.drift + float(random.normal(0.0, 1.0 + style.span / 4))
        if abs(step) > style.span:
            # A climbing melody starts again from below, others turn round.
            step = -np.sign(style.drift) * style.span if style.drift else step / 2
        position += length
    return mix


def _chords(
    style: Style, timbre: Timbre, root: int, n_samples: int, random: np.random.Generator
) -> Signal:
    mix = np.zeros(n_samples, dtype=np.float32)
    length, position = 2.0 / style.beat_rate * 2.0, 0.0
    held = replace(timbre, decay=3.0, attack=0.1)
    while position * SAMPLE_RATE < n_samples:
        place = int(random.choice((0, 3, 4)))
        for step in (0, 2, 4):
            beside = int(random.random() < style.dissonance)
            pitch = style.register - 12 + root + _degree(style.scale, place + step) + beside
            _add(mix, position, style.chord / 2 * _note(pitch, length * 1.1, style, held))
        position += length
    return mix


def _note(pitch: float, seconds: float, style: Style, timbre: Timbre) -> Signal:
    """Return one note: a wavetable read with vibrato, under an envelope."""
    frequency = 440.0 * 2.0 ** ((pitch + timbre.detune - 69) / 12)
    n_samples = max(round(seconds * SAMPLE_RATE), 1)
    time = np.arange(n_samples, dtype=np.float32) / SAMPLE_RATE
    swing = timbre.vibrato * np.log(2) / 12 / (2 * np.pi * VIBRATO_RATE)
    bent = time - np.float32(swing) * np.cos(np.float32(2 * np.pi * VIBRATO_RATE) * time)
    index = (np.float64(frequency * TABLE_LENGTH) * bent).astype(np.int64) & (TABLE_LENGTH - 1)
    rise = np.minimum(time / timbre.attack, 1.0)
    release = ((seconds - time) / RELEASE_SECONDS).clip(0.0, 1.0)
    envelope = rise * release * np.exp(time / -timbre.decay)
    table = _wavetable(frequency, style.brightness + timbre.tilt, timbre.odd_only)
    return np.asarray(table[index] * envelope, dtype=np.float32)


def _wavetable(frequency: float, fall: float, odd_only: float) -> Signal:
    """Return one period of a sum of sines, shape (TABLE_LENGTH,)."""
    count = int(np.clip(HIGHEST_FREQUENCY / frequency, 1, MAX_HARMONICS))
    amplitude = np.arange(1.0, count + 1.0) ** -max(fall, 0.3)
    amplitude[1::2] *= 1.0 - odd_only
    spectrum = np.zeros(TABLE_LENGTH // 2 + 1, dtype=np.complex128)
    spectrum[1 : count + 1] = -0.5j * TABLE_LENGTH * amplitude / amplitude.sum()
    return np.fft.irfft(spectrum).astype(np.float32)


def _drums(style: Style, n_samples: int, random: np.random.Generator) -> Signal:
    mix = np.zeros(n_samples, dtype=np.float32)
    if style.beat <= 0.0:
        return mix
    time = np.arange(round(0.25 * SAMPLE_RATE)) / SAMPLE_RATE
    kick = np.sin(2 * np.pi * (50.0 * time + 4.0 * (1 - np.exp(-time * 30)))) * np.exp(-time * 18)
    for beat in range(int(n_samples / SAMPLE_RATE * style.beat_rate) + 1):
        hiss = random.standard_normal(len(time)) * np.exp(-time * (25 if beat % 2 else 60))
        _add(mix, beat / style.beat_rate, kick.astype(np.float32))
        _add(mix, (beat + 0.5) / style.beat_rate, 0.3 * hiss.astype(np.float32))
    return mix


def _echoed(mix: Signal, timbre: Timbre) -> Signal:
    wet = mix.copy()
    for repeat in (1, 2, 3):
        delay = round(repeat * timbre.echo_seconds * SAMPLE_RATE)
        if delay < len(mix):
            wet[delay:] += timbre.echo**repeat * mix[:-delay]
    return wet


def _add(mix: Signal, seconds: float, sound: Signal) -> None:
    """Add a sound to the mix at a time, cut at the mix's end."""
    start = round(seconds * SAMPLE_RATE)
    stop = min(start + len(sound), len(mix))
    if stop > start:
        mix[start:stop] += sound[: stop - start]
