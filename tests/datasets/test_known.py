"""Loaders of published data sets, on miniature copies of their layouts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from music_emotion.datasets.corpus import NO_LABEL, Corpus
from music_emotion.datasets.known import LOADERS, find_loader, render_loaders
from music_emotion.datasets.ratings import Scale
from music_emotion.datasets.sources import find_source
from music_emotion.datasets.validation import validate
from music_emotion.errors import DatasetError


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def sound(*paths: Path) -> None:
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 8000)
        soundfile.write(path, noise, 8000, format="WAV")


def means(corpus: Corpus) -> list[list[float]]:
    assert corpus.ratings is not None
    return corpus.ratings.mean.tolist()


VGMIDI = {
    "annotations": {
        "piece0_1": {"valence": [0.1, 0.3], "arousal": [-0.5, -0.5], "age": "21-25"},
        "piece0_2": {"valence": [0.4, 0.4], "arousal": [-0.1, -0.3]},
        "piece1_1": {"valence": [-0.5], "arousal": [0.5]},
        "piece1_2": {"valence": [-0.7], "arousal": [0.7]},
        "piece2_1": {"valence": [0.0], "arousal": [0.1]},
        "piece2_2": {"valence": [0.0], "arousal": [0.1]},
        "piece9_1": {"valence": [0.0], "arousal": [0.1]},
    },
    "pieces": {
        "piece0": {"midi": "Mana_SNES_Secret of Mana_Kind Memories.mid", "measures": 2},
        "piece1": {"midi": "Mana_SNES_Secret of Mana_It's_Now.mid", "measures": 1},
        "piece2": {"midi": "Star Fox_SNES_Star Fox_Stage_Clear.mid", "measures": 1},
    },
}


def test_vgmidi_as_its_repository_lays_it_out(tmp_path: Path) -> None:
    write(tmp_path / "labelled" / "annotations" / "vgmidi_raw_1.json", json.dumps(VGMIDI))
    sound(
        tmp_path / "audio" / "Mana_SNES_Secret_of_Mana_Kind_Memories.wav",
        tmp_path / "audio" / "Mana_SNES_Secret of Mana_It_s_Now.wav",
    )
    corpus = find_source(tmp_path).load()
    assert corpus.name == "vgmidi"
    assert corpus.scales == (Scale("valence", -1, 1), Scale("arousal", -1, 1))
    np.testing.assert_allclose(means(corpus), [[0.3, -0.35], [-0.6, 0.6]])
    first = corpus.tracks[0]
    assert (first.group, first.title) == ("Mana_SNES_Secret of Mana", "Kind Memories")
    assert first.label == NO_LABEL
    assert first.ratings[0].raters == 2
    assert first.ratings[0].deviation == pytest.approx(math.sqrt(0.02))
    assert corpus.groups.tolist() == [0, 0]
    assert len(corpus.remarks) == 1
    assert "Star Fox_SNES_Star Fox_Stage_Clear: no audio at" in corpus.remarks[0]


def test_vgmidi_as_a_table_of_means(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    write(
        tmp_path / "ratings.csv",
        "path,game,round,raters,valence,arousal,valence_sd,arousal_sd\n"
        "a_b.mid,X,1,30,0.5,-0.25,0.2,0.3\nc.mid,X,1,31,-0.5,0.25,0.2,0.3\n",
    )
    with pytest.raises(DatasetError, match="render them there as audio"):
        find_source(tmp_path).load()
    sound(tmp_path / "audio" / "a_b.wav", tmp_path / "audio" / "c.wav")
    corpus = find_source(tmp_path).load()
    assert (corpus.name, means(corpus)) == ("vgmidi", [[0.5, -0.25], [-0.5, 0.25]])
    assert corpus.groups.tolist() == [0, 0]
    assert corpus.ratings is not None
    assert corpus.ratings.raters[:, 0].tolist() == [30, 31]


def test_vgmidi_over_time(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    write(tmp_path / "ratings.csv", "path,game,valence,arousal\na.mid,X,0.5,-0.2\nb.mid,X,0.1,0\n")
    sound(tmp_path / "audio" / "a.wav", tmp_path / "audio" / "b.wav")
    plain = find_source(tmp_path).load()
    said = {"raters": 30, "time": [13.0, 15.0, 17.0]}
    for name in ("valence", "arousal"):
        said[name] = [0.9, 0.1, 0.2]
        said[f"{name}_sd"] = [0.3, 0.3, 0.4]
        said[f"{name}_halves"] = [[0.9, 0.0, 0.1], [0.9, 0.2, 0.3]]
    unclear = {key: value for key, value in said.items() if key != "time"}
    write(tmp_path / "over_time.json", json.dumps({"a": said, "b": unclear}))
    corpus = find_source(tmp_path).load()
    course = corpus.tracks[0].course
    assert course.time.tolist() == [15.0, 17.0], "before, raters settle"
    assert course.mean[:, 0].tolist() == [0.1, 0.2]
    assert course.halves[:, :, 1].tolist() == [[0.0, 0.1], [0.2, 0.3]]
    assert course.raters.tolist() == [[30, 30]] * 2
    assert corpus.tracks[1].course is None, "its clock is not known"
    assert corpus.fingerprint != plain.fingerprint
    write(tmp_path / "over_time.json", "[]")
    with pytest.raises(DatasetError, match=r"over_time\.json: is not as published"):
        find_source(tmp_path).load()


def test_deam(tmp_path: Path) -> None:
    place = tmp_path / "annotations" / "annotations averaged per song" / "song_level"
    write(
        place / "static_annotations_averaged_songs_1_2000.csv",
        "song_id, valence_mean, valence_std, arousal_mean, arousal_std\n"
        "2,3.1,0.94,3,0.63\n3,3.5,1.75,3.3,1.62\n1001,7,1,10,1\n",
    )
    write(
        place / "static_annotations_averaged_songs_2000_2058.csv",
        "song_id, valence_mean, valence_std, valence_max_mean, arousal_mean, arousal_std\n"
        "2001,5.7,1.42,9,5.5,1.63\n",
    )
    write(
        tmp_path / "metadata" / "metadata_2013.csv",
        "song_id,file_name,Artist,Song title,start,end,Genre\n"
        '2,2.mp3,"The Band",A\t,0:1,0:2,Blues\n'
        "3,3.mp3,Band,B,0:1,0:2,Blues\n",
    )
    write(
        tmp_path / "metadata" / "metadata_2015.csv",
        "id,Filename,title,artist,album,genre\n2001,x.mp3,C,Other,Album,Rock,Pop\n",
    )
    dynamic = place.with_name("dynamic (per second annotations)")
    write(
        dynamic / "valence.csv",
        "song_id,sample_15000ms,sample_15500ms,sample_16000ms\n2,-1,0.5,\n3,,,\n",
    )
    write(dynamic / "arousal.csv", "song_id,sample_15000ms,sample_15500ms\n2,0,\n2001,1,1\n")
    audio = tmp_path / "MEMD_audio"
    sound(*(audio / f"{song}.mp3" for song in (2, 3, 1001, 2001)))
    corpus = find_source(tmp_path).load()
    assert (corpus.name, corpus.scales[0]) == ("deam", Scale("valence", 1, 9))
    assert means(corpus) == [[3.1, 3], [3.5, 3.3], [5.7, 5.5]]
    assert corpus.tracks[0].ratings[1].deviation == 0.63
    course = corpus.tracks[0].course
    assert course is not None
    assert course.time.tolist() == [15.0, 15.5]
    np.testing.assert_allclose(course.mean, [[1, 5], [7, math.nan]])
    assert corpus.tracks[1].course is None
    assert corpus.tracks[2].course.mean[:, 1].tolist() == [9, 9]
    assert corpus.groups.tolist() == [0, 0, 1]
    last = corpus.tracks[2]
    assert (last.artist, last.title, last.album, last.genre) == ("Other", "C", "Album", "Rock")
    assert len(corpus.remarks) == 1
    assert "1001: arousal is 10, outside its range 1 to 9" in corpus.remarks[0]


def test_pmemo(tmp_path: Path) -> None:
    write(
        tmp_path / "annotations" / "static_annotations.csv",
        "musicId,Arousal(mean),Valence(mean)\n1,0.4,0.575\n4,0.2625,0.2875\n5,0.1,0.2\n",
    )
    write(
        tmp_path / "annotations" / "static_annotations_std.csv",
        "musicId,Arousal(std),Valence(std)\n1,0.3,0.1\n4,0.1,0.2\n5,0.1,0.1\n",
    )
    write(
        tmp_path / "metadata.csv",
        "musicId,fileName,title,artist,album,duration,chorus_start_time,chorus_end_time\n"
        '1,1.mp3,Good,"Khalid",American Teen,37.33,02:35,03:10\n4,4.mp3,Up,Khalid,X,30,1,2\n',
    )
    write(
        tmp_path / "annotations" / "dynamic_annotations.csv",
        "musicId,frameTime,Arousal(mean),Valence(mean)\n1,15.5,0.3,0.6\n1,15.0,0.2,0.5\n",
    )
    sound(tmp_path / "chorus" / "1.mp3", tmp_path / "chorus" / "4.mp3")
    corpus = find_source(tmp_path).load()
    assert corpus.name == "pmemo"
    assert means(corpus) == [[0.575, 0.4], [0.2875, 0.2625]]
    assert [rating.deviation for rating in corpus.tracks[0].ratings] == [0.1, 0.3]
    assert corpus.groups.tolist() == [0, 0]
    assert corpus.tracks[0].title == "Good"
    assert corpus.tracks[0].course.time.tolist() == [15.0, 15.5]
    assert corpus.tracks[0].course.mean.tolist() == [[0.5, 0.2], [0.6, 0.3]]
    assert corpus.tracks[1].course is None
    assert "5: no audio at" in corpus.remarks[0]


def test_jamendo(tmp_path: Path) -> None:
    write(
        tmp_path / "data" / "autotagging_moodtheme.tsv",
        "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
        "track_0000948\tartist_000087\talbum_000149\t48/948.mp3\t212.7\tmood/theme---background\n"
        "track_0001\tartist_000087\talbum_000149\t01/1.mp3\t1\tmood/theme---happy\tgenre---pop\n"
        "track_0002\tartist_2\talbum_2\t02/2.mp3\t1\tmood/theme---happy\tmood/theme---background\n",
    )
    audio = tmp_path / "audio"
    sound(audio / "48" / "948.mp3", audio / "01" / "1.low.mp3", audio / "02" / "2.mp3")
    corpus = find_source(tmp_path).load()
    assert corpus.name == "jamendo"
    assert corpus.scales == (Scale("background", 0, 1), Scale("happy", 0, 1))
    assert means(corpus) == [[1, 0], [0, 1], [1, 1]]
    assert corpus.groups.tolist() == [0, 0, 1]
    assert validate(find_source(tmp_path)).is_valid


def test_damage_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "static_annotations.csv", "musicId,Arousal(mean)\n1,0.4\n")
    write(tmp_path / "metadata.csv", "musicId,artist,album,title\n")
    with pytest.raises(DatasetError, match=r"column 'Valence\(mean\)' is missing \(found:"):
        find_source(tmp_path).load()
    write(tmp_path / "vg" / "annotations" / "vgmidi_raw_1.json", '{"annotations": {"a_1": 3}}')
    (tmp_path / "vg" / "audio").mkdir()
    with pytest.raises(DatasetError, match="is not as published"):
        find_source(tmp_path / "vg").load()
    write(tmp_path / "j" / "autotagging_moodtheme.tsv", "TRACK_ID\tARTIST_ID\n")
    with pytest.raises(DatasetError, match="its head is not TRACK_ID"):
        find_source(tmp_path / "j").load()


def test_an_unknown_folder_is_none_of_them(tmp_path: Path) -> None:
    assert find_loader(tmp_path) is None
    with pytest.raises(DatasetError, match="`music-emotion dataset list` names others"):
        find_source(tmp_path)


def test_each_is_listed_with_its_files_terms_and_citation() -> None:
    text = render_loaders()
    for loader in LOADERS:
        assert f"{loader.name}: {loader.about}" in text
        assert loader.layout in text
        assert loader.licence in text
        assert loader.citation.splitlines()[0] in text
    assert "ask its authors" in text
