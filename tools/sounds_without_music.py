"""Sounds that are no music, made by programs: speech, noise, machines, animals, signals, weather.

    python tools/sounds_without_music.py OUT --seed 1 --variants 3    # WAV files to listen to

`KINDS` has a function per kind of sound; each draws its own parameters from the random generator
that it is given, so that no two variants are alike and the same seed gives the same sound. Speech
is read by the programs espeak-ng and flite, which must be installed.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from music_emotion.audio import Resampler
from music_emotion.errors import MusicEmotionError

RATE = 22_050  # Hz
SECONDS = 30.0
PEAK = 0.5

Signal = NDArray[np.float64]
Random = np.random.Generator
Maker = Callable[[Random, float], Signal]


# --- Parts of sounds ------------------------------------------------------------------------------


def _time(seconds: float) -> Signal:
    return np.arange(round(seconds * RATE)) / RATE


def _log_uniform(random: Random, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _noise(random: Random, seconds: float, slope: float = 0.0) -> Signal:
    """Noise whose power falls with frequency to the ``slope``: 0 white, 1 pink, 2 brown."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(random.standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20.0)
    sound = np.fft.irfft(spectrum * frequency ** (-slope / 2), count)
    return np.asarray(sound / sound.std())


def _band(sound: Signal, low: float, high: float, order: int = 2) -> Signal:
    edges = [max(low, 10.0), min(high, 0.49 * RATE)]
    return np.asarray(sosfilt(butter(order, edges, "band", fs=RATE, output="sos"), sound))


