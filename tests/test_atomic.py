import threading

import pytest

from music_emotion.atomic import replaced_when_done, write_output, write_whole
from music_emotion.errors import WriteError


def test_what_was_written_takes_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_all_is_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="disk"), replaced_when_done(path) as temporary:
        temporary.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        raise OSError("the disk is full")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_may_read_other_files_may_read_it(tmp_path):
    (tmp_path / "other").write_bytes(b"")
    write_whole(tmp_path / "file", b"x")
    modes = {(tmp_path / name).stat().st_mode for name in ("file", "other")}
    assert len(modes) == 1


def test_two_writers_do_not_mix(tmp_path):
    path = tmp_path / "file"
    texts = [letter * 100_000 for letter in (b"a", b"b")]
    threads = [threading.Thread(target=write_whole, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in texts


def test_a_name_may_be_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("é" * 125 + ".json")
    write_whole(path, b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_so_do_permissions(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    file, link = tmp_path / "elsewhere" / "file", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink() and file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["file"]


def test_an_output_makes_its_folder_or_says_what_stands_against_it(tmp_path):
    write_output(tmp_path / "new" / "folder" / "file", b"x")
    assert (tmp_path / "new" / "folder" / "file").read_bytes() == b"x"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        WriteError, match=r"cannot write .*out: .*; make room or choose another --out"
    ):
        write_output(tmp_path / "file" / "out", b"x")


def test_the_temporary_name_may_be_another(tmp_path):
    place = tmp_path / "place"
    with replaced_when_done(tmp_path / "file", temporary=place) as temporary:
        temporary.write_bytes(b"x")
        assert place.read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
