from __future__ import annotations

import io
import os
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("av", reason="needs the extra [formats]")

from helpers.sounds import RATE, frequency, tone
from music_emotion.audio import decode
from music_emotion.audio.decoders import ContainerAudio, SoundFileAudio
from music_emotion.audio.pieces import Listed, Piece
from music_emotion.errors import AudioError


@pytest.mark.parametrize("channels", [8, 9, 28])
def test_more_channels_than_ffmpeg_has_planes_for(channels: int, tmp_path: Path) -> None:
    """Nine channels and more in a container once read memory that was not theirs."""
    gains = np.linspace(0.1, 1.0, channels)
    samples = np.round(tone()[:, None] * gains * 32_767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((channels, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    path = tmp_path / "many.wav"
    path.write_bytes(buffer.getvalue())
    audio = ContainerAudio.attempt(os.open(path, os.O_RDONLY))
    assert audio is not None
    heard = np.concatenate(list(audio.blocks(None)))
    audio.close()
    assert heard.shape == samples.shape
    assert np.abs(heard - samples / 32_768).max() < 1e-4


def _playlist(target: str) -> str:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", target, "#EXT-X-ENDLIST"]
    return "\n".join(lines)


SESSION = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=none
c=IN IP4 127.0.0.1
t=0 0
m=audio 5004 RTP/AVP 0
"""


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile other.mp3\n", _playlist("other.mp3"), SESSION],
    ids=["list of parts", "playlist", "session description"],
)
@pytest.mark.parametrize("named", [True, False], ids=["path", "stream"])
def test_no_other_file_and_no_address_is_followed(
    text: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg opens what such a text names: another file of the user's, or a port of theirs."""
    monkeypatch.chdir(tmp_path)
    sf.write(tmp_path / "other.mp3", tone(), RATE, format="MP3", subtype="MPEG_LAYER_III")
    path = tmp_path / "song.mp3"
    path.write_text(text)
    source: Path | io.BytesIO = path if named else io.BytesIO(text.encode())
    with pytest.raises(AudioError, match="not audio"):
        decode(source)


@pytest.mark.parametrize("default", [0, 1, None])
def test_the_default_of_several_tracks_is_heard(default: int | None, tmp_path: Path) -> None:
    av = pytest.importorskip("av", "14", reason="PyAV tells of defaults from 14 on")
    path = tmp_path / "two.mka"
    with av.open(path, "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]
        for at, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition(int(at == default))
        for stream, hertz in zip(streams, (440.0, 880.0), strict=True):
            samples = np.round(tone(hertz=hertz) * 32_767).astype("<i2")[None]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    sound = decode(path)
    assert frequency(sound.samples, RATE) == pytest.approx(880.0 if default == 1 else 440.0, abs=1)
    which = "the first" if default is None else f"number {default + 1}, its default,"
    assert sound.warnings == (f"it holds 2 sound tracks; {which} was heard",)


def test_a_length_that_a_container_contradicts_is_no_cut(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "song.m4a"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for at in range(0, 2 * RATE, 1_024):
            samples = tone()[None, at : at + 1_024]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    at = data.index(b"mdhd") + 20
    longer = (2 * int.from_bytes(data[at : at + 4], "big")).to_bytes(4, "big")
    sound = decode(io.BytesIO(data[:at] + longer + data[at + 4 :]))
    assert sound.duration == pytest.approx(2.0, abs=0.05)
    assert sound.warnings == ()


def test_a_piece_that_begins_before_the_last_has_ended_is_heard_once(tmp_path: Path) -> None:
    path = tmp_path / "ramp.wav"
    ramp = np.linspace(-0.5, 0.5, RATE).astype(np.float32)
    sf.write(path, ramp, RATE, subtype="FLOAT")
    whole = SoundFileAudio.attempt(os.open(path, os.O_RDONLY))
    assert whole is not None
    pieces = Listed((Piece(start=0.75),), duration=1.75)
    audio = SoundFileAudio(whole._descriptor, whole._file, pieces)
    heard = np.concatenate(list(audio.blocks(None)))[:, 0]
    audio.close()
    assert np.array_equal(heard, np.concatenate([ramp, ramp[RATE // 4 :]]))
    assert audio.losses == []
