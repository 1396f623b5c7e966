"""Every kind of file that docs/predict.md lists: predicted as from FFmpeg's decoding of it."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("av", reason="needs the extra [formats]")

from helpers.sounds import music
from music_emotion.audio.kinds import KINDS, suffix_of
from music_emotion.inference.model import UNFAMILIAR_SOUND, EmotionModel, load_model
from music_emotion.inference.prediction import TrackPrediction

SECONDS, RATE = 12.0, 22_050  # what needs a higher rate, or is mostly met with one, has it below
NOISE = 0.01  # as recordings have; without, a model hears the last bits in which ADPCM may differ
LARGEST = 0.002  # difference of a probability
# Kinds that none of the programs makes, or that FFmpeg does not read.
UNTRIED = {"AMR", "DSD", "FastTracker", "MIDI sample dump", "Monkey's Audio", "Musepack", "TAK"}
UNTRIED |= {"Matlab"}
AT_ONCE = 12  # files that one FFmpeg decodes

# What makes each file: the program's options, and of FFmpeg those for the output.
FFMPEG = {
    # WAV: codecs, rates, channels, headers
    "u8.wav": "-c:a pcm_u8",
    "s16.wav": "-c:a pcm_s16le -ar 44100",
    "s24.wav": "-c:a pcm_s24le",
    "f32.wav": "-c:a pcm_f32le",
    "f64.wav": "-c:a pcm_f64le",
    "alaw.wav": "-c:a pcm_alaw",
    "mulaw.wav": "-c:a pcm_mulaw",
    "ima adpcm.wav": "-c:a adpcm_ima_wav",
    "ms adpcm.wav": "-c:a adpcm_ms",
    "yamaha adpcm.wav": "-c:a adpcm_yamaha",
    "gsm.wav": "-c:a libgsm_ms -ar 8000 -ac 1",
    "wma.wav": "-c:a wmav2",
    "5.1.wav": "-c:a pcm_s16le -ac 6",
    "rf64.wav": "-c:a pcm_s16le -rf64 always",
    "broadcast.wav": "-c:a pcm_s16le -write_bext 1 -metadata description=x",
    # other containers of uncompressed sound
    "s16.w64": "-c:a pcm_s16le",
    "f32.w64": "-c:a pcm_f32le",
    "s8.aiff": "-c:a pcm_s8",
    "s16.aiff": "-c:a pcm_s16be",
    "s24.aiff": "-c:a pcm_s24be -write_id3v2 1 -metadata title=x",
    "f32.aifc": "-c:a pcm_f32be -f aiff",
    "sowt.aifc": "-c:a pcm_s16le -f aiff",
    "ima4.aifc": "-c:a adpcm_ima_qt -f aiff",
    "s16.au": "-c:a pcm_s16be",
    "f32.au": "-c:a pcm_f32be",
    "s24.caf": "-c:a pcm_s24be",
    "f32.caf": "-c:a pcm_f32le",
    "ima4.caf": "-c:a adpcm_ima_qt",
    "s16.voc": "-c:a pcm_s16le",
    # FLAC and Ogg
    "16 bits.flac": "-c:a flac -sample_fmt s16 -metadata title=x -ar 44100",
    "24 bits.flac": "-c:a flac -sample_fmt s32 -ar 48000",
    "flac.ogg": "-c:a flac",
    "low.ogg": "-c:a libvorbis -q:a 0 -ac 1 -ar 22050",
    "high.ogg": "-c:a libvorbis -q:a 6 -ar 44100",
    "128k.opus": "-c:a libopus -b:a 128k",
    "voice.opus": "-c:a libopus -application voip -ar 24000 -b:a 24k -ac 1",
    "8k.opus": "-c:a libopus -ar 8000 -ac 1 -b:a 12k",
    "5.1.opus": "-c:a libopus -ac 6 -mapping_family 1",
    "wide.spx": "-c:a libspeex -ar 16000",
    "narrow.spx": "-c:a libspeex -ar 8000 -ac 1",
    # MPEG
    "plain.mp3": "-c:a libmp3lame -ar 44100",
    "48k.mp3": "-c:a libmp3lame -ar 48000",
    "24k.mp3": "-c:a libmp3lame -ar 24000",
    "8k.mp3": "-c:a libmp3lame -ar 8000 -ac 1",
    "variable without a count.mp3": "-c:a libmp3lame -write_xing 0 -q:a 4",
    "44k.mp2": "-c:a mp2 -ar 44100",
    "24k.mp2": "-c:a mp2 -ar 24000 -ac 1 -b:a 64k",
    # MP4 and QuickTime
    "aac.m4a": "-c:a aac -metadata title=x -ar 44100",
    "alac.m4a": "-c:a alac",
    "book.m4b": "-c:a aac -ac 1 -ar 22050 -movflags +faststart",
    "s24.mov": "-c:a pcm_s24be",
    # Matroska and WebM
    # Windows Media, AVI, Flash
    "v1.wma": "-c:a wmav1",
    "v2.wma": "-c:a wmav2 -metadata title=x -ar 44100",
    "nellymoser.flv": "-c:a nellymoser -ar 22050 -ac 1",
    # MPEG streams
    "lpcm.vob": "-c:a pcm_dvd -ar 48000",
    "bluray.m2ts": "-c:a pcm_bluray -ar 48000",
    # sound without a container
    "stereo.ac3": "-c:a ac3",
    "5.1.ac3": "-c:a ac3 -ac 6",
    "stereo.eac3": "-c:a eac3",
    "stereo.dts": "-c:a dca -strict -2 -ar 48000",
    "stereo.thd": "-c:a truehd -strict -2 -ar 48000",
    "stereo.mlp": "-c:a mlp -strict -2 -ar 48000",
    "16 bits.wv": "-c:a wavpack -sample_fmt s16p",
    "floats.wv": "-c:a wavpack -sample_fmt fltp",
    "16 bits.tta": "-c:a tta -sample_fmt s16",
    "144.ra": "-c:a real_144 -ar 8000 -ac 1 -f rm",
}
COPIED = {  # the same sound in another container, or with other headers and tags
    "mp3.wav": ("plain.mp3", ""),
    "dts.wav": ("stereo.dts", ""),
    "opus.caf": ("128k.opus", ""),
    "id3v2.3.mp3": ("plain.mp3", "-id3v2_version 3 -write_id3v1 1 -metadata title=x"),
    "ape.mp3": ("plain.mp3", "-write_apetag 1 -metadata title=x"),
    "without a count.mp3": ("plain.mp3", "-write_xing 0"),
    "fragments.m4a": ("aac.m4a", "-movflags frag_keyframe+empty_moov"),
    "first index.m4a": ("aac.m4a", "-movflags +faststart"),
    "flac.mp4": ("24 bits.flac", "-strict -2"),
    "opus.mp4": ("128k.opus", "-strict -2"),
    "aac.3gp": ("aac.m4a", ""),
    "aac.mka": ("aac.m4a", ""),
    "vorbis.mka": ("high.ogg", ""),
    "flac.mka": ("16 bits.flac", ""),
    "wavpack.mka": ("16 bits.wv", ""),
    "truehd.mkv": ("stereo.thd", ""),
    "opus.webm": ("128k.opus", ""),
    "vorbis.webm": ("high.ogg", ""),
    "mp3.avi": ("plain.mp3", ""),
    "mp3.flv": ("plain.mp3", ""),
    "mp2.mpg": ("44k.mp2", ""),
    "ac3.vob": ("stereo.ac3", ""),
    "aac.ts": ("aac.m4a", ""),
    "latm.ts": ("aac.m4a", "-mpegts_flags latm"),
    "eac3.ts": ("stereo.eac3", ""),
    "adts.aac": ("aac.m4a", ""),
    "stream.latm": ("aac.m4a", "-f latm"),
    "alac.caf": ("alac.m4a", ""),
    "ima4.mov": ("ima4.caf", ""),
    "ac3.wav": ("stereo.ac3", ""),
    "vorbis.ogv": ("high.ogg", ""),
    "wma.asf": ("v2.wma", ""),
}
SOX = {
    "sox.8svx": "-b 8",
    "sox.sph": "-b 16",
    "sox.ircam": "-b 16 -t sf",
    "sox.avr": "-b 16",
    "sox.paf": "-b 16",
    "sox.pvf": "-b 16",
    "sox.voc": "-b 16",
    "sox.wve": "-r 8000 -c 1",
}
LAME = {
    "best.mp3": "-V0",
    "worst.mp3": "-V9",
    "checksums.mp3": "-p -b 128",
    "mono.mp3": "-m m -b 96 --id3v2-only --tt x",
}
FLAC = {
    "best.flac": "-8 --replay-gain",
    "fast.flac": "-0 --no-seektable",
    "wide blocks.flac": "--lax -b 32768",
    "program.oga": "--ogg",
}

# What stands around the sound, which stays as it is.
ID3V2 = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
ID3V1 = b"TAG" + bytes(125)
APE_ITEM = struct.pack("<II", 1, 0) + b"title\0x"
APE_HEADER, APE_FOOTER = (
    b"APETAGEX" + struct.pack("<IIII", 2_000, 32 + len(APE_ITEM), 1, flags) + bytes(8)
    for flags in (0xA0000000, 0x80000000)
)
APE = APE_HEADER + APE_ITEM + APE_FOOTER
EDITED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "id3 in front.flac": ("16 bits.flac", lambda data: ID3V2 + data),
    "id3 behind.flac": ("16 bits.flac", lambda data: data + ID3V1),
    "two tags.mp3": ("plain.mp3", lambda data: ID3V2 + ID3V2 + data[data.index(b"\xff\xfb") :]),
    "ape and id3 behind.mp3": ("plain.mp3", lambda data: data + APE + ID3V1),
    "id3 in front.aac": ("adts.aac", lambda data: ID3V2 + data),
    "id3 in front.tta": ("16 bits.tta", lambda data: ID3V2 + data),
    "ape and id3 behind.wv": ("16 bits.wv", lambda data: data + APE + ID3V1),
    "ape in front.tta": ("16 bits.tta", lambda data: APE + data),
    "id3 in front.ac3": ("stereo.ac3", lambda data: ID3V2 + data),
    "padded.ac3": ("stereo.ac3", lambda data: data + bytes(5_000)),
    "padded.w64": ("s16.w64", lambda data: data + bytes(50_000)),
    "of unknown length.wav": ("s16.wav", lambda data: _with_length(data, b"\xff\xff\xff\xff")),
    "padded.mp3": ("plain.mp3", lambda data: data + bytes(5_000)),
}
MAKERS = {
    **dict.fromkeys((*FFMPEG, *COPIED, *EDITED), "ffmpeg"),
    **dict.fromkeys(SOX, "sox"),
    **dict.fromkeys(LAME, "lame"),
    **dict.fromkeys(FLAC, "flac"),
}


def _with_length(data: bytes, length: bytes) -> bytes:
    """A WAV whose header claims another length of its sound."""
    at = data.index(b"data") + 4
    return data[:at] + length + data[at + 4 :]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files whose programs are installed."""
    folder = tmp_path_factory.mktemp("formats")
    source = folder / "source.wav.tmp"
    left, right = music(SECONDS, RATE, 0), music(SECONDS, RATE, 1)
    noise = NOISE * np.random.default_rng(0).standard_normal((len(left), 2))
    sf.write(source, np.stack([left, right], axis=1) + noise, RATE, format="WAV")
    if shutil.which("ffmpeg"):
        _encode(source, folder)
    for program, rows in (("sox", SOX), ("lame", LAME), ("flac", FLAC)):
        for name, options in rows.items() if shutil.which(program) else ():
            _run(*COMMANDS[program](source, options.split(), folder / name))
    source.unlink()
    return folder


