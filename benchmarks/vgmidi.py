"""How far models agree with listeners of music that is not EMOTIFY's, and from moment to moment.

    python benchmarks/vgmidi.py RATINGS RENDERED
    python benchmarks/vgmidi.py RATINGS RENDERED --model default --vibenet VENV/bin/python
    python benchmarks/vgmidi.py RATINGS RENDERED --variants default --json results/elsewhere.json

VGMIDI (Ferreira and Whitehead, *Learning to generate music with sentiment*, ISMIR 2019) holds piano
arrangements of video-game music; about 30 people said of each how pleasant (valence) and how
stirring (arousal) it was, once every four beats. RENDERED holds the pieces as audio, RATINGS

``ratings.csv``
    ``path``, ``game``, and the mean ``valence`` and ``arousal`` of each piece;
``over_time.json``
    for each piece ``valence`` and ``arousal``, the means at each step, the same of two halves of
    the raters (``valence_halves``), and ``time``, the middle of each step in seconds, where the
    file tells it.

Of a *piece*: Spearman's rank correlation over pieces. *Over time*: within each piece the rank
correlation with the raters' mean along its steps, averaged over pieces, over all and over the third
whose raters' mean moves most. The first 15 s, in which raters settle, are left out; raters are
taken to answer 2 s late; a piece with fewer than twelve steps is not followed. A point of a
timeline stands at the middle of what it was heard from. Intervals: 95 % of 2,000 resamples of whole
games.

Beside the models: spectral flux and level, means over 6 s; a line that rises; the fit to the
profile of a major key, mean over 27 s; one half of the raters against the other, and what a perfect
predictor could reach by that. ``--vibenet`` names the Python of an environment of its own with
VibeNet 0.1.0 (``requirements-inference.txt``), whose energy stands for arousal; it says one thing
of a whole piece. ``--variants NAME`` takes a model apart: it reads valence and arousal from
intensities alone, without each of the other parts, and from features of other seconds of a span.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.stats import rankdata

from music_emotion.atomic import write_output
from music_emotion.audio import decode
from music_emotion.cli.progress import progress_bar
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.bootstrap import (
    N_RESAMPLES,
    percentile_interval,
    resample_groups,
)
from music_emotion.evaluation.provenance import machine, today, versions
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import json_text
from music_emotion.features.compute import FEATURES, sample_rates, segment_features
from music_emotion.features.segments import SEGMENT_SECONDS
from music_emotion.inference.batch import predict_files
from music_emotion.inference.model_card import Card, read_card
from music_emotion.inference.package import ONNX_FILE, find_package, write_package
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.segmenter import segment_blocks
from music_emotion.inference.valence_arousal import AROUSAL, VALENCE, Dimension
from music_emotion.report.elsewhere import (
    MEASURES,
    QUADRANTS,
    Agreement,
    Elsewhere,
    Kind,
    NamedFirst,
    elsewhere_table,
    variants_table,
)

MODELS = ("default", "light", "transfer")
AXES = ("arousal", "valence")
LATE = 2.0  # seconds that raters need to answer
SETTLING = 15.0  # seconds at the start that are left out
HEARD = 88.0  # seconds; the audio ends at 90
FEWEST_STEPS = 12
MOVING = 2 / 3  # quantile of the deviations over time
FRAME = 1_024  # samples
SMOOTHING = 6.0  # seconds, of flux and level
KEY_SEGMENTS = 9  # over which the fit to a major key is averaged, 27 s
CERTAIN = 0.8  # a confidence
LOWEST = 0.25  # quantile of rated valence
NEVER = 1e6  # seconds

Floats = NDArray[np.float64]


# --- What people said ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A piece and what its raters said.

    Attributes
    ----------
    name, game: of the piece
    whole: mean valence and arousal of the piece, by axis
    time: of the steps, in seconds, shape (steps,); ``None`` where it is not known
    course: the raters' mean at each step, shape (steps,), by axis
    halves: the same of two halves of the raters, shape (2, steps), by axis
    """

    name: str
    game: str
    whole: Mapping[str, float]
    time: Floats | None
    course: Mapping[str, Floats]
    halves: Mapping[str, Floats]

    def followed(self, seconds: float) -> NDArray[np.bool_] | None:
        """Return the steps at which a piece of so many seconds is followed, if it can be."""
        if self.time is None:
            return None
        steps = (self.time >= SETTLING) & (self.time < min(HEARD, seconds - 1.0))
        return steps if np.count_nonzero(steps) >= FEWEST_STEPS else None


