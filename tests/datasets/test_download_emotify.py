from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.file_server import FileServer
from music_emotion.datasets import download as module
from music_emotion.datasets.download import Retries, download_emotify
from music_emotion.datasets.emotify import TRACK_COUNT, published_name
from music_emotion.errors import DatasetError

FAST = Retries(attempts=2, pause=0.0, timeout=5.0)
MEMBERS = {
    published_name(track): f"sound of {track} ".encode() * 40 for track in range(1, TRACK_COUNT + 1)
}
TABLE = b"track id, genre\n"


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _published(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve a small stand-in and take its checksums for the published ones."""
    files = {"data.csv": TABLE, **MEMBERS}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(module, "published_digests", lambda: digests)
    server.files = {"data.csv": TABLE, "emotifymusic.zip": _archive(MEMBERS)}


@pytest.fixture
def fetch_all(server: FileServer, tmp_path: Path) -> Callable[..., int]:
    def run(**options: bool) -> int:
        return download_emotify(tmp_path, address=server.address, retries=FAST, **options)

    return run


def _assert_complete(root: Path) -> None:
    files = {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
    assert files == {"data.csv": TABLE, **MEMBERS}


def test_everything_arrives_and_nothing_else_stays(
    fetch_all: Callable[..., int], tmp_path: Path
) -> None:
    assert fetch_all() == 401
    _assert_complete(tmp_path)


def test_second_download_asks_for_nothing(
    fetch_all: Callable[..., int], server: FileServer
) -> None:
    fetch_all()
    server.requests.clear()
    assert fetch_all() == 0
    assert server.requests == []


def test_only_what_is_missing_is_fetched_again(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path
) -> None:
    fetch_all()
    (tmp_path / "data.csv").unlink()
    server.requests.clear()
    assert fetch_all() == 1
    assert [path for path, _ in server.requests] == ["/data.csv"]
    (tmp_path / published_name(7)).unlink()
    assert fetch_all() == 1
    _assert_complete(tmp_path)


def test_interrupted_download_is_no_data_set_and_is_resumed(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path
) -> None:
    server.cuts = [5000, 0, 0]
    with pytest.raises(DatasetError, match="5,000 bytes are kept"):
        fetch_all()
    assert [path.name for path in tmp_path.iterdir()] == ["emotifymusic.zip.part"]
    server.requests.clear()
    server.cuts = []
    fetch_all()
    assert server.requests[0] == ("/emotifymusic.zip", "bytes=5000-")
    _assert_complete(tmp_path)


def _damage_one() -> bytes:
    return _archive({**MEMBERS, published_name(250): b"another recording"})


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(_damage_one(), id="another recording"),
        pytest.param(_archive(MEMBERS)[:-4000], id="cut off"),
        pytest.param(b"<html>moved</html>", id="not a zip"),
        pytest.param(
            _archive({k: v for k, v in MEMBERS.items() if "/99." not in k}), id="incomplete"
        ),
    ],
)
def test_damaged_archive_is_refused_and_fetched_again(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path, damaged: bytes
) -> None:
    server.replacements = [damaged]
    fetch_all()
    assert [path for path, _ in server.requests].count("/emotifymusic.zip") == 2
    _assert_complete(tmp_path)


def test_flipped_bit_in_a_member_is_noticed(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path
) -> None:
    damaged = bytearray(server.files["emotifymusic.zip"])
    damaged[len(damaged) // 3] ^= 0x10
    server.replacements = [bytes(damaged)]
    fetch_all()
    _assert_complete(tmp_path)


def test_archive_damaged_twice_leaves_nothing_wrong_behind(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path
) -> None:
    server.files["emotifymusic.zip"] = _damage_one()
    with pytest.raises(DatasetError, match=r"electronic/50\.mp3 with another SHA-256; .*twice"):
        fetch_all()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.read_bytes() == MEMBERS[str(path.relative_to(tmp_path))] for path in kept)
    assert not (tmp_path / "data.csv").exists()


def test_altered_table_is_refused(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path
) -> None:
    server.files["data.csv"] = TABLE + b"1,rock\n"
    with pytest.raises(DatasetError, match=r"data\.csv: differs from the published file"):
        fetch_all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["emotifymusic"]


def test_members_cannot_leave_the_folder(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path
) -> None:
    root = tmp_path / "inner"
    evil = {
        "../../evil.mp3": b"evil",
        "/rock/101.mp3": b"evil",
        "../../rock/../evil.txt": b"evil",
    }
    moved = {f"../../{name}": content for name, content in MEMBERS.items()}
    server.files["emotifymusic.zip"] = _archive({**evil, **moved})
    download_emotify(root, address=server.address, retries=FAST)
    assert list(tmp_path.iterdir()) == [root]
    _assert_complete(root)


def test_oversized_member_is_refused(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_MEMBER_BYTES", 100)
    with pytest.raises(DatasetError, match=r"holds .*mp3 of \d+ bytes"):
        download_emotify(tmp_path, address=server.address, retries=FAST)


def test_other_audio_is_replaced_only_by_force(
    fetch_all: Callable[..., int], server: FileServer, tmp_path: Path
) -> None:
    fetch_all()
    own = tmp_path / published_name(3)
    own.write_bytes(b"a re-encode")
    server.requests.clear()
    with pytest.raises(DatasetError, match=r"1 files differ .*3\.mp3 .*--force"):
        fetch_all()
    assert own.read_bytes() == b"a re-encode"
    assert server.requests == []
    assert fetch_all(force=True) == 1
    _assert_complete(tmp_path)
