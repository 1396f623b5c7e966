"""VGMIDI: piano arrangements of video-game music, with valence and arousal by about 30 raters each.

Ferreira and Whitehead, *Learning to Generate Music With Sentiment*, ISMIR 2019. Raters followed
each piece from moment to moment between -1 and 1; here a rater's answer is the mean over the piece,
and a piece's rating the mean over raters. Games are groups.

Layout, as in the public repository github.com/lucasnfe/vgmidi (``labelled/src/parse.py`` and the
files it reads): ``labelled/annotations/vgmidi_raw_*.json`` with ``annotations`` (``piece0_1``, …,
each with the lists ``valence`` and ``arousal``) and ``pieces`` (``piece0``, …, each with the name
of its file, ``midi``: ``Series_Console_Game_Piece.mid``). A table ``ratings.csv`` with the columns
``path``, ``game``, ``valence`` and ``arousal`` beside a folder ``midi`` is read as well, and beside
it ``over_time.json``: for each piece ``time`` in seconds, ``raters``, and at each moment their mean
(``valence``), standard deviation (``valence_sd``) and the means of two halves of them
(``valence_halves``). The first :data:`SETTLING_SECONDS`, in which raters settle, are left out.

The data set holds MIDI files. Whoever wants to hear them renders them, with FluidSynth say, into a
folder ``audio``: any format, the names those of the MIDI files, where other signs may stand for
spaces and signs.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.kinds import AUDIO_SUFFIXES
from music_emotion.datasets import folder
from music_emotion.datasets.corpus import NO_LABEL, Corpus, Track, corpus_fingerprint
from music_emotion.datasets.courses import Course
from music_emotion.datasets.loader import Loader, first_folder, rated_corpus
from music_emotion.datasets.ratings import Rating, Scale
from music_emotion.errors import DatasetError

Floats = NDArray[np.float64]

NAME = "vgmidi"
SCALES = (Scale("valence", -1.0, 1.0), Scale("arousal", -1.0, 1.0))
TABLE, OVER_TIME = "ratings.csv", "over_time.json"
SETTLING_SECONDS = 15.0
AUDIO = ("audio", "labelled/audio", "rendered")
NOTE = "Piano arrangements of video-game music, rendered from MIDI; games are kept whole."


def is_there(root: Path) -> bool:
    """Whether a folder holds the data set."""
    return bool(_annotations(root)) or ((root / TABLE).is_file() and (root / "midi").is_dir())


def load(root: Path) -> Corpus:
    """Load the rated pieces whose audio is in the folder ``audio``.

    Raises
    ------
    DatasetError
        If the annotations are missing or damaged, or no audio is there.
    """
    audio = first_folder(root, *AUDIO)
    if not audio.is_dir():
        raise DatasetError(
            f"{audio}: is not a folder; VGMIDI holds MIDI files: render them there as audio"
        )
    heard = {
        _plain(path.stem): path
        for path in sorted(audio.iterdir())
        if path.suffix.lower() in AUDIO_SUFFIXES
    }
    files = _annotations(root)
    if not files:
        rated = folder.load(audio, root / TABLE, name=NAME, ratings=SCALES)
        return _followed(rated, root / OVER_TIME)
    tracks = [track for file in files for track in _pieces(file, audio, heard)]
    return rated_corpus(NAME, tracks, SCALES, note=NOTE, source=files[0].parent)


def _followed(corpus: Corpus, path: Path) -> Corpus:
    """Return a corpus with what raters said of its pieces over time, where a file tells it."""
    if not path.is_file():
        return corpus
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        tracks = [replace(t, course=_course(known.get(Path(t.id).stem))) for t in corpus.tracks]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: is not as published ({error}); fetch it anew") from error
    fingerprint = corpus_fingerprint(tracks, corpus.scales)
    return replace(corpus, tracks=tuple(tracks), fingerprint=fingerprint)


def _course(said: dict[str, Any] | None) -> Course | None:
    if said is None or "time" not in said:  # of some pieces the clocks disagree
        return None
    time = np.array(said["time"], dtype=np.float64)
    kept = time >= SETTLING_SECONDS

    def columns(end: str) -> Floats:
        return np.stack([np.array(said[s.name + end], np.float64)[..., kept] for s in SCALES], -1)

    mean = columns("")
    raters = np.full(mean.shape, int(said["raters"]))
    return Course(time[kept], mean, columns("_sd"), raters, columns("_halves"))


def _annotations(root: Path) -> list[Path]:
    places = (root / "labelled" / "annotations", root / "annotations")
    return next((found for place in places if (found := sorted(place.glob("*raw*.json")))), [])


def _pieces(file: Path, audio: Path, heard: dict[str, Path]) -> list[Track]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        answers: dict[str, list[list[float]]] = {}
        for key, said in content["annotations"].items():
            means = [float(np.mean(said[scale.name])) for scale in SCALES]
            answers.setdefault(key.split("_")[0], []).append(means)
        return [
            _track(content["pieces"][piece]["midi"], np.array(said), audio, heard)
            for piece, said in answers.items()
            if piece in content["pieces"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{file}: is not as published ({error}); fetch it anew") from error


def _track(midi: str, said: np.ndarray, audio: Path, heard: dict[str, Path]) -> Track:
    """Return a piece; ``said`` is the mean answer of each rater, shape (raters, 2)."""
    name = Path(midi).name
    stem = name.removesuffix(".mid")
    deviation = said.std(axis=0, ddof=1) if len(said) > 1 else np.full(len(SCALES), np.nan)
    return Track(
        id=stem,
        path=heard.get(_plain(stem), audio / f"{stem}.mp3"),
        label=NO_LABEL,
        title=stem.split("_", 3)[-1],
        group="_".join(stem.split("_", 3)[:3]),
        ratings=tuple(
            Rating(float(mean), float(spread), len(said))
            for mean, spread in zip(said.mean(axis=0), deviation, strict=True)
        ),
    )


def _plain(stem: str) -> str:
    """Return a name's letters and digits alone.

    >>> _plain("Majora's Mask_The Mayors Office") == _plain("Majora_s_Mask_The_Mayors_Office")
    True
    """
    return re.sub(r"[^0-9a-z]+", "", stem.casefold())


LOADER = Loader(
    NAME,
    "200 piano arrangements of video-game music, valence and arousal by about 30 raters each",
    "labelled/annotations/vgmidi_raw_*.json (or ratings.csv beside midi/), and what was rendered "
    "from labelled/midi in audio/",
    "no licence file is published: ask its authors before passing anything on",
    """\
@inproceedings{ferreira2019learning,
  author    = {Ferreira, Lucas N. and Whitehead, Jim},
  title     = {Learning to Generate Music With Sentiment},
  booktitle = {Proceedings of the International Society for Music Information Retrieval
               Conference},
  year      = {2019}
}""",
    is_there,
    load,
)