COMMANDS: dict[str, Callable[[Path, list[str], Path], list[str | Path]]] = {
    "sox": lambda source, options, path: ["sox", "-t", "wav", source, *options, path],
    "lame": lambda source, options, path: ["lame", "--quiet", *options, source, path],
    "flac": lambda source, options, path: ["flac", "--silent", *options, "-o", path, source],
}


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _ffmpeg(inputs: Iterable[Path], outputs: Iterable[Sequence[str | Path]]) -> None:
    """Make many files at once; each output is its options and its path."""
    given = [word for path in inputs for word in (*_decoder(path), "-threads", "1", "-i", path)]
    made = [word for output in outputs for word in output]
    _run("ffmpeg", "-nostdin", "-loglevel", "error", *given, *made)


def _decoder(path: Path) -> Sequence[str]:
    """The options of a decoder: FFmpeg's own for Opus brings voices to 48 kHz in another way."""
    return ("-c:a", "libopus") if path.suffix == ".opus" else ()


def _encode(source: Path, folder: Path) -> None:
    known = subprocess.run(["ffmpeg", "-encoders"], capture_output=True, text=True).stdout.split()
    rows = {name: row.split() for name, row in FFMPEG.items()}
    rows = {name: row for name, row in rows.items() if row[row.index("-c:a") + 1] in known}
    _ffmpeg([source], (["-map", "0:a", *row, folder / name] for name, row in rows.items()))
    copied = {name: row for name, row in COPIED.items() if row[0] in rows}
    inputs = list(dict.fromkeys(first for first, _ in copied.values()))
    _ffmpeg(
        [folder / name for name in inputs],
        (
            ["-map", f"{inputs.index(first)}:a", "-c", "copy", *options.split(), folder / name]
            for name, (first, options) in copied.items()
        ),
    )
    for name, (first, edited) in EDITED.items():
        if (folder / first).exists():
            (folder / name).write_bytes(edited((folder / first).read_bytes()))


