"""A user's own table: what is accepted, and one clear line for every mistake."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from music_emotion.datasets import folder
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

Table = Callable[..., tuple[Path, Path]]
VOTES = ",".join(EMOTIONS)


def test_labels_only(user_table: Table) -> None:
    root, table = user_table(
        "path,label\na.wav,calmness\nb.wav,Joyful Activation\nsub/c.wav,joyful-activation\n",
        "a.wav",
        "b.wav",
        "sub/c.wav",
    )
    corpus = folder.load(root, table)
    assert corpus.name == "music"
    assert [track.id for track in corpus.tracks] == ["a.wav", "b.wav", "sub/c.wav"]
    assert [track.dominant_emotion for track in corpus.tracks] == [
        "calmness",
        "joyful_activation",
        "joyful_activation",
    ]
    assert not corpus.has_votes
    assert corpus.vote_fractions.sum(axis=1).tolist() == [1, 1, 1]
    assert len(set(corpus.groups)) == 3
    assert "every recording is a group of its own" in corpus.note


def test_votes_with_listeners_groups_genres_and_ids(user_table: Table) -> None:
    root, table = user_table(
        f"ID;Path;Genre;Group;Listeners;{VOTES.replace(',', ';')}\n"
        "one;a.wav;folk;X;10;1;0;0;0;4;0;0;0;4\n"
        "two;b.wav;folk;X;8;0;0;0;0;0;0;0;8.0;\n"
        "three;c.wav;;;5;0;0;0;0;0;2;0;0;0\n",
        "a.wav",
        "b.wav",
        "c.wav",
    )
    corpus = folder.load(root, table, name="mine")
    first, second, third = corpus.tracks
    assert (corpus.name, first.id, first.genre, first.listeners) == ("mine", "one", "folk", 10)
    assert first.dominant_emotion == "calmness"  # a tie with sadness, which comes later
    assert first.vote_fractions[EMOTIONS.index("calmness")] == np.float32(0.4)
    assert second.vote_fractions[EMOTIONS.index("tension")] == 1.0
    assert first.group == second.group == "X"
    assert third.group not in ("", "X")
    assert corpus.note == "A user's own tracks with listeners' votes; groups as given."


def test_without_listeners_every_tick_is_one(user_table: Table) -> None:
    root, table = user_table(f"path,{VOTES}\na.wav,1,0,0,0,3,0,0,0,0\n", "a.wav")
    assert folder.load(root, table).tracks[0].listeners == 4


def test_label_column_decides_a_tie(user_table: Table) -> None:
    root, table = user_table(f"path,label,{VOTES}\na.wav,sadness,0,0,0,0,3,0,0,0,3\n", "a.wav")
    assert folder.load(root, table).tracks[0].dominant_emotion == "sadness"


def test_artists_form_groups_where_none_are_given(user_table: Table) -> None:
    root, table = user_table(
        "path,label,artist\na.wav,power,Ana and Bo\nb.wav,power,bo\nc.wav,power,\n",
        "a.wav",
        "b.wav",
        "c.wav",
    )
    groups = folder.load(root, table).groups.tolist()
    assert groups == [0, 0, 1]


def test_artist_tags_form_groups(user_table: Table) -> None:
    root, table = user_table("path,label\na.flac,power\nb.flac,power\n")
    for number, name in enumerate(("a.flac", "b.flac")):
        with soundfile.SoundFile(root / name, "w", 8000, 1, format="FLAC") as file:
            file.artist = "The Duo"
            file.write(np.full(300, number / 10))
    corpus = folder.load(root, table)
    assert [track.group for track in corpus.tracks] == ["duo", "duo"]
    assert corpus.tracks[0].artist == "The Duo"


def test_same_content_is_one_recording_and_one_group(user_table: Table) -> None:
    root, table = user_table(
        "path,label,group\na.wav,power,X\nb.wav,power,Y\nc.wav,power,Z\n", "a.wav", "b.wav", "c.wav"
    )
    (root / "b.wav").write_bytes((root / "a.wav").read_bytes())
    corpus = folder.load(root, table)
    assert corpus.recordings.tolist() == [0, 0, 1]
    assert corpus.groups.tolist() == [0, 0, 1]


def test_fingerprint_follows_content_not_names(user_table: Table) -> None:
    root, table = user_table("id,path,label\n1,a.wav,power\n2,b.wav,tension\n", "a.wav", "b.wav")
    before = folder.load(root, table).fingerprint
    (root / "a.wav").rename(root / "z.wav")
    table.write_text("id,path,label\n1,z.wav,power\n2,b.wav,tension\n")
    assert folder.load(root, table).fingerprint == before
    table.write_text("id,path,label\n1,z.wav,power\n2,b.wav,power\n")
    assert folder.load(root, table).fingerprint != before


def test_spreadsheet_habits_are_understood(user_table: Table) -> None:
    """Byte-order mark, CRLF, tabs, blank lines, backslashes, quotes, odd separators in cells."""
    root, table = user_table(
        '\ufeffpath\tLabel\tartist\r\n\r\nsub\\a.wav\tpower\t"x\u2028"\r\n,\t\t\r\n'.replace(
            ",\t\t\r\n", "\t\t\r\n"
        ),
        "sub/a.wav",
    )
    corpus = folder.load(root, table)
    assert [track.path for track in corpus.tracks] == [root / "sub/a.wav"]


def test_absolute_paths(user_table: Table, tmp_path: Path) -> None:
    root, table = user_table("path,label\n", "a.wav")
    table.write_text(f"path,label\n{root / 'a.wav'},power\n")
    assert folder.load(tmp_path, table).tracks[0].path == root / "a.wav"


def test_addresses_of_files_whose_names_are_no_text(user_table: Table, tmp_path: Path) -> None:
    root, table = user_table("path,label\n", "a.wav")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.wav"))
    (root / "a.wav").rename(odd)
    table.write_text(f"path,label\n{odd.as_uri()},sadness\n")
    (track,) = folder.load(root, table).tracks
    assert (track.path, track.id) == (odd, odd.as_uri())


def test_unreadable_audio_does_not_stop_the_table(user_table: Table) -> None:
    """It is reported where its sound is needed, with the rest done."""
    root, table = user_table("path,label\na.wav,power\nb.wav,power\n", "a.wav", "b.wav")
    (root / "a.wav").write_bytes(b"")
    assert len(folder.load(root, table)) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"tracks\.csv: is empty; give it a header"),
        ("\n \n", r"tracks\.csv: is empty"),
        ("path,label\n", r"tracks\.csv: holds no track; add a row"),
        ("file,label\na.wav,power\n", r"column 'path' is missing \(found: file, label\); name"),
        ("path,genre\na.wav,folk\n", r"neither column 'label' nor the nine votes"),
        ("path,amazement,power\na.wav,1,1\n", r"nine emotions, 'solemnity' is missing; add"),
        ("path,path,label\na.wav,b.wav,power\n", r"column 'path' is there twice; remove"),
        ("path,label\na.wav,happiness\n", r"row 2: no emotion 'happiness'; choose among amaz"),
        ("path,label\na.wav,calmnes\n", r"row 2: no emotion 'calmnes'; did you mean 'calmness'\?"),
        ("path,label\na.wav,\n", r"row 2: a\.wav has no label; name one"),
        ("path,label\na.wav\n", r"row 2: a\.wav has no label"),
        ("path,label\n,power\n", r"row 2: no path; name"),
        ("path,label\na.wav,power,x\n", r"row 2: 3 cells for 2 columns; put"),
        ("path,label\nx.wav,power\n", r"row 2: there is no file x\.wav in .*music; correct"),
        ("path,label\n.,power\n", r"row 2: there is no file \. in"),
        ("path,label\na.wav,power\na.wav,power\n", r"row 3: a\.wav is already in row 2; remove"),
        ("path,label\na.wav,power\n./a.wav,power\n", r"row 3: ./a\.wav is already in row 2"),
        ("path,label,id\na.wav,power,1\nb.wav,power,1\n", r"row 3: id 1 is already in row 2; give"),
        (f"path,{VOTES}\na.wav,0,0,0,0,0,0,0,0,0\n", r"row 2: a\.wav has no votes; add"),
        (f"path,{VOTES}\na.wav,,,,,,,,,\n", r"row 2: a\.wav has no votes"),
        (f"path,{VOTES}\na.wav,-1,0,0,0,0,0,0,0,2\n", r"row 2: amazement is -1; give a number"),
        (f"path,{VOTES}\na.wav,1.5,0,0,0,0,0,0,0,2\n", r"amazement is '1\.5'; give a whole"),
        (f"path,{VOTES}\na.wav,many,0,0,0,0,0,0,0,2\n", r"amazement is 'many'; give a whole"),
        (f"path,{VOTES}\na.wav,nan,0,0,0,0,0,0,0,2\n", r"amazement is 'nan'; give a whole"),
        (f"path,{VOTES}\na.wav,1e400,0,0,0,0,0,0,0,2\n", r"amazement is '1e400'; give a whole"),
        (
            f"path,listeners,{VOTES}\na.wav,2,0,0,0,0,3,0,0,0,0\n",
            r"row 2: 3 votes for one emotion by 2 listeners; correct",
        ),
        (
            f"path,label,{VOTES}\na.wav,power,0,0,0,0,3,0,0,0,0\n",
            r"row 2: the label is 'power' but 'calmness' has more votes; correct",
        ),
        ('path,label\n"a.wav,power\n', r"row \d is not proper CSV .*; check its quotes"),
        ("path,label\nbläser.wav,power\n".encode("latin-1"), r"row 2 is not UTF-8 text; save"),
        ("path,label\na.wav,power\n".encode("utf-16"), r"row 1 is not UTF-8 text; save"),
        ("path,label\na\x07.wav,power\n", r"row 2: there is no file a\\x07\.wav"),
        ("path,label\na\x00.wav,power\n", r"row 2: there is no file a\\x00\.wav"),
    ],
)
def test_every_mistake_is_one_line_naming_file_row_and_remedy(
    user_table: Table, content: str | bytes, message: str
) -> None:
    root, table = user_table(content, "a.wav", "b.wav")
    with pytest.raises(DatasetError, match=message) as caught:
        folder.load(root, table)
    assert "\n" not in str(caught.value)
    assert str(table) in str(caught.value)
    assert ";" in str(caught.value) or "mean" in str(caught.value)


def test_all_mistakes_are_collected(user_table: Table) -> None:
    root, table = user_table(
        "path,label\nx.wav,power\na.wav,joy\nb.wav,power\nb.wav,power\n", "a.wav", "b.wav"
    )
    problems = folder.read_folder(root, table)[2]
    assert [problem.split(": ")[1] for problem in problems] == ["row 3", "row 2", "row 5"]
    with pytest.raises(DatasetError, match=r"\(2 more; `music-emotion dataset validate`"):
        folder.load(root, table)


def test_missing_table_and_missing_folder(user_table: Table, tmp_path: Path) -> None:
    root, table = user_table("path,label\na.wav,power\n", "a.wav")
    with pytest.raises(DatasetError, match=r"other\.csv: cannot be read \(No such file"):
        folder.load(root, tmp_path / "other.csv")
    with pytest.raises(DatasetError, match="nowhere: is not a folder; name the folder"):
        folder.load(tmp_path / "nowhere", table)


def test_class_with_one_member_loads(user_table: Table) -> None:
    root, table = user_table(
        "path,label\na.wav,power\nb.wav,power\nc.wav,amazement\n", "a.wav", "b.wav", "c.wav"
    )
    assert np.bincount(folder.load(root, table).labels, minlength=9).tolist() == [
        1, 0, 0, 0, 0, 2, 0, 0, 0,
    ]  # fmt: skip
