"""A small labelled corpus synthesised at run time, so that everything runs where no data are.

Nine kinds of sound, one per emotion, played by artists with timbres of their own. It can be
learnt, but not by heart: pieces lean towards a second emotion, an artist plays several, and the
votes are drawn from listeners who disagree, and so are ratings of valence and arousal, of the whole
and from second to second: these follow how bright and how loud the sound is. Its scores say that
the machinery works and nothing about people.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import replaced_when_done
from music_emotion.datasets import folder
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.courses import HALVES, REACTION_SECONDS, beside
from music_emotion.datasets.synthesis import NEIGHBOURS, SAMPLE_RATE, STYLES, draw_timbre, play
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

NAME = "demo"
TABLE = "tracks.csv"
VERSION = 3  # goes up when the same parameters give other sounds or another table
GENRES = ("plucked", "bowed", "blown", "electric")
TICK_FLOOR = 0.06  # chance that a listener ticks an emotion that is not in the piece
TICK_GAIN = 0.75  # chance, beyond the floor, of ticking an emotion the piece consists of
FEWEST_LISTENERS, MOST_LISTENERS = 12, 30
FEWEST_RATERS, MOST_RATERS = 8, 20
RATER_SCATTER = 0.4  # standard deviation of single raters around what the piece is, of -1 to 1
MOMENT_SCATTER = 0.2  # the same of a rater from one second to the next, beside a level of their own
FOLLOWED = 0.3  # how far a rating moves with one standard deviation of the sound's course
LARGEST_LEAN = 0.45  # largest share of a second emotion in a piece, below one half

RATING_COLUMNS = ("raters", "valence [-1..1]", "valence_sd", "arousal [-1..1]", "arousal_sd")

HALF_COLUMNS = tuple(f"{name}{half}" for name in ("valence", "arousal") for half in HALVES)
QUIET = 1e-6  # of full scale

PLANE = {
    "amazement": (0.5, 0.6),
    "solemnity": (0.0, -0.2),
    "tenderness": (0.6, -0.5),
    "nostalgia": (0.1, -0.4),
    "calmness": (0.4, -0.8),
    "power": (0.3, 0.7),
    "joyful_activation": (0.8, 0.5),
    "tension": (-0.6, 0.6),
    "sadness": (-0.7, -0.5),
}
"""Valence and arousal, each -1 to 1, of a piece that is wholly of one emotion."""

NOTE = (
    "Synthesised sounds and simulated listeners: the figures show that the machinery works, "
    "nothing about music."
)


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much is synthesised: so many pieces by each artist, so many seconds long."""

    artists: int = 24
    tracks_per_artist: int = 3
    seconds: float = 15.0


def synthesise(directory: Path, seed: int = 0, *, size: DemoSize | None = None) -> Corpus:
    """Synthesise the corpus into a folder, or take it from there if it is complete.

    Each combination of parameters has a subfolder of its own. Another seed gives other artists,
    pieces and listeners; the emotions come in equal numbers as far as the size allows.

    Raises
    ------
    DatasetError
        If the size leaves nothing to synthesise or the folder cannot be written.
    """
    size = size or DemoSize()
    if size.artists < 1 or size.tracks_per_artist < 1 or not size.seconds > 0:
        raise DatasetError(f"a synthesised corpus of {size} is empty; ask for at least one piece")
    place = directory / _folder_name(seed, size)
    table = place / TABLE
    try:
        if not _is_complete(place, size):
            _write(place, table, seed, size)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(
            f"{place}: cannot be written ({reason}); free space or choose another folder"
        ) from error
    return replace(folder.load(place, table, name=NAME), note=NOTE)


def _folder_name(seed: int, size: DemoSize) -> str:
    parameters = repr((VERSION, seed, tuple(asdict(size).values())))
    return f"demo-{sha256(parameters.encode()).hexdigest()[:12]}"


def _file_names(size: DemoSize) -> list[str]:
    return [f"{number:03d}.flac" for number in range(1, size.artists * size.tracks_per_artist + 1)]


def _is_complete(place: Path, size: DemoSize) -> bool:
    """Whether everything is there: the table is written last."""
    names = (TABLE, beside(Path(TABLE)).name, *_file_names(size))
    return all((place / name).is_file() for name in names)


