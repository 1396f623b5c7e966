from __future__ import annotations

from pathlib import Path

import pytest

from helpers.file_server import FileServer
from music_emotion.datasets.download import Retries, fetch
from music_emotion.errors import DatasetError

BODY = bytes(range(256)) * 4000
FAST = Retries(attempts=2, pause=0.0, timeout=5.0)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "big.zip"


@pytest.fixture(autouse=True)
def _files(server: FileServer) -> None:
    server.files["big.zip"] = BODY


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_whole_transfer_reports_progress_and_leaves_no_part(
    server: FileServer, target: Path
) -> None:
    seen: list[tuple[int, int]] = []
    fetch(server.address + "big.zip", target, progress=lambda *step: seen.append(step))
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_interrupted_transfer_goes_on_where_it_stopped(server: FileServer, target: Path) -> None:
    server.cuts = [300_000, 200_000]
    fetch(server.address + "big.zip", target, retries=FAST)
    assert target.read_bytes() == BODY
    ranges = [wanted for _, wanted in server.requests]
    assert ranges == [None, "bytes=300000-", "bytes=500000-"]
    assert server.sent == len(BODY)


def test_part_of_an_earlier_run_is_used(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    _part(target).write_bytes(BODY[:1000])
    fetch(server.address + "big.zip", target, retries=FAST)
    assert target.read_bytes() == BODY
    assert server.requests == [("/big.zip", "bytes=1000-")]


def test_server_without_ranges_sends_everything_again(server: FileServer, target: Path) -> None:
    server.ranges = False
    server.cuts = [300_000]
    fetch(server.address + "big.zip", target, retries=FAST)
    assert target.read_bytes() == BODY
    assert server.sent == 300_000 + len(BODY)


@pytest.mark.parametrize("length", [len(BODY), len(BODY) + 5])
def test_part_as_long_as_the_file_starts_over(
    server: FileServer, target: Path, length: int
) -> None:
    target.parent.mkdir()
    _part(target).write_bytes(b"x" * length)
    fetch(server.address + "big.zip", target, retries=FAST)
    assert target.read_bytes() == BODY


def test_giving_up_keeps_what_came_and_the_next_call_finishes(
    server: FileServer, target: Path
) -> None:
    server.cuts = [300_000, 0, 0]
    with pytest.raises(DatasetError, match=r"300,000 bytes are kept in .*same command"):
        fetch(server.address + "big.zip", target, retries=FAST)
    assert not target.exists()
    assert _part(target).read_bytes() == BODY[:300_000]
    server.cuts = []
    fetch(server.address + "big.zip", target, retries=FAST)
    assert target.read_bytes() == BODY


def test_missing_file_is_refused_at_once(server: FileServer, target: Path) -> None:
    with pytest.raises(DatasetError, match=r"other\.zip: the server answers 404 Not Found; "):
        fetch(server.address + "other.zip", target, retries=FAST)
    assert len(server.requests) == 1
    assert not target.exists()


def test_busy_server_is_asked_again(server: FileServer, target: Path) -> None:
    server.refusals = [503]
    fetch(server.address + "big.zip", target, retries=FAST)
    assert target.read_bytes() == BODY


def test_broken_server_is_given_up_on(server: FileServer, target: Path) -> None:
    server.refusals = [500, 500]
    with pytest.raises(DatasetError, match="500 Internal Server Error; check the network"):
        fetch(server.address + "big.zip", target, retries=FAST)


def test_no_network_is_one_line(target: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be reached") as caught:
        fetch("http://127.0.0.1:9/big.zip", target, retries=FAST)
    assert "\n" not in str(caught.value)
    assert "bytes are kept" not in str(caught.value)


def test_unwritable_folder_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match=r"file.*cannot be written .*choose another folder"):
        fetch(server.address + "big.zip", tmp_path / "file" / "big.zip", retries=FAST)


def test_full_disk_is_named(server: FileServer, target: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    target.parent.mkdir()
    _part(target).symlink_to("/dev/full")
    with pytest.raises(DatasetError, match="No space left on device"):
        fetch(server.address + "big.zip", target, retries=FAST)