def _tone(frequency: Signal | float, seconds: float, harmonics: Signal | None = None) -> Signal:
    """A tone, perhaps gliding; ``harmonics`` are amplitudes of 1, 2, 3 … times its frequency."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(frequency, round(seconds * RATE))) / RATE
    amplitudes = np.ones(1) if harmonics is None else harmonics
    highest = np.max(frequency)
    sound = np.zeros(len(phase))
    for number, amplitude in enumerate(amplitudes, 1):
        if number * highest < RATE / 2:
            sound += amplitude * np.sin(number * phase)
    return sound


def _add(mix: Signal, at: float, sound: Signal) -> None:
    start = round(at * RATE)
    stop = min(start + len(sound), len(mix))
    if 0 <= start < stop:
        mix[start:stop] += sound[: stop - start]


def _times(random: Random, seconds: float, rate: float) -> Signal:
    """Moments of independent events, ``rate`` of them a second."""
    return np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))


def _regular(random: Random, seconds: float, distance: float, jitter: float = 0.0) -> Signal:
    times = np.arange(random.uniform(0, distance), seconds, distance)
    return np.asarray(times + jitter * distance * random.standard_normal(len(times)))


def _slow(random: Random, seconds: float, hertz: float, low: float = 0.0) -> Signal:
    """A curve from ``low`` to 1 that wanders about ``hertz`` times a second."""
    knots = random.uniform(low, 1.0, max(4, round(seconds * hertz) + 2))
    places = np.linspace(0, len(knots) - 1, round(seconds * RATE))
    return np.interp(places, np.arange(len(knots)), knots)


def _burst(random: Random, seconds: float, low: float, high: float, decay: float) -> Signal:
    return _band(_noise(random, seconds), low, high) * np.exp(-_time(seconds) / decay)


def _gate(seconds: float, on: float, off: float) -> Signal:
    gate = (_time(seconds) % (on + off) < on).astype(np.float64)
    edge = max(1, round(0.003 * RATE))
    return np.convolve(gate, np.ones(edge) / edge, "same")


def _formants(random: Random, sound: Signal, centres: tuple[float, ...]) -> Signal:
    parts = [
        _band(sound, centre * 0.85, centre * 1.15, 1) / number
        for number, centre in enumerate(centres, 1)
    ]
    return np.asarray(np.sum(parts, axis=0))


def _falling(count: int, slope: float) -> Signal:
    return np.arange(1.0, count + 1.0) ** -slope


# --- Speech ---------------------------------------------------------------------------------------

TEXT = (
    "the of and to in that was his he it with is for as had you not be her on at by which have "
    "or from this him but all she they were my are me one their so an said them we who would "
    "been will no when there if more out up into do any your what has man could other than our "
    "some very time upon about may its only now like little then can should made did us such a "
    "great before must two these see know over much down after first mister good men own never "
    "most old shall day where those came come himself way work life without go make well "
    "through being long say might how am too came house every think even people water under "
    "between country morning station window number machine engine doctor question answer "
    "program weather minute report"
)
WORDS = TEXT.split()
LANGUAGES = ("en-gb", "en-us", "en-gb-scotland", "de", "fr-fr", "es", "it", "pt", "nl", "pl", "sv")
VARIANTS = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+croak")
FLITE_VOICES = ("slt", "kal", "kal16", "awb", "rms")


def _text(random: Random, words: int) -> str:
    """Sentences of common words, which make no sense."""
    parts, left = [], words
    while left > 0:
        length = int(min(left, random.integers(4, 14)))
        sentence = " ".join(random.choice(WORDS, length))
        parts.append(sentence.capitalize() + str(random.choice([".", ".", ".", "?", ",", "!"])))
        left -= length
    return " ".join(parts)


def _said_by(command: list[str]) -> Signal:
    try:
        wave = subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise MusicEmotionError(
            f"{command[0]} is missing: apt-get install espeak-ng flite"
        ) from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise MusicEmotionError(f"{command[0]} failed ({reason})") from None
    samples, rate = sf.read(io.BytesIO(_with_length(wave)), dtype="float32")
    return Resampler(rate, RATE).push(samples, last=True).astype(np.float64)


def _with_length(wave: bytes) -> bytes:
    """Programs that write to a pipe do not know the length in the header: put it there."""
    place = wave.index(b"data") + 4
    length = (len(wave) - place - 4).to_bytes(4, "little")
    return (
        wave[:4]
        + (len(wave) - 8).to_bytes(4, "little")
        + wave[8:place]
        + length
        + wave[place + 4 :]
    )


def _filled(random: Random, say: Callable[[], Signal], seconds: float) -> Signal:
    """Speech until the time is over, with a short pause between parts."""
    wanted, parts = round(seconds * RATE), list[Signal]()
    while sum(map(len, parts)) < wanted:
        parts += [say(), np.zeros(round(random.uniform(0.05, 0.6) * RATE))]
    return np.concatenate(parts)[:wanted]


def espeak(random: Random, seconds: float) -> Signal:
    voice = f"{random.choice(LANGUAGES)}{random.choice(VARIANTS)}"
    settings = ["-s", f"{random.integers(110, 240)}", "-p", f"{random.integers(20, 85)}"]

    def say() -> Signal:
        text = _text(random, 30)
        return _said_by(["espeak-ng", "--stdout", "-v", voice, *settings, text])

    return _filled(random, say, seconds)


def flite(random: Random, seconds: float) -> Signal:
    voice = str(random.choice(FLITE_VOICES))
    stretch = f"duration_stretch={random.uniform(0.8, 1.3):.2f}"

    def say() -> Signal:
        text = _text(random, 30)
        return _said_by(
            ["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", "/dev/stdout"]
        )

    return _filled(random, say, seconds)


def babble(random: Random, seconds: float) -> Signal:
    """A crowd: voices over each other."""
    count = int(random.integers(3, 9))
    makers = [flite if random.random() < 0.3 else espeak for _ in range(count)]
    voices = [_log_uniform(random, 0.3, 1.0) * make(random, seconds) for make in makers]
    return np.asarray(np.sum(voices, axis=0)) + _log_uniform(random, 1e-3, 2e-2) * _noise(
        random, seconds, 1.0
    )


def spoken_list(random: Random, seconds: float) -> Signal:
    """Announcements: a few words, then a pause."""
    voice = f"{random.choice(LANGUAGES)}{random.choice(VARIANTS)}"
    mix, at = np.zeros(round(seconds * RATE)), 0.0
    while at < seconds:
        words = _said_by(["espeak-ng", "--stdout", "-v", voice, _text(random, 5)])
        _add(mix, at, words)
        at += len(words) / RATE + random.uniform(0.3, 2.0)
    return mix


# --- Noise ----------------------------------------------------------------------------------------


def white_noise(random: Random, seconds: float) -> Signal:
    return _noise(random, seconds)


def pink_noise(random: Random, seconds: float) -> Signal:
    return _noise(random, seconds, random.uniform(0.8, 1.2))


def brown_noise(random: Random, seconds: float) -> Signal:
    return _noise(random, seconds, random.uniform(1.7, 2.3))


def band_noise(random: Random, seconds: float) -> Signal:
    low = _log_uniform(random, 50, 3_000)
    return _band(_noise(random, seconds), low, low * _log_uniform(random, 1.5, 20))


def faint_hiss(random: Random, seconds: float) -> Signal:
    return _log_uniform(random, 2e-4, 5e-3) * _noise(random, seconds, random.uniform(0, 1))


def noise_bursts(random: Random, seconds: float) -> Signal:
    on, off = _log_uniform(random, 0.05, 1.5), _log_uniform(random, 0.05, 1.5)
    return _noise(random, seconds, random.uniform(0, 1)) * _gate(seconds, on, off)


def crackle(random: Random, seconds: float) -> Signal:
    """Static of a bad line or a worn record."""
    mix = np.zeros(round(seconds * RATE))
    for at in _times(random, seconds, _log_uniform(random, 5, 200)):
        length = _log_uniform(random, 0.0005, 0.01)
        click = _noise(random, max(length, 2e-4)) * np.exp(-_time(max(length, 2e-4)) / (length / 3))
        _add(mix, at, random.lognormal(0, 0.8) * click)
    return mix + _log_uniform(random, 0.003, 0.1) * _noise(random, seconds, random.uniform(0, 1))


def radio_static(random: Random, seconds: float) -> Signal:
    whistle = _tone(300 + 3_000 * _slow(random, seconds, 0.5), seconds)
    noise = _band(_noise(random, seconds), 200, random.uniform(2_500, 6_000))
    return noise * _slow(random, seconds, 2, 0.3) + random.uniform(0, 0.6) * whistle * _slow(
        random, seconds, 0.7
    )


# --- Weather, water, fire -------------------------------------------------------------------------


def rain(random: Random, seconds: float) -> Signal:
    mix = random.uniform(0.1, 0.6) * _band(_noise(random, seconds, 0.5), 400, 9_000)
    for at in _times(random, seconds, _log_uniform(random, 30, 300)):
        low = random.uniform(800, 5_000)
        _add(mix, at, random.lognormal(0, 0.7) * _burst(random, 0.02, low, 2 * low, 0.004))
    return mix * _slow(random, seconds, 0.3, 0.7)


def wind(random: Random, seconds: float) -> Signal:
    noise = _noise(random, seconds, random.uniform(0.8, 1.6))
    low, high = _band(noise, 60, 400), _band(noise, 300, random.uniform(900, 2_500))
    gust = _slow(random, seconds, _log_uniform(random, 0.2, 1.0))
    return low * gust + random.uniform(0.2, 1.5) * high * gust**2


def waves(random: Random, seconds: float) -> Signal:
    period = random.uniform(4, 10)
    swell = np.sin(np.pi * (_time(seconds) / period + random.random())) ** 2
    noise = _noise(random, seconds, random.uniform(0.6, 1.2))
    return noise * (0.15 + swell ** random.uniform(1, 4))


def thunder(random: Random, seconds: float) -> Signal:
    mix = 0.02 * _noise(random, seconds, 1)
    for at in _regular(random, seconds, random.uniform(4, 9), 0.2):
        length = random.uniform(2, 5)
        rumble = _band(_noise(random, length, 1), 25, random.uniform(150, 800))
        _add(
            mix, at, rumble * np.exp(-_time(length) / (length / 3)) * _slow(random, length, 8, 0.2)
        )
    return mix


def stream(random: Random, seconds: float) -> Signal:
    """Running or boiling water: bubbles over noise."""
    mix = random.uniform(0.02, 0.2) * _band(_noise(random, seconds, 0.5), 300, 6_000)
    for at in _times(random, seconds, _log_uniform(random, 10, 80)):
        length = _log_uniform(random, 0.02, 0.1)
        start = _log_uniform(random, 300, 2_500)
        glide = start * (1 + random.uniform(0.1, 0.8) * _time(length) / length)
        _add(mix, at, random.lognormal(-1, 0.6) * _tone(glide, length) * np.hanning(len(glide)))
    return mix


def drops(random: Random, seconds: float) -> Signal:
    mix = 1e-3 * _noise(random, seconds, 1)
    for at in _regular(random, seconds, _log_uniform(random, 0.3, 2), random.uniform(0, 0.2)):
        start = _log_uniform(random, 600, 2_500)
        glide = start * (1 + 0.5 * _time(0.08) / 0.08)
        _add(mix, at, _tone(glide, 0.08) * np.exp(-_time(0.08) / 0.02))
    return mix


def fire(random: Random, seconds: float) -> Signal:
    mix = 0.15 * _band(_noise(random, seconds, 1.3), 50, 1_500) * _slow(random, seconds, 3, 0.4)
    for at in _times(random, seconds, _log_uniform(random, 5, 40)):
        decay = _log_uniform(random, 0.001, 0.01)
        _add(mix, at, random.lognormal(0, 0.8) * _burst(random, 0.05, 800, 8_000, decay))
    return mix


def frying(random: Random, seconds: float) -> Signal:
    noise = _band(_noise(random, seconds), 2_000, 10_000)
    return noise * (0.5 + np.abs(_noise(random, seconds)) ** 2) * _slow(random, seconds, 5, 0.6)


# --- Machines -------------------------------------------------------------------------------------


def hum(random: Random, seconds: float) -> Signal:
    """Of the mains."""
    base = float(random.choice([50.0, 60.0])) * float(random.choice([1.0, 2.0]))
    amplitudes = random.uniform(0, 1, 12) * _falling(12, random.uniform(0.3, 1.5))
    return _tone(base * random.uniform(0.998, 1.002), seconds, amplitudes) + _log_uniform(
        random, 1e-3, 0.1
    ) * _noise(random, seconds, random.uniform(0, 1))


def engine(random: Random, seconds: float) -> Signal:
    base = _log_uniform(random, 18, 120) * (
        1 + random.uniform(0, 0.8) * (_slow(random, seconds, _log_uniform(random, 0.1, 0.6)) - 0.5)
    )
    amplitudes = random.uniform(0.1, 1, 40) * _falling(40, random.uniform(0.2, 1.0))
    rattle = _noise(random, seconds, 1) * (1 + np.sin(2 * np.pi * np.cumsum(base) / RATE))
    return _tone(base, seconds, amplitudes) + random.uniform(0.1, 1.5) * rattle


def propeller(random: Random, seconds: float) -> Signal:
    rate = random.uniform(8, 30)
    chop = np.maximum(np.sin(2 * np.pi * rate * _time(seconds)), 0) ** random.uniform(1, 6)
    return chop * _band(
        _noise(random, seconds, 1), 40, random.uniform(800, 4_000)
    ) + random.uniform(0, 0.4) * _noise(random, seconds, 1)


def motor(random: Random, seconds: float) -> Signal:
    """A drill, a saw, a vacuum cleaner: a whine in noise."""
    base = _log_uniform(random, 90, 700) * (0.8 + 0.2 * _slow(random, seconds, 1.0))
    whine = _tone(base, seconds, random.uniform(0.1, 1, 20) * _falling(20, 0.6))
    noise = _band(_noise(random, seconds), 300, 9_000)
    gate = _slow(random, seconds, random.uniform(0.3, 2), random.uniform(0.2, 1))
    return (whine + random.uniform(0.3, 3) * noise) * gate


def fan(random: Random, seconds: float) -> Signal:
    noise = _noise(random, seconds, random.uniform(0.6, 1.4))
    blades = _tone(random.uniform(60, 300), seconds, _falling(4, 1.0))
    return noise + random.uniform(0, 0.8) * blades


def rails(random: Random, seconds: float) -> Signal:
    mix = 0.4 * _band(_noise(random, seconds, 1), 50, 2_000) * _slow(random, seconds, 1, 0.7)
    distance = random.uniform(0.5, 1.4)
    for at in _regular(random, seconds, distance, 0.02):
        for offset in (0.0, random.uniform(0.1, 0.16)):
            _add(mix, at + offset, 3 * _burst(random, 0.15, 80, 1_500, 0.03))
    return mix


def hammering(random: Random, seconds: float) -> Signal:
    mix = 3e-3 * _noise(random, seconds, 1)
    low, decay = _log_uniform(random, 150, 2_500), _log_uniform(random, 0.01, 0.08)
    ring = _log_uniform(random, 400, 3_000)
    for at in _regular(random, seconds, _log_uniform(random, 0.15, 1.2), 0.1):
        blow = _burst(random, 0.3, low, 4 * low, decay)
        blow += random.uniform(0, 0.5) * _tone(ring, 0.3) * np.exp(-_time(0.3) / decay)
        _add(mix, at, random.uniform(0.5, 1) * blow)
    return mix


def typing(random: Random, seconds: float) -> Signal:
    mix = 2e-3 * _noise(random, seconds, 1)
    low = random.uniform(600, 2_500)
    for at in _times(random, seconds, random.uniform(4, 11)):
        for offset, loudness in ((0.0, 1.0), (random.uniform(0.05, 0.1), 0.4)):
            click = _burst(random, 0.04, low, 4 * low, random.uniform(0.003, 0.01))
            _add(mix, at + offset, loudness * random.uniform(0.4, 1) * click)
    return mix


def printer(random: Random, seconds: float) -> Signal:
    rate = _log_uniform(random, 15, 80)
    pulses = np.maximum(np.sin(2 * np.pi * rate * _time(seconds)), 0) ** 8
    on = _gate(seconds, random.uniform(0.3, 1.5), random.uniform(0.1, 0.6))
    noise = _band(_noise(random, seconds), 800, random.uniform(3_000, 9_000))
    return noise * (pulses * on + 0.02) + random.uniform(0, 0.3) * on * _tone(rate * 8, seconds)


# --- Signals --------------------------------------------------------------------------------------


def pure_tone(random: Random, seconds: float) -> Signal:
    return _tone(_log_uniform(random, 60, 6_000), seconds)


def two_tones(random: Random, seconds: float) -> Signal:
    base = _log_uniform(random, 80, 2_000)
    return _tone(base, seconds) + random.uniform(0.3, 1) * _tone(
        base * _log_uniform(random, 1.002, 3), seconds
    )


def modulated_tone(random: Random, seconds: float) -> Signal:
    swing = np.sin(2 * np.pi * _log_uniform(random, 0.3, 40) * _time(seconds))
    base = _log_uniform(random, 150, 3_000)
    if random.random() < 0.5:
        return _tone(base * (1 + random.uniform(0.02, 0.5) * swing), seconds)
    return _tone(base, seconds) * (1 + random.uniform(0.3, 1) * swing)


def buzzer(random: Random, seconds: float) -> Signal:
    wave = np.sign(_tone(_log_uniform(random, 60, 1_500), seconds))
    if random.random() < 0.5:
        wave = wave * _gate(seconds, _log_uniform(random, 0.1, 2), _log_uniform(random, 0.1, 2))
    return _band(wave, 40, random.uniform(3_000, 10_000))


def sweep(random: Random, seconds: float) -> Signal:
    low, high = _log_uniform(random, 20, 400), _log_uniform(random, 1_500, 10_500)
    length = float(random.choice([seconds, seconds / 2, _log_uniform(random, 1, 8)]))
    part = (_time(seconds) % length) / length
    if random.random() < 0.4:
        part = 1 - part
    curve = low * (high / low) ** part if random.random() < 0.6 else low + (high - low) * part
    return _tone(curve, seconds)


def siren(random: Random, seconds: float) -> Signal:
    low = random.uniform(350, 800)
    high = low * random.uniform(1.3, 2.6)
    period = _log_uniform(random, 0.25, 8)
    cycle = (_time(seconds) / period) % 1
    shape = [
        0.5 - 0.5 * np.cos(2 * np.pi * cycle),  # wails
        (cycle < 0.5).astype(np.float64),  # two tones
        np.abs(2 * cycle - 1),
        cycle,
    ][int(random.integers(4))]
    amplitudes = _falling(8, random.uniform(0.8, 3.0))
    return _tone(low + (high - low) * shape, seconds, amplitudes) + _log_uniform(
        random, 1e-3, 0.05
    ) * _noise(random, seconds, 1)


def alarm(random: Random, seconds: float) -> Signal:
    pitch = _log_uniform(random, 500, 4_000)
    on, off = _log_uniform(random, 0.04, 0.6), _log_uniform(random, 0.04, 1.0)
    gate = _gate(seconds, on, off)
    if random.random() < 0.5:  # groups of beeps
        group = int(random.integers(2, 6)) * (on + off)
        gate = gate * (_time(seconds) % (group + random.uniform(0.3, 1.5)) < group)
    tone = _tone(pitch, seconds, _falling(int(random.integers(1, 7)), 1.0))
    return tone * gate


def dtmf(random: Random, seconds: float) -> Signal:
    """Dialling: two tones a key."""
    mix = 1e-3 * _noise(random, seconds)
    on, off = random.uniform(0.06, 0.4), random.uniform(0.04, 0.4)
    for at in np.arange(0, seconds, on + off):
        row, column = random.choice([697, 770, 852, 941]), random.choice([1209, 1336, 1477, 1633])
        _add(mix, float(at), _tone(float(row), on) + _tone(float(column), on))
    return mix


def telephone(random: Random, seconds: float) -> Signal:
    """A ringing bell, or the tones that a caller hears."""
    if random.random() < 0.4:
        pair = [(440.0, 480.0), (425.0, 425.0), (400.0, 450.0), (480.0, 620.0)][random.integers(4)]
        on, off = [(2.0, 4.0), (1.0, 4.0), (0.4, 0.2), (0.5, 0.5)][int(random.integers(4))]
        return (_tone(pair[0], seconds) + _tone(pair[1], seconds)) * _gate(seconds, on, off)
    base, rate = random.uniform(700, 2_200), random.uniform(12, 30)
    strikes = 0.3 + 0.7 * (np.sin(2 * np.pi * rate * _time(seconds)) > 0)
    bell = (
        _tone(base, seconds) + 0.6 * _tone(base * 1.26, seconds) + 0.4 * _tone(base * 2.7, seconds)
    )
    return bell * strikes * _gate(seconds, random.uniform(0.4, 2), random.uniform(0.3, 3))


def morse(random: Random, seconds: float) -> Signal:
    dot, pitch = _log_uniform(random, 0.03, 0.15), _log_uniform(random, 350, 1_500)
    mix, at = _log_uniform(random, 1e-4, 0.05) * _noise(random, seconds, 0.5), 0.0
    while at < seconds:
        for _ in range(int(random.integers(1, 6))):
            length = dot * float(random.choice([1, 3]))
            tone = _tone(pitch, length)
            edge = min(len(tone) // 2, round(0.005 * RATE))
            ramp = np.minimum(np.arange(len(tone)) / edge, 1)
            _add(mix, at, tone * ramp * ramp[::-1])
            at += length + dot
        at += dot * float(random.choice([2, 2, 2, 6]))
    return mix


def modem(random: Random, seconds: float) -> Signal:
    baud = float(random.choice([75, 300, 1200, 2400]))
    bits = random.integers(0, 2, int(seconds * baud) + 2)
    low = random.uniform(900, 1_700)
    which = bits[(np.arange(round(seconds * RATE)) * baud / RATE).astype(int)]
    keyed = _tone(low + random.uniform(200, 1_200) * which, seconds)
    scrambled = _band(_noise(random, seconds), 400, 3_400)
    answer = _tone(2_100.0, seconds)
    part = np.minimum((_time(seconds) / seconds * 3).astype(int), 2)
    order = random.permutation(3)
    parts = np.stack([keyed, scrambled, answer])
    return parts[order[part], np.arange(len(part))] if random.random() < 0.6 else keyed


def random_beeps(random: Random, seconds: float) -> Signal:
    mix, at = 1e-4 * _noise(random, seconds), 0.0
    while at < seconds:
        length = _log_uniform(random, 0.03, 0.3)
        square = np.sign(_tone(_log_uniform(random, 200, 4_000), length))
        _add(mix, at, square * np.minimum(1, np.hanning(len(square)) * 5))
        at += length + _log_uniform(random, 0.01, 0.4)
    return mix


def pings(random: Random, seconds: float) -> Signal:
    """A sonar, a monitor in a hospital, a reversing lorry."""
    pitch, decay = _log_uniform(random, 500, 3_500), _log_uniform(random, 0.03, 1.0)
    mix = _log_uniform(random, 1e-4, 0.02) * _noise(random, seconds, 1)
    length = min(4 * decay, 3.0)
    for at in _regular(random, seconds, _log_uniform(random, 0.4, 4)):
        _add(mix, at, _tone(pitch, length) * np.exp(-_time(length) / decay))
    return mix


def horn(random: Random, seconds: float) -> Signal:
    """Cars or ships."""
    mix = 0.01 * _noise(random, seconds, 1)
    base, at = _log_uniform(random, 80, 500), float(random.uniform(0, 1))
    while at < seconds:
        length = _log_uniform(random, 0.2, 4)
        wave = _tone(base, length, _falling(20, 0.6))
        wave += _tone(base * random.uniform(1.19, 1.27), length, _falling(20, 0.6))
        ramp = np.minimum(np.arange(len(wave)) / (0.03 * RATE), 1)
        _add(mix, at, wave * ramp * ramp[::-1])
        at += length + _log_uniform(random, 0.2, 4)
    return mix


# --- Clicks and blows -----------------------------------------------------------------------------


def click_train(random: Random, seconds: float) -> Signal:
    mix = np.zeros(round(seconds * RATE))
    jitter = float(random.choice([0.0, 0.0, random.uniform(0, 0.3)]))
    width = int(random.integers(1, 30))
    for at in _regular(random, seconds, 1 / _log_uniform(random, 1, 60), jitter):
        _add(mix, at, np.ones(width))
    return mix + _log_uniform(random, 1e-5, 1e-2) * _noise(random, seconds)


def clock(random: Random, seconds: float) -> Signal:
    mix = _log_uniform(random, 1e-4, 5e-3) * _noise(random, seconds, 1)
    low = _log_uniform(random, 800, 4_000)
    for number, at in enumerate(_regular(random, seconds, float(random.choice([0.2, 0.5, 1.0])))):
        _add(mix, at, (1 if number % 2 else 0.7) * _burst(random, 0.03, low, 2.5 * low, 0.004))
    return mix


def geiger(random: Random, seconds: float) -> Signal:
    mix = 1e-3 * _noise(random, seconds)
    decay = _log_uniform(random, 0.0005, 0.004)
    for at in _times(random, seconds, _log_uniform(random, 2, 60)):
        _add(mix, at, _burst(random, 0.02, 1_000, 8_000, decay))
    return mix


def footsteps(random: Random, seconds: float) -> Signal:
    mix = 3e-3 * _noise(random, seconds, 1)
    low = _log_uniform(random, 60, 500)
    for at in _regular(random, seconds, random.uniform(0.35, 0.8), 0.05):
        heel = _burst(random, 0.15, low, 5 * low, random.uniform(0.015, 0.04))
        _add(mix, at, random.uniform(0.6, 1) * heel)
        _add(mix, at + 0.09, 0.4 * _burst(random, 0.12, 300, 5_000, 0.03))
    return mix


def heartbeat(random: Random, seconds: float) -> Signal:
    mix = 0.01 * _noise(random, seconds, 1.5)
    for at in _regular(random, seconds, random.uniform(0.5, 1.2), 0.02):
        for offset, loudness in ((0.0, 1.0), (random.uniform(0.25, 0.35), 0.7)):
            _add(mix, at + offset, loudness * _burst(random, 0.2, 30, 150, 0.05))
    return mix


def shots(random: Random, seconds: float) -> Signal:
    mix = 5e-3 * _noise(random, seconds, 1)
    for at in _times(random, seconds, _log_uniform(random, 0.4, 8)):
        shot = _burst(random, 0.8, 60, 9_000, 0.02) + 0.4 * _burst(random, 0.8, 60, 900, 0.2)
        _add(mix, at, random.uniform(0.3, 1) * shot)
    return mix


def breaking_glass(random: Random, seconds: float) -> Signal:
    mix = 2e-3 * _noise(random, seconds, 1)
    for at in _regular(random, seconds, random.uniform(1.5, 5), 0.2):
        _add(mix, at, _burst(random, 0.2, 500, 9_000, 0.03))
        for _ in range(int(random.integers(10, 40))):
            shard = _tone(_log_uniform(random, 2_000, 9_000), 0.2) * np.exp(-_time(0.2) / 0.03)
            _add(mix, at + random.exponential(0.25), random.uniform(0.05, 0.4) * shard)
    return mix


def applause(random: Random, seconds: float) -> Signal:
    mix = np.zeros(round(seconds * RATE))
    people = int(_log_uniform(random, 3, 150))
    claps = [
        _burst(random, 0.06, low, random.uniform(2, 4) * low, random.uniform(0.005, 0.02))
        for low in random.uniform(500, 2_000, 24)
    ]
    for _ in range(people):
        loudness = random.lognormal(-0.5, 0.6)
        for at in _regular(random, seconds, random.uniform(0.17, 0.4), 0.08):
            _add(mix, at, loudness * random.uniform(0.6, 1) * claps[int(random.integers(24))])
    return mix * _slow(random, seconds, 0.3, 0.5)


# --- Animals and people ---------------------------------------------------------------------------


def dog(random: Random, seconds: float) -> Signal:
    mix = _log_uniform(random, 1e-3, 0.02) * _noise(random, seconds, 1)
    base, at = _log_uniform(random, 180, 700), float(random.uniform(0, 0.5))
    while at < seconds:
        for _ in range(int(random.integers(1, 5))):
            length = random.uniform(0.1, 0.3)
            part = _time(length) / length
            glide = base * (1 + 0.5 * np.sin(np.pi * part)) * random.uniform(0.9, 1.1)
            bark = _tone(glide, length, _falling(20, random.uniform(0.4, 1.2)))
            bark += random.uniform(0.3, 1.5) * _noise(random, length, 0.5)[: len(bark)]
            bark = _formants(random, bark, (600, 1_300, 2_600))
            _add(mix, at, bark * np.hanning(len(bark)) ** 0.5)
            at += length + random.uniform(0.1, 0.4)
        at += _log_uniform(random, 0.3, 3)
    return mix


def moans(random: Random, seconds: float) -> Signal:
    """Cows, cats, wolves, whales, crying babies: one gliding voice with pauses."""
    mix = _log_uniform(random, 1e-3, 0.02) * _noise(random, seconds, 1)
    base, at = _log_uniform(random, 90, 800), float(random.uniform(0, 1))
    centres = tuple(_log_uniform(random, 400, 1_000) * f for f in (1.0, 2.1, 3.7))
    while at < seconds:
        length = _log_uniform(random, 0.4, 2.5)
        part = _time(length) / length
        glide = base * 2 ** (
            random.uniform(-0.5, 0.5) * part + random.uniform(0.1, 0.6) * np.sin(np.pi * part)
        )
        glide = glide * (
            1 + random.uniform(0, 0.04) * np.sin(2 * np.pi * random.uniform(4, 30) * _time(length))
        )
        voice = _formants(random, _tone(glide, length, _falling(25, 0.8)), centres)
        voice += 0.02 * _noise(random, length)[: len(voice)]
        _add(mix, at, voice / (np.abs(voice).max() + 1e-9) * np.hanning(len(voice)) ** 0.5)
        at += length + _log_uniform(random, 0.2, 2)
    return mix


def birds(random: Random, seconds: float) -> Signal:
    mix = _log_uniform(random, 1e-3, 0.03) * _noise(random, seconds, 1)
    for _ in range(int(random.integers(1, 5))):
        base, at = _log_uniform(random, 1_800, 6_000), float(random.uniform(0, 2))
        loudness = _log_uniform(random, 0.2, 1)
        while at < seconds:
            for _ in range(int(random.integers(1, 9))):
                length = _log_uniform(random, 0.03, 0.25)
                part = _time(length) / length
                glide = base * 2 ** (random.uniform(-0.4, 0.4) * part)
                glide = glide * (
                    1 + 0.05 * np.sin(2 * np.pi * random.uniform(10, 60) * _time(length))
                )
                _add(mix, at, loudness * _tone(glide, length) * np.hanning(len(glide)))
                at += length + random.uniform(0.02, 0.15)
            at += _log_uniform(random, 0.3, 4)
    return mix


def insects(random: Random, seconds: float) -> Signal:
    mix = _log_uniform(random, 1e-3, 0.05) * _noise(random, seconds, 1)
    for _ in range(int(random.integers(1, 6))):
        pulse = np.maximum(np.sin(2 * np.pi * random.uniform(15, 60) * _time(seconds)), 0)
        chirp = _gate(seconds, random.uniform(0.1, 1.0), random.uniform(0.05, 0.8))
        mix += random.uniform(0.2, 1) * pulse * chirp * _tone(random.uniform(2_500, 8_000), seconds)
    return mix


def bees(random: Random, seconds: float) -> Signal:
    mix = np.zeros(round(seconds * RATE))
    for _ in range(int(random.integers(1, 12))):
        base = random.uniform(120, 300) * (0.9 + 0.2 * _slow(random, seconds, 2))
        mix += _tone(base, seconds, _falling(15, 0.7)) * _slow(random, seconds, 0.5)
    return mix + 0.05 * _noise(random, seconds, 1)


def breathing(random: Random, seconds: float) -> Signal:
    """Breath or snoring."""
    period = random.uniform(1.5, 5)
    envelope = np.maximum(np.sin(2 * np.pi * _time(seconds) / period), 0.03)
    noise = _band(_noise(random, seconds, 0.7), 150, random.uniform(1_500, 5_000))
    if random.random() < 0.5:
        rate = random.uniform(20, 60)
        noise = noise * (0.2 + np.maximum(np.sin(2 * np.pi * rate * _time(seconds)), 0) ** 3)
    return noise * envelope


def laughter(random: Random, seconds: float) -> Signal:
    mix = 3e-3 * _noise(random, seconds, 1)
    for _ in range(int(random.integers(1, 5))):
        base, at = _log_uniform(random, 120, 500), float(random.uniform(0, 2))
        while at < seconds:
            fall = 1.0
            for _ in range(int(random.integers(3, 10))):
                length = random.uniform(0.08, 0.16)
                voice = _tone(base * fall * (1.1 - _time(length)), length, _falling(25, 0.8))
                voice += 0.3 * _noise(random, length)[: len(voice)]
                voice = _formants(random, voice, (700, 1_200, 2_600))
                _add(mix, at, fall * voice * np.hanning(len(voice)))
                at += length + random.uniform(0.04, 0.1)
                fall *= 0.93
            at += _log_uniform(random, 0.3, 3)
    return mix


def coughing(random: Random, seconds: float) -> Signal:
    mix = 3e-3 * _noise(random, seconds, 1)
    at = float(random.uniform(0, 1))
    while at < seconds:
        for _ in range(int(random.integers(1, 4))):
            length = random.uniform(0.2, 0.5)
            cough = _formants(random, _noise(random, length, 0.5), (500, 1_500, 3_000))
            _add(mix, at, cough * np.exp(-_time(length)[: len(cough)] / (length / 4)))
            at += length
        at += _log_uniform(random, 0.4, 3)
    return mix


def cheering(random: Random, seconds: float) -> Signal:
    """A stadium: noise with the formants of many open mouths."""
    mix = _formants(random, _noise(random, seconds, 0.7), (600, 1_100, 2_500))
    for _ in range(int(random.integers(3, 25))):
        length = random.uniform(0.5, 3)
        glide = _log_uniform(random, 150, 600) * (1 + 0.2 * _slow(random, length, 2))
        voice = _formants(random, _tone(glide, length, _falling(20, 0.8)), (700, 1_150, 2_700))
        _add(
            mix, random.uniform(0, seconds), random.uniform(0.2, 1) * voice * np.hanning(len(voice))
        )
    return mix * _slow(random, seconds, 0.4, 0.4)


KINDS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        espeak, flite, babble, spoken_list,
        white_noise, pink_noise, brown_noise, band_noise, faint_hiss, noise_bursts, crackle,
        radio_static,
        rain, wind, waves, thunder, stream, drops, fire, frying,
        hum, engine, propeller, motor, fan, rails, hammering, typing, printer,
        pure_tone, two_tones, modulated_tone, buzzer, sweep, siren, alarm, dtmf, telephone, morse,
        modem, random_beeps, pings, horn,
        click_train, clock, geiger, footsteps, heartbeat, shots, breaking_glass, applause,
        dog, moans, birds, insects, bees, breathing, laughter, coughing, cheering,
    )
}  # fmt: skip
"""What makes each kind of sound, by its name."""

FAINT = ("faint_hiss",)  # kinds whose level is theirs

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "speech": ("espeak", "flite", "babble", "spoken_list", "laughter", "coughing", "cheering"),
    "steady noise": ("white_noise", "pink_noise", "brown_noise", "band_noise", "faint_hiss", "fan"),
    "moving noise": ("noise_bursts", "crackle", "radio_static", "breathing", "applause"),
    "weather": ("rain", "wind", "waves", "thunder", "fire", "frying"),
    "water": ("stream", "drops"),
    "machines": ("hum", "engine", "propeller", "motor", "rails", "printer", "bees"),
    "tones": ("pure_tone", "two_tones", "modulated_tone", "buzzer"),
    "gliding tones": ("sweep", "siren"),
    "beeps": ("alarm", "dtmf", "telephone", "morse", "modem", "random_beeps", "pings", "horn"),
    "clicks": ("click_train", "clock", "geiger", "typing"),
    "blows": ("hammering", "footsteps", "heartbeat", "shots", "breaking_glass"),
    "animals": ("dog", "moans", "birds", "insects"),
}
"""Kinds that sound alike, to leave out together."""


def make_sound(kind: str, random: Random, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Return a sound of a kind at `RATE`, shape (n,): in a room or not, at some level.

    Examples
    --------
    >>> make_sound("rain", np.random.default_rng(0), 1.0).shape
    (22050,)
    """
    sound = KINDS[kind](random, seconds)[: round(seconds * RATE)]
    if random.random() < 0.4:
        sound = _in_a_room(random, sound)
    if kind in FAINT:
        return sound.astype(np.float32)
    sound = sound / max(float(np.abs(sound).max()), 1e-9)
    if random.random() < 0.4:
        hiss = 10 ** (random.uniform(-65, -35) / 20)
        sound = sound + hiss * _noise(random, seconds, random.uniform(0, 1))[: len(sound)]
    level = PEAK * 10 ** (random.uniform(-20, 5) / 20)
    return (level * sound).astype(np.float32)


def _in_a_room(random: Random, sound: Signal) -> Signal:
    decay = _log_uniform(random, 0.05, 0.5)
    room = random.standard_normal(round(3 * decay * RATE))
    room = lfilter([1.0], [1.0, -0.6], room) * np.exp(-_time(3 * decay)[: len(room)] / decay)
    wet = fftconvolve(sound, room)[: len(sound)]
    share = random.uniform(0.05, 0.5)
    scale = np.abs(sound).max() / max(float(np.abs(wet).max()), 1e-9)
    return np.asarray((1 - share) * sound + share * scale * wet)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variants", type=int, default=1, help="of each kind")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        for number, kind in enumerate(KINDS):
            for variant in range(options.variants):
                random = np.random.default_rng((options.seed, number, variant))
                sound = make_sound(kind, random, options.seconds)
                sf.write(options.out / f"{kind}-{variant}.wav", sound, RATE)
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