def _write(place: Path, table: Path, seed: int, size: DemoSize) -> None:
    import soundfile

    place.mkdir(parents=True, exist_ok=True)
    names = _file_names(size)
    emotions = _repertoire(seed, size)
    rows: list[list[object]] = []
    moments: list[list[object]] = []
    for number, (name, emotion) in enumerate(zip(names, emotions, strict=True)):
        artist = number // size.tracks_per_artist
        timbre = draw_timbre(np.random.default_rng([seed, 1, artist]))
        random = np.random.default_rng([seed, 2, number])
        second = NEIGHBOURS[emotion] if random.random() < 0.7 else str(random.choice(EMOTIONS))
        lean = float(random.uniform(0.0, LARGEST_LEAN)) if second != emotion else 0.0
        style = STYLES[emotion].towards(STYLES[second], lean)
        if not (place / name).is_file():
            sound = play(style, timbre, size.seconds, random)
            with replaced_when_done(place / name) as temporary:
                soundfile.write(temporary, sound, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        votes, listeners = _listen(emotion, second, lean, np.random.default_rng([seed, 3, number]))
        ratings = _rate(emotion, second, lean, np.random.default_rng([seed, 4, number]))
        genre = GENRES[artist % len(GENRES)]
        rows.append([name, f"artist {artist + 1:02d}", genre, listeners, *votes.tolist(), *ratings])
        course = _course(soundfile.read(place / name, dtype="float32")[0])
        level = np.array([float(ratings[1]), float(ratings[3])])  # type: ignore[arg-type]
        random = np.random.default_rng([seed, 5, number])
        moments += [[name, *one] for one in _follow(level, course, int(str(ratings[0])), random)]
    _write_table(beside(table), ["path", "time", *RATING_COLUMNS, *HALF_COLUMNS], moments)
    head = ["path", "group", "genre", "listeners", *EMOTIONS, *RATING_COLUMNS]
    _write_table(table, head, rows)


def _write_table(path: Path, head: list[str], rows: list[list[object]]) -> None:
    with (
        replaced_when_done(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([head, *rows])


def _repertoire(seed: int, size: DemoSize) -> list[str]:
    """Deal the emotions out evenly, so that an artist's pieces differ."""
    random = np.random.default_rng([seed, 0])
    count = size.artists * size.tracks_per_artist
    rounds = -(-count // len(EMOTIONS))
    dealt = np.concatenate([random.permutation(len(EMOTIONS)) for _ in range(rounds)])[:count]
    return [EMOTIONS[index] for index in dealt]


def _listen(
    emotion: str, second: str, lean: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], int]:
    """Draw the listeners' ticks until the piece's own emotion leads."""
    own = EMOTIONS.index(emotion)
    chance = np.full(len(EMOTIONS), TICK_FLOOR)
    chance[EMOTIONS.index(second)] += TICK_GAIN * lean
    chance[own] += TICK_GAIN * (1.0 - lean)
    chance = np.minimum(chance, 1.0)
    while True:
        listeners = int(random.integers(FEWEST_LISTENERS, MOST_LISTENERS + 1))
        votes = random.binomial(listeners, chance)
        if votes[own] > np.delete(votes, own).max():
            return votes, listeners


def _course(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how bright and how loud each second is, beside the others, shape (seconds, 2)."""
    seconds = sound[: len(sound) // SAMPLE_RATE * SAMPLE_RATE].reshape(-1, SAMPLE_RATE)
    level = np.sqrt(np.square(seconds, dtype=np.float64).mean(axis=1))
    steps = np.sqrt(np.square(np.diff(seconds, axis=1), dtype=np.float64).mean(axis=1))
    course = np.log(np.stack([(steps + QUIET) / (level + QUIET), level + QUIET], axis=1))
    centred = course - course.mean(axis=0) if len(course) else course
    spread = centred.std(axis=0) if len(course) else np.ones(2)
    relative: NDArray[np.float64] = centred / np.where(spread > QUIET, spread, 1.0)
    return relative


def _follow(
    level: NDArray[np.float64],
    course: NDArray[np.float64],
    raters: int,
    random: np.random.Generator,
) -> list[list[object]]:
    """Draw raters who follow a course around a level; return a row of the table per second.

    They answer :data:`~music_emotion.datasets.courses.REACTION_SECONDS` late.
    """
    own = RATER_SCATTER * random.standard_normal((raters, 1, 2))
    passing = MOMENT_SCATTER * random.standard_normal((raters, len(course), 2))
    said = np.clip(level + FOLLOWED * course + own + passing, -1.0, 1.0)
    half = raters // 2
    mean, deviation = said.mean(axis=0), said.std(axis=0, ddof=1)
    halves = said[:half].mean(axis=0), said[half:].mean(axis=0)
    rows: list[list[object]] = []
    for second in range(len(course)):
        pairs = zip(mean[second], deviation[second], strict=True)
        numbers = [value for pair in pairs for value in pair]
        numbers += [half[second, n] for n in range(2) for half in halves]
        time = second + 0.5 + REACTION_SECONDS
        rows.append([time, raters, *(f"{value:.4f}" for value in numbers)])
    return rows


def _rate(
    emotion: str, second: str, lean: float, random: np.random.Generator
) -> tuple[object, ...]:
    """Draw raters and return their number, then mean and deviation of valence and of arousal."""
    place = (1.0 - lean) * np.array(PLANE[emotion]) + lean * np.array(PLANE[second])
    raters = int(random.integers(FEWEST_RATERS, MOST_RATERS + 1))
    said = np.clip(place + RATER_SCATTER * random.standard_normal((raters, 2)), -1.0, 1.0)
    pairs = zip(said.mean(axis=0), said.std(axis=0, ddof=1), strict=True)
    return raters, *(f"{value:.4f}" for pair in pairs for value in pair)
