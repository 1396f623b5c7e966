from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sounds import FORMATS, RATE, dsd, frequency, tone
from music_emotion.audio import AudioStream, Resampler, decode, read_audio, resample
from music_emotion.audio.decoders import BLOCK_FRAMES
from music_emotion.audio.files import named_stream, source_name
from music_emotion.audio.pieces import Loss
from music_emotion.audio.reading import _damage
from music_emotion.errors import AudioError, MissingExtraError

Write = Callable[..., Path]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_base_format_gives_the_tone_that_was_written(kind: str, write: Write) -> None:
    rate = 48_000 if kind == "opus" else RATE
    sound = decode(write(tone(rate=rate), rate, kind))
    assert sound.sample_rate == rate
    assert sound.samples.dtype == np.float32
    assert sound.duration == pytest.approx(2.0, abs=0.06)
    assert frequency(sound.samples, rate) == pytest.approx(440.0, abs=1.0)
    assert np.sqrt(np.mean(sound.samples**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert sound.warnings == ()


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_channels_are_averaged(channels: int, write: Write) -> None:
    gains = np.linspace(0.2, 1.0, channels, dtype=np.float32)
    sound = decode(write(tone()[:, None] * gains))
    assert np.allclose(sound.samples, tone() * gains.mean(), atol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_rates_are_changed_without_moving_pitch_or_length(rate: int, write: Write) -> None:
    samples = read_audio(write(tone(rate=rate), rate), 22_050)
    assert len(samples) == pytest.approx(44_100, abs=1)
    assert frequency(samples, 22_050) == pytest.approx(440.0, abs=1.0)


def test_content_decides_not_the_extension(write: Write) -> None:
    assert decode(write(tone(), kind="flac", name="song.mp3")).duration == 2.0
    assert decode(write(tone(), kind="wav", name="song.raw")).duration == 2.0


def test_names_with_newlines_and_other_scripts_are_read(write: Write) -> None:
    assert decode(write(tone(), name="夜\nпесня.wav")).duration == 2.0


def test_a_name_that_is_not_text_is_read(write: Write, tmp_path: Path) -> None:
    target = tmp_path / os.fsdecode(b"caf\xe9.wav")
    write(tone()).rename(target)
    assert decode(target).duration == decode(target.as_uri()).duration == 2.0


def test_a_binary_stream_is_read(write: Write) -> None:
    data = write(tone(), kind="mp3").read_bytes()
    assert decode(io.BytesIO(data)).duration == pytest.approx(2.0, abs=0.06)


def test_a_stream_is_read_from_its_start_each_time(write: Write) -> None:
    stream = io.BytesIO(write(tone()).read_bytes())
    assert decode(stream).duration == decode(stream).duration == 2.0


def test_streams_are_named_as_they_are_known(write: Write) -> None:
    with tempfile.TemporaryFile() as unnamed:
        assert source_name(unnamed) == "the stream"
        assert source_name(named_stream(unnamed, "<stdin>")) == "standard input"
        assert source_name(named_stream(unnamed, "a\nb")) == "'a\\nb'"
    assert source_name(io.BytesIO()) == "the stream"


def test_files_are_read_where_there_is_no_pread(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pread", raising=False)
    assert decode(write(tone())).duration == 2.0


@pytest.mark.parametrize("tagged", [False, True], ids=["plain", "after an ID3 tag"])
def test_only_an_mp3_that_knows_its_length_is_called_cut_off(tagged: bool, write: Write) -> None:
    """Without its first frame, libsndfile guesses the length from the next frame's rate."""
    rng = np.random.default_rng(0)
    loud = (0.3 * rng.standard_normal(10 * RATE)).astype(np.float32)
    loud[: 2 * RATE] = 0.0  # a variable rate, low at first: the guess is too long
    data = write(loud, kind="mp3").read_bytes()
    tag = b"ID3\x03\0\0\0\0\x07\x76" + bytes(1_014)
    whole = tag * tagged + data
    assert decode(io.BytesIO(whole)).warnings == ()
    cut = decode(io.BytesIO(whole[: len(whole) // 2]))
    assert any("could be read" in line for line in cut.warnings)
    second = data.index(data[:2], 200)
    assert decode(io.BytesIO(tag * tagged + data[second:])).warnings == ()


def test_duration_limits_what_is_read(write: Write) -> None:
    sound = decode(write(tone(seconds=4.0)), duration=1.5)
    assert sound.duration == 1.5
    assert sound.warnings == ()


def test_the_blocks_joined_are_the_whole(write: Write) -> None:
    rng = np.random.default_rng(0)
    path = write(0.1 * rng.standard_normal(2 * BLOCK_FRAMES + 777).astype(np.float32))
    resampler = Resampler(RATE, 16_000)
    with AudioStream(path) as stream:
        blocks = list(stream)
    assert [len(block) for block in blocks] == [BLOCK_FRAMES, BLOCK_FRAMES, 777]
    pieces = [resampler.push(block) for block in blocks]
    pieces.append(resampler.push(np.empty(0, np.float32), last=True))
    assert np.array_equal(np.concatenate(pieces), read_audio(path, 16_000))


def test_resampling_removes_what_the_new_rate_cannot_hold() -> None:
    assert np.abs(resample(tone(hertz=15_000), RATE, 16_000)[500:-500]).max() < 1e-3


def test_missing_files_folders_and_empty_files_say_so(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").mkdir()
    (tmp_path / "empty.wav").touch()
    for name, reason in [
        ("nothing.mp3", "does not exist"),
        ("song.mp3", "is a folder"),
        ("empty.wav", "is empty"),
        ("a\0b.wav", "cannot be opened"),
        ("x" * 5_000, "cannot be opened"),
    ]:
        with pytest.raises(AudioError, match=reason) as caught:
            decode(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(write: Write) -> None:
    path = write(tone())
    path.chmod(0)
    with pytest.raises(AudioError, match="may not be read"):
        decode(path)


def test_errors_name_the_file_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines\x1b.mp3"
    path.write_text("this is a letter, not a song\n" * 200)
    with pytest.raises(AudioError, match="not audio") as caught:
        decode(path)
    assert "two\\nlines\\x1b.mp3" in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_header_without_samples_says_so(write: Write) -> None:
    with pytest.raises(AudioError, match="no sound"):
        decode(write(np.zeros(0, np.float32)))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_gives_its_beginning_and_a_warning(kind: str, write: Write) -> None:
    rate = 48_000 if kind == "opus" else RATE
    noise = 0.1 * np.random.default_rng(1).standard_normal(10 * rate)
    path = write(noise.astype(np.float32), rate, kind)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    sound = decode(path)
    assert 3.0 < sound.duration < 7.0
    # With one stream number in twenty, libsndfile takes the last whole page of a cut Opus file for
    # its end, and nothing tells that there was more.
    if kind != "opus":
        assert any("could be read" in line or "damaged" in line for line in sound.warnings)


@pytest.mark.parametrize("kind", ["mp3", "flac"])
def test_a_file_damaged_in_the_middle_gives_what_is_left(kind: str, write: Write) -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(10 * RATE)
    path = write(noise.astype(np.float32), kind=kind)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3_000] = bytes(3_000)
    path.write_bytes(data)
    sound = decode(path)
    assert sound.duration > 3.0
    assert any(line.startswith("damaged at") for line in sound.warnings)


@pytest.mark.parametrize(
    ("losses", "line"),
    [
        ([Loss(2.0)], "damaged at 2.0 s"),
        ([Loss(2.9, 0.5), Loss(2.0)], "damaged at 2.0 s; 0.5 s are missing, taken as silence"),
        ([Loss(2.0, 0.02), Loss(3.5)], "damaged at 2 places, the first at 2.0 s"),
        (
            [Loss(2.0, 3.0), Loss(5.5), Loss(9.0, 0.25)],
            "damaged at 2 places, the first at 2.0 s; 3.2 s are missing, taken as silence",
        ),
    ],
)
def test_damage_is_one_line_and_what_is_near_is_one_place(losses: list[Loss], line: str) -> None:
    assert list(_damage(losses)) == [line]


def test_a_header_with_absurd_numbers_is_refused_or_bounded(write: Write) -> None:
    path = write(tone())
    data = bytearray(path.read_bytes())
    slow = bytes(data[:24]) + (1).to_bytes(4, "little") + bytes(data[28:])
    path.write_bytes(slow)
    with pytest.raises(AudioError, match=r"sample rate of 1 Hz; .* converting to 4,000 to 768,000"):
        decode(path)
    many = bytes(data[:22]) + (65).to_bytes(2, "little") + bytes(data[24:])
    path.write_bytes(many)
    with pytest.raises(AudioError, match=r"claims 65 channels; .* needs converting to 1 to 64"):
        decode(path)
    endless = bytes(data[:40]) + b"\xff\xff\xff\xff" + bytes(data[44:])
    path.write_bytes(endless)
    assert decode(path).duration == 2.0
    assert decode(path).warnings == ()


@pytest.mark.parametrize(
    ("name", "head", "error", "line"),
    [
        ("song.m4a", b"\0\0\0\x20ftypM4A ", MissingExtraError, "M4A"),
        ("song.dsf", b"DSD \x1c", MissingExtraError, "DSD"),
        ("song.dff", b"FRM8\0\0", MissingExtraError, "DSD"),
        ("song.voc", b"Creative Voice File\x1a", MissingExtraError, "Creative Voice"),
        ("song.spx", b"OggS" + bytes(24) + b"Speex   ", MissingExtraError, "Speex"),
        ("song.aac", b"ID3\4" + bytes(6) + b"\xff\xf1\x50", MissingExtraError, "AAC"),
        ("song.ts", b"\x47\x40", AudioError, "not audio"),  # of no kind that is known
    ],
)
def test_what_only_pyav_reads_names_the_extra_without_it(
    name: str,
    head: bytes,
    error: type[Exception],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / name
    path.write_bytes(head + bytes(500))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(error, match=rf"{line}.*music-emotion\[formats\]"):
        decode(path)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("m4a", "aac"), ("webm", "libopus"), ("wma", "wmav2"), ("mkv", "ac3")]
)
def test_containers_are_read_with_pyav(suffix: str, codec: str, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / f"song.{suffix}"
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=48_000, layout="stereo")
        stream.bit_rate = 128_000
        both = np.stack([tone(3.0, 48_000)] * 2)
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate = 48_000
        frame.pts = 0
        convert = av.AudioResampler(stream.format, "stereo", 48_000, stream.frame_size or 1_152)
        for piece in convert.resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    sound = decode(path)
    assert sound.duration == pytest.approx(3.0, abs=0.15)
    assert frequency(sound.samples, sound.sample_rate) == pytest.approx(440.0, abs=1.0)
    assert decode(path, duration=1.0).duration == 1.0
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    try:
        assert decode(path).duration < 3.0
    except AudioError as error:
        assert "not audio" in str(error) or "damaged" in str(error)


@pytest.mark.parametrize("kind", ["dsf", "dff"])
def test_dsd_is_read_with_pyav(kind: str) -> None:
    pytest.importorskip("av")
    rate = 64 * RATE
    sound = decode(io.BytesIO(dsd(tone(1.0, rate), rate, kind)))
    assert sound.sample_rate == rate // 8
    assert sound.duration == pytest.approx(1.0, abs=0.02)
    low = resample(sound.samples, sound.sample_rate, RATE)
    assert frequency(low, RATE) == pytest.approx(440.0, abs=1.0)
    assert np.sqrt(np.mean(low**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert sound.warnings == ()


def test_a_codec_nobody_knows_is_refused(write: Write) -> None:
    data = bytearray(write(tone()).read_bytes())
    data[20:22] = b"\x77\x77"  # the codec's number in a WAV header
    with pytest.raises(AudioError, match="not audio"):
        decode(io.BytesIO(data))


@pytest.mark.parametrize("kind", [*FORMATS, "rf64", "w64", "au", "caf"])
def test_a_file_that_ends_in_its_header_is_read_or_refused(kind: str) -> None:
    container, codec = FORMATS.get(kind, (kind.upper(), "PCM_16"))
    buffer = io.BytesIO()
    sf.write(buffer, tone(0.1, 48_000), 48_000, format=container, subtype=codec)
    for length in range(1, 160):
        try:
            decode(io.BytesIO(buffer.getvalue()[:length]))
        except (AudioError, MissingExtraError) as error:
            assert str(error).isprintable()


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(FORMATS)),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=12),
    keep=st.floats(0.01, 1.0),
)
def test_mutated_files_are_read_or_refused(
    kind: str,
    flips: list[tuple[float, int]],
    keep: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rate = 48_000 if kind == "opus" else RATE
    buffer = io.BytesIO()
    container, codec = FORMATS[kind]
    sf.write(buffer, tone(0.5, rate), rate, format=container, subtype=codec)
    data = bytearray(buffer.getvalue()[: max(1, round(keep * buffer.tell()))])
    for where, mask in flips:
        data[min(len(data) - 1, int(where * len(data)))] ^= mask
    try:
        sound = decode(io.BytesIO(data), duration=60.0)
    except (AudioError, MissingExtraError) as error:
        assert str(error).isprintable()
    else:
        assert np.isfinite(sound.samples).all()