def read_pieces(ratings: Path) -> list[Piece]:
    """Read the pieces of a folder of ratings."""
    over_time = json.loads((ratings / "over_time.json").read_text(encoding="utf-8"))
    pieces = []
    with (ratings / "ratings.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            name = Path(row["path"]).stem
            said = over_time[name]
            pieces.append(
                Piece(
                    name,
                    row["game"],
                    {axis: float(row[axis]) for axis in AXES},
                    np.array(said["time"]) if "time" in said else None,
                    {axis: np.array(said[axis]) for axis in AXES},
                    {axis: np.array(said[f"{axis}_halves"]) for axis in AXES},
                )
            )
    return pieces


# --- What a model, or a simple property of the sound, says ---------------------------------------


@dataclass(frozen=True)
class Curve:
    """Something over time: values at seconds, each of shape (n,)."""

    time: Floats
    values: Floats

    def at(self, time: Floats) -> Floats:
        """Return the values at other times, by straight lines in between."""
        return np.interp(time, self.time, self.values)


@dataclass(frozen=True)
class Answer:
    """What is said of one piece: by axis a number of the whole, and a curve."""

    whole: Mapping[str, float] = field(default_factory=dict)
    course: Mapping[str, Curve] = field(default_factory=dict)

    @classmethod
    def of_prediction(cls, prediction: TrackPrediction) -> Answer:
        """Return what a model says."""
        course = prediction.timeline
        return cls(
            {axis: float(getattr(prediction, axis)) for axis in AXES},
            {axis: Curve(course.time, getattr(course, axis).astype(np.float64)) for axis in AXES},
        )

    @classmethod
    def of_curve(cls, curve: Curve) -> Answer:
        """Return a curve as valence and as arousal, whose mean is that of the whole."""
        mean = float(curve.values.mean())
        return cls(dict.fromkeys(AXES, mean), dict.fromkeys(AXES, curve))


def frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut sound into frames, shape (frames, 1,024)."""
    return samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)


def smoothed(values: Floats, rate: int) -> Floats:
    """Return means over 6 s of values of frames."""
    return uniform_filter1d(values, int(SMOOTHING * rate / FRAME), mode="nearest")


def spectral_flux(samples: NDArray[np.float32], rate: int) -> Curve:
    """Return by how much the log spectrum rises from frame to frame, mean over 6 s."""
    spectra = np.log1p(100.0 * np.abs(np.fft.rfft(frames(samples) * np.hanning(FRAME), axis=1)))
    rise = np.maximum(np.diff(spectra, axis=0), 0.0).mean(axis=1)
    return Curve(np.arange(1, len(rise) + 1) * FRAME / rate, smoothed(rise, rate))


def level(samples: NDArray[np.float32], rate: int) -> Curve:
    """Return the level in dB, over 6 s."""
    power = smoothed(np.square(frames(samples), dtype=np.float64).mean(axis=1), rate)
    time = (np.arange(len(power)) + 0.5) * FRAME / rate
    return Curve(time, 10.0 * np.log10(power + 1e-10))


def major_key(samples: NDArray[np.float32], rate: int) -> Curve:
    """Return how well the pitches fit the profile of a major key, mean over 27 s."""
    column = FEATURES["summary"].columns.index("harmony_18")
    parts = [
        segment_features(segments.waveforms, ["summary"])["summary"][:, column]
        for segments in segment_blocks([samples], rate, rates=sample_rates(["summary"]))
    ]
    fit = uniform_filter1d(np.float64(np.concatenate(parts)), KEY_SEGMENTS, mode="nearest")
    return Curve((np.arange(len(fit)) + 0.5) * SEGMENT_SECONDS, fit)


PROPERTIES = {
    "spectral flux alone": spectral_flux,
    "level alone": level,
    "fit to a major key alone": major_key,
}
RISING = Curve(np.array([0.0, NEVER]), np.array([0.0, 1.0]))

VIBENET = """
import json, sys
from vibenet import load_model
model = load_model()
for line in sys.stdin:
    [said] = model.predict(line.rstrip("\\n"))
    print(json.dumps({"arousal": float(said.energy), "valence": float(said.valence)}), flush=True)
"""


def ask_vibenet(python: str, paths: Sequence[str]) -> list[Answer]:
    """Return what VibeNet says of files, which have no line break in their names."""
    done = subprocess.run(
        [python, "-c", VIBENET], input="\n".join(paths), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"VibeNet failed with {python}:\n{done.stderr[-2000:]}")
    return [Answer(json.loads(line)) for line in done.stdout.splitlines()]


# --- How far they agree --------------------------------------------------------------------------


def spearman(one: Floats, other: Floats) -> float:
    """Return the rank correlation of two lists; NaN where one of them is constant.

    Examples
    --------
    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.4, 9.0]))
    1.0
    """
    if np.ptp(one) < 1e-9 or np.ptp(other) < 1e-9:
        return float("nan")
    ranks = np.stack([rankdata(one), rankdata(other)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    return float(ranks[0] @ ranks[1] / np.sqrt(np.square(ranks).sum(axis=1).prod()))


@dataclass(frozen=True)
class Drawn:
    """A figure, and the same of each resample of games."""

    value: float
    draws: Floats

    def __sub__(self, other: Drawn) -> Drawn:
        return Drawn(self.value - other.value, self.draws - other.draws)

    @property
    def ceiling(self) -> Drawn:
        """What a perfect predictor could reach, where this is one half against the other.

        Spearman and Brown: the reliability of the mean of all raters is ``2 r / (1 + r)``, and the
        square root of a reliability is the highest correlation with it.
        """
        value, draws = (
            np.sqrt(np.maximum(0.0, 2.0 * r / (1.0 + r))) for r in (self.value, self.draws)
        )
        return Drawn(float(value), draws)

    @property
    def estimate(self) -> Estimate:
        """The figure with its interval."""
        return Estimate(self.value, *percentile_interval(self.draws))


def over_pieces(one: Floats, other: Floats, game: NDArray[np.int64], weights: Floats) -> Drawn:
    """Return the rank correlation over pieces; ``weights`` (draws, games), how often each is in."""

    def drawn(times: Floats) -> float:
        chosen = np.repeat(np.arange(len(one)), times[game].astype(int))
        return spearman(one[chosen], other[chosen])

    return Drawn(spearman(one, other), np.array([drawn(times) for times in weights]))


def mean_over_pieces(values: Floats, game: NDArray[np.int64], weights: Floats) -> Drawn:
    """Return the mean of what each piece has, NaN left out."""
    has = np.isfinite(values)
    counts = weights[:, game[has]]
    with np.errstate(invalid="ignore"):
        draws = counts @ values[has] / counts.sum(axis=1)
    return Drawn(float(values[has].mean()), draws)


@dataclass(frozen=True)
class Raters:
    """The pieces, which steps of each are followed, and the resamples of their games."""

    pieces: Sequence[Piece]
    steps: Sequence[NDArray[np.bool_] | None]
    n_resamples: int = N_RESAMPLES

    @property
    def games(self) -> int:
        """How many games there are."""
        return len({piece.game for piece in self.pieces})

    @property
    def _game(self) -> NDArray[np.int64]:
        return np.unique([piece.game for piece in self.pieces], return_inverse=True)[1]

    @property
    def _weights(self) -> Floats:
        return resample_groups(self.games, n_resamples=self.n_resamples)

    def people(self, axis: str) -> Floats:
        """Return what raters say of each piece, shape (pieces,)."""
        return np.array([piece.whole[axis] for piece in self.pieces])

    def agreement(self, answers: Sequence[Answer]) -> dict[str, Drawn]:
        """Return how far answers, one per piece, agree with the raters, by measure."""
        found: dict[str, Drawn] = {}
        for axis in AXES:
            if all(axis in answer.whole for answer in answers):
                said = np.array([answer.whole[axis] for answer in answers])
                found[axis] = over_pieces(self.people(axis), said, self._game, self._weights)
            if all(axis in answer.course for answer in answers):
                values = [
                    answer.course[axis].at(piece.time[steps] - LATE)
                    if steps is not None and piece.time is not None
                    else None
                    for answer, piece, steps in zip(answers, self.pieces, self.steps, strict=True)
                ]
                found |= self._over_time(axis, values)
        return found

    def halves(self) -> dict[str, Drawn]:
        """Return how far one half of the raters agrees with the other, by measure."""
        found: dict[str, Drawn] = {}
        for axis in AXES:
            means = np.array([piece.halves[axis].mean(axis=1) for piece in self.pieces]).T
            found[axis] = over_pieces(means[0], means[1], self._game, self._weights)
            one, other = (
                [
                    None if steps is None else piece.halves[axis][half, steps]
                    for piece, steps in zip(self.pieces, self.steps, strict=True)
                ]
                for half in (0, 1)
            )
            found |= self._over_time(axis, one, other)
        return found

    def _over_time(
        self, axis: str, said: Sequence[Floats | None], against: Sequence[Floats | None] = ()
    ) -> dict[str, Drawn]:
        """Return the mean rank correlation within pieces, of all and of those that move most."""
        people = [
            None if steps is None else piece.course[axis][steps]
            for piece, steps in zip(self.pieces, self.steps, strict=True)
        ]
        pairs = zip(said, against or people, strict=True)
        within = np.array([np.nan if a is None or b is None else spearman(a, b) for a, b in pairs])
        moves = np.array([np.nan if curve is None else curve.std() for curve in people])
        is_moving = moves >= np.nanquantile(moves, MOVING)
        return {
            f"{axis}_{which}": mean_over_pieces(values, self._game, self._weights)
            for which, values in (
                ("over_time", within),
                ("moving", np.where(is_moving, within, np.nan)),
            )
        }

    def named_first(self, model: str, predictions: Sequence[TrackPrediction]) -> NamedFirst:
        """Return which emotions a model names first, and how pleasant what it calls calm is."""
        valence = self.people("valence")
        is_low = valence <= np.quantile(valence, LOWEST)
        is_calm = np.array([one.top == "calmness" for one in predictions])
        is_sure = is_calm & np.array([one.confidence >= CERTAIN for one in predictions])
        arousal = self.people("arousal")
        quadrant = list(
            zip(valence > np.median(valence), arousal > np.median(arousal), strict=True)
        )

        def first(among: Sequence[bool]) -> dict[str, int]:
            chosen = zip(predictions, among, strict=True)
            counts = Counter(one.top for one, is_among in chosen if is_among)
            return {name: counts[name] for name in EMOTIONS}

        return NamedFirst(
            model,
            first([True] * len(predictions)),
            calm=int(is_calm.sum()),
            calm_unpleasant=int((is_calm & is_low).sum()),
            sure=int(is_sure.sum()),
            sure_unpleasant=int((is_sure & is_low).sum()),
            quadrants={
                name: first([one == signs for one in quadrant]) for signs, name in QUADRANTS.items()
            },
        )


def agreement_row(
    name: str, kind: Kind, drawn: Mapping[str, Drawn], version: str = ""
) -> Agreement:
    figures = {name: drawn[name].estimate for name in MEASURES if name in drawn}
    return Agreement(name, kind, figures, version)


def predictions_of(model: str, paths: Sequence[str], jobs: int) -> list[TrackPrediction]:
    found = []
    with progress_bar(model) as progress:
        for outcome in predict_files(paths, model, jobs=jobs, progress=progress):
            if outcome.prediction is None:
                sys.exit(f"error: {outcome.path}: {outcome.error}")
            found.append(outcome.prediction)
    return found


# --- A model taken apart -------------------------------------------------------------------------

PARTS = {
    "level": "level",
    "spectral flux": "summary.flux",
    "tags": "tags.",
    "fit to a major key": "summary.harmony",
}
"""Parts that valence and arousal are read from beside intensities: how their terms begin."""

VARIED_SECONDS = (3.0, 9.0, 15.0, 27.0)


def without(dimension: Dimension, beginning: str) -> Dimension:
    """Return a dimension without the terms that begin so."""
    terms = {
        term: weight for term, weight in dimension.terms.items() if not term.startswith(beginning)
    }
    return replace(dimension, terms=terms)


def variants(card: Card) -> dict[str, Card]:
    """Return cards that read valence and arousal otherwise, by what is other."""
    found = {"intensities alone": replace(card, valence=VALENCE, arousal=AROUSAL)}
    for name, beginning in PARTS.items():
        valence, arousal = (without(one, beginning) for one in (card.valence, card.arousal))
        if (valence, arousal) != (card.valence, card.arousal):
            found[f"without {name}"] = replace(card, valence=valence, arousal=arousal)
    for seconds in VARIED_SECONDS:
        valence, arousal = (replace(one, seconds=seconds) for one in (card.valence, card.arousal))
        found[f"features over {seconds:g} s"] = replace(card, valence=valence, arousal=arousal)
    return found


def variant_rows(
    model: str, raters: Raters, paths: Sequence[str], jobs: int
) -> Iterator[Agreement]:
    """Yield how far each variant of a model agrees with the raters."""
    package = find_package(model)
    graph = (package / ONNX_FILE).read_bytes()
    for name, card in variants(read_card(package)).items():
        with tempfile.TemporaryDirectory() as folder:
            write_package(Path(folder), card, graph)
            predictions = predictions_of(folder, paths, jobs)
        answers = [Answer.of_prediction(one) for one in predictions]
        yield agreement_row(name, "variant", raters.agreement(answers))


# --- All of it -----------------------------------------------------------------------------------


def measure(
    pieces: Sequence[Piece],
    paths: Sequence[str],
    models: Sequence[str],
    *,
    vibenet: str = "",
    taken_apart: str = "",
    jobs: int = 1,
) -> Elsewhere:
    """Measure models on the pieces, whose audio is at ``paths``."""
    answers: dict[str, list[Answer]] = {name: [] for name in PROPERTIES}
    steps = []
    for piece, path in zip(pieces, paths, strict=True):
        sound = decode(path)
        steps.append(piece.followed(sound.duration))
        for name, curve in PROPERTIES.items():
            answers[name].append(Answer.of_curve(curve(sound.samples, sound.sample_rate)))
    raters = Raters(pieces, steps)
    drawn = {name: raters.agreement(said) for name, said in answers.items()}
    flux = drawn["spectral flux alone"]
    rows, named, less_flux = list[Agreement](), list[NamedFirst](), list[Agreement]()
    for model in models:
        predictions = predictions_of(model, paths, jobs)
        found = raters.agreement([Answer.of_prediction(one) for one in predictions])
        rows.append(agreement_row(model, "model", found, predictions[0].version))
        differences = {name: found[name] - flux[name] for name in MEASURES if "arousal" in name}
        less_flux.append(agreement_row(f"`{model}` less spectral flux", "difference", differences))
        named.append(raters.named_first(model, predictions))
    if vibenet:
        peer = raters.agreement(ask_vibenet(vibenet, paths))
        rows.append(agreement_row("VibeNet 0.1.0", "peer", peer))
    line = raters.agreement([Answer(course=dict.fromkeys(AXES, RISING))] * len(pieces))
    rows += [agreement_row(name, "sound", found) for name, found in drawn.items()]
    rows.append(agreement_row("a line that rises", "sound", line))
    halves = raters.halves()
    ceilings = {name: found.ceiling for name, found in halves.items()}
    rows.append(agreement_row("half of the raters against half", "people", halves))
    rows.append(agreement_row("the most that could be reached", "people", ceilings))
    varied = tuple(variant_rows(taken_apart, raters, paths, jobs)) if taken_apart else ()
    return Elsewhere(
        command="python benchmarks/vgmidi.py RATINGS RENDERED",
        date=today(),
        machine=machine(),
        versions=versions(),
        data="VGMIDI",
        pieces=len(pieces),
        games=raters.games,
        pieces_over_time=sum(one is not None for one in steps),
        resamples=raters.n_resamples,
        rows=(*rows, *less_flux),
        taken_apart=taken_apart,
        variants=varied,
        named=tuple(named),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("ratings", type=Path, help="folder with ratings.csv and over_time.json")
    parser.add_argument("rendered", type=Path, help="folder with the pieces as MP3 files")
    parser.add_argument("--model", action="append", help=f"by default {', '.join(MODELS)}")
    parser.add_argument("--vibenet", default="", metavar="PYTHON", help="that has VibeNet 0.1.0")
    parser.add_argument("--variants", default="", metavar="NAME", help="a model to take apart")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    pieces = [
        piece
        for piece in read_pieces(options.ratings)
        if (options.rendered / f"{piece.name}.mp3").is_file()
    ]
    if not pieces:
        parser.error(f"no piece of {options.ratings} is in {options.rendered}")
    paths = [str(options.rendered / f"{piece.name}.mp3") for piece in pieces]
    models = options.model or MODELS
    try:
        found = measure(
            pieces,
            paths,
            models,
            vibenet=options.vibenet,
            taken_apart=options.variants,
            jobs=options.jobs,
        )
    except MusicEmotionError as error:
        sys.exit(f"error: {error}")
    print(elsewhere_table(found))
    if found.variants:
        print(f"\n{variants_table(found)}")
    if options.json is not None:
        write_output(options.json, json_text(found).encode())


if __name__ == "__main__":
    main()
