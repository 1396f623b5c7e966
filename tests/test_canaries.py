"""Insides of other packages that this one leans on, where they offer no public way.

Each test names the package, what of it must stay, and what breaks here when it goes; the upper
bounds in pyproject.toml keep versions out that were never tried.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from helpers.sounds import RATE, encoded, music
from music_emotion.audio.decoders import UNFINISHED_OGG
from music_emotion.audio.mpeg import _Header


def test_mutagen_reads_frames_by_a_method_that_can_be_replaced(tmp_path):
    """Else `library.tags.fields.Id3Tags` cannot count frames, and tags could lose some unseen."""
    pytest.importorskip("mutagen")
    from mutagen.id3 import ID3, TIT2

    path, seen = tmp_path / "tagged.mp3", []
    ID3().save(path)
    written = ID3(path)
    written.add(TIT2(encoding=3, text=["a title"]))
    written.save(path)
    tags = ID3()
    read = tags._read
    tags._read = lambda header, data: seen.append((header, data)) or read(header, data)
    tags.load(path, translate=False, load_v1=False)
    ((header, data),) = seen
    assert header.version[1] == 4 and header.f_unsynch == 0
    assert "TIT2" in header.known_frames and data.startswith(b"TIT2")
    assert list(tags.unknown_frames) == []


def test_mutagen_tells_how_lengths_of_frames_are_written():
    """Else `library.tags.fields` cannot find the frames of ID3v2.4 tags that iTunes wrote."""
    pytest.importorskip("mutagen")
    from mutagen.id3 import Frames, _tags
    from mutagen.id3._util import BitPaddedInt, unsynch

    def tag(length: bytes) -> bytes:
        frame = b"TIT2" + length + bytes(2) + b"\3" + b"x" * 199
        return 2 * frame

    assert _tags.determine_bpi(tag(b"\0\0\1\x48"), Frames) is BitPaddedInt
    assert _tags.determine_bpi(tag(b"\0\0\0\xc8"), Frames) is int
    assert BitPaddedInt(0x148) == 200
    assert unsynch.decode(b"a\xff\x00\xe0") == b"a\xff\xe0"
    with pytest.raises(ValueError, match="sync"):
        unsynch.decode(b"a\xff\xe0")


def test_ray_prints_the_death_of_a_worker_by_a_function_that_can_be_replaced():
    """Else `cluster` cannot keep Ray from printing what its caller tells in one line."""
    pytest.importorskip("ray")
    from ray._private import worker

    assert callable(worker.print_to_stdstream)
    assert "print_to_stdstream" in inspect.unwrap(worker.listen_error_messages).__code__.co_names


def test_uvicorn_keeps_a_connection_in_a_class_with_these_attributes():
    """Else `web.server` cannot close connections whose request does not come."""
    pytest.importorskip("uvicorn")
    import h11
    from uvicorn import Config
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.server import ServerState

    async def application(scope, receive, send):
        pass

    async def made() -> H11Protocol:
        config, state = Config(application), ServerState()
        config.load()
        protocol = H11Protocol(config=config, server_state=state, app_state={})
        assert protocol.connections is state.connections
        assert protocol.loop is asyncio.get_running_loop()
        return protocol

    protocol = asyncio.run(made())
    assert protocol.conn.their_state is h11.IDLE
    assert {"connection_made", "data_received", "connection_lost"} <= set(dir(protocol))
    assert hasattr(protocol, "transport")


def test_libsndfile_notes_that_an_ogg_file_lacks_its_end(tmp_path):
    """Else `audio.decoders` takes a truncated Ogg file for a whole one and warns of nothing."""
    path = tmp_path / "cut.ogg"
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)
    soundfile.write(path, noise, RATE, format="OGG", subtype="VORBIS")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    with soundfile.SoundFile(path) as file:
        assert UNFINISHED_OGG in str(file.extra_info)


def test_libsndfile_leaves_alone_what_it_has_not_decoded():
    """Else `audio.decoders` cannot tell how much of a block came before an error."""
    data = bytearray(encoded(music(2.0), "flac"))
    data[len(data) // 2] ^= 0xFF
    samples = np.full((4 * RATE, 1), np.nan, dtype=np.float32)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        file.seekable = lambda: False
        with pytest.raises(soundfile.LibsndfileError):
            file.read(out=samples)
    written = ~np.isnan(samples[:, 0])
    count = np.count_nonzero(written)
    assert 0 < count < 2 * RATE
    assert written[:count].all()


def test_mpg123_plays_frames_without_side_information_as_silence():
    """Else `audio.mpeg` cannot keep the time of frames that are gone."""
    data = encoded(music(1.0), "mp3")
    start = data.index(b"\xff\xfb", 4)
    head = _Header(data[start : start + 4])
    with soundfile.SoundFile(io.BytesIO(head.silent() * 20)) as file:
        silence = file.read(20 * head.samples)
    assert len(silence) >= 19 * head.samples
    assert not silence.any()


def test_onnxruntime_reports_to_nobody(tmp_path):
    """Where it fails, `features.graphs.quiet_onnxruntime` does not keep it from noting its use.

    From 1.2x on it writes which program ran which model into the user's cache, and sends it.
    """
    program = (
        "import numpy, music_emotion;"
        "music_emotion.predict(numpy.sin(numpy.arange(132_300) / 16), 44_100)"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_"))}
    environment["HOME"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name.lower()]


def test_beets_compares_files_with_a_set_of_fields_that_can_be_added_to():
    """Else `beet write` does not see that moods are to be written by `beetsplug.musicemotion`."""
    pytest.importorskip("beets")
    from beets.library import Item

    assert isinstance(Item._media_tag_fields, set) and "title" in Item._media_tag_fields
