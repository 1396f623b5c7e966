"""Sounds with a known answer, for the tests."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import soundfile

RATE = 44_100
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "aiff": ("AIFF", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def tone(seconds: float = 2.0, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def frequency(samples: np.ndarray, rate: int) -> float:
    """Frequency of the strongest bin of the whole sound, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def music(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Chords with noise on every beat, which compress like music."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6))
    beats = rng.standard_normal(len(time)) * (time % 0.5 < 0.1)
    return (0.15 * chord + 0.05 * beats).astype(np.float32)


def encoded(samples: np.ndarray, kind: str, rate: int = RATE) -> bytes:
    """The bytes of a file of a format in :data:`FORMATS`."""
    buffer = io.BytesIO()
    container, codec = FORMATS[kind]
    soundfile.write(buffer, samples, rate, format=container, subtype=codec)
    return buffer.getvalue()


def dsd(samples: np.ndarray, rate: int, kind: str) -> bytes:
    """Mono sound as bits, one per sample, in a DSF (``dsf``) or DSDIFF (``dff``) file."""
    # The sum of the bits follows that of the sound: sigma-delta modulation of the first order.
    steps = np.floor(np.cumsum((samples.astype(np.float64) + 1) / 2))
    bits = np.diff(steps, prepend=0).astype(np.uint8)
    if kind == "dsf":
        data = np.packbits(bits, bitorder="little").tobytes()
        data += bytes(-len(data) % 4_096)
        about = struct.pack("<IIIIIIQII", 1, 0, 1, 1, rate, 1, len(bits), 4_096, 0)
        return b"".join(
            (
                b"DSD " + struct.pack("<QQQ", 28, 92 + len(data), 0),
                b"fmt " + struct.pack("<Q", 52) + about,
                b"data" + struct.pack("<Q", 12 + len(data)) + data,
            )
        )

    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">Q", len(content)) + content

    about = b"SND " + b"".join(
        (
            chunk(b"FS  ", struct.pack(">I", rate)),
            chunk(b"CHNL", struct.pack(">H", 1) + b"C   "),
            chunk(b"CMPR", b"DSD \x0enot compressed\0"),
        )
    )
    data = np.packbits(bits).tobytes()
    content = (chunk(b"FVER", b"\x01\x05\0\0"), chunk(b"PROP", about), chunk(b"DSD ", data))
    return chunk(b"FRM8", b"DSD " + b"".join(content))


def overwritten(data: bytes, at: int, count: int) -> bytes:
    """A file with other bytes from a place on."""
    return data[:at] + random.Random(at).randbytes(count) + data[at + count :]


def heard_share(whole: np.ndarray, other: np.ndarray, rate: int) -> float:
    """Share of 20-ms windows that are the same, at the same time, to a quarter of their level."""
    width = rate // 50
    count = len(whole) // width
    given = np.zeros(len(whole), np.float32)
    given[: len(other)] = other[: len(whole)]
    expected, given = (x[: count * width].reshape(count, width) for x in (whole, given))
    error = np.sqrt(np.mean(np.square(expected - given), axis=1))
    return float(np.mean(error < 0.25 * np.sqrt(np.mean(np.square(expected), axis=1)) + 1e-6))