@pytest.fixture(scope="module")
def decoded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with FFmpeg's decoding of each file, under its name and ``.wav``."""
    decoded = tmp_path_factory.mktemp("decoded")
    made = sorted(path for path in folder.iterdir() if path.name not in EDITED)
    for first in range(0, len(made), AT_ONCE):
        paths = made[first : first + AT_ONCE]
        _ffmpeg(
            paths,
            (
                ["-map", f"{at}:a:0", "-c:a", "pcm_f32le", decoded / f"{path.name}.wav"]
                for at, path in enumerate(paths)
            ),
        )
    return decoded


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    return load_model("light")


@pytest.fixture(scope="module")
def expected(model: EmotionModel, decoded: Path) -> Callable[[str], TrackPrediction]:
    """Predict FFmpeg's decoding of a file; of several files, it is often the same."""
    known: dict[bytes, TrackPrediction] = {}

    def predict(name: str) -> TrackPrediction:
        samples, rate = sf.read(decoded / f"{name}.wav", dtype="float32", always_2d=True)
        key = hashlib.blake2b(
            samples.tobytes() + bytes(samples.shape[1]) + rate.to_bytes(4)
        ).digest()
        if key not in known:
            known[key] = model.predict(samples, rate)
        return known[key]

    return predict


@pytest.mark.parametrize("name", MAKERS)
def test_a_file_is_predicted_as_ffmpeg_decodes_it(
    name: str, folder: Path, model: EmotionModel, request: pytest.FixtureRequest
) -> None:
    for program in ("ffmpeg", MAKERS[name]):
        if not shutil.which(program):
            pytest.skip(f"{name}: {program} is not installed")
    if not (folder / name).exists():
        pytest.skip(f"{name}: this ffmpeg has no encoder for it")
    wanted = request.getfixturevalue("expected")(EDITED[name][0] if name in EDITED else name)
    found = model.predict(folder / name)
    assert set(found.warnings) <= {UNFAMILIAR_SOUND}  # nothing is wrong with the file
    assert found.duration == pytest.approx(wanted.duration, abs=0.03)
    difference = np.abs(found.emotions - wanted.emotions).max()
    assert difference <= LARGEST


def test_there_are_files_of_every_kind() -> None:
    assert len(MAKERS) >= 80
    made = {suffix_of(name) for name in MAKERS}
    untried = {kind.name for kind in KINDS if not made.intersection(kind.suffixes + kind.videos)}
    assert untried == UNTRIED
