"""What is in a corpus, in a few lines of text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from music_emotion.audio.files import read_header
from music_emotion.datasets.corpus import NO_LABEL, Corpus, Track
from music_emotion.emotions import EMOTIONS, GEMS
from music_emotion.errors import AudioError, MissingExtraError

LONGEST_GROUPS = 5
EXAMPLES = 5
RARE = {
    1: "one track only; it can be learnt or tested, not both",
    0: "no track; models will never predict it",
}
"""What to say of emotions that have so many tracks, too few for a fair test."""


@dataclass(frozen=True, slots=True)
class CorpusStatistics:
    """What is in a corpus.

    Attributes
    ----------
    classes, genres
        Tracks per emotion, in the emotions' order, and per genre, in order of appearance.
    groups
        Names and sizes of the groups that an honest split keeps whole, largest first.
    duplicates
        Ids that share a recording.
    listeners, durations
        Listeners, where known, and seconds, as the header states them, of each track, sorted.
    votes
        Number of ticks in all.
    ties
        Tracks whose dominant emotion shares its number of votes with another.
    unreadable
        Ids of tracks whose header cannot be read.
    """

    corpus: Corpus
    classes: tuple[int, ...]
    genres: dict[str, int]
    groups: tuple[tuple[str, int], ...]
    duplicates: tuple[tuple[str, ...], ...]
    listeners: tuple[int, ...]
    votes: int
    ties: int
    durations: tuple[float, ...]
    unreadable: tuple[str, ...]


def corpus_statistics(corpus: Corpus) -> CorpusStatistics:
    """Count what is in a corpus; of the audio only the headers are read."""
    groups = Counter(track.group or track.id for track in corpus.tracks)
    recordings: dict[str, list[str]] = {}
    for track in corpus.tracks:
        recordings.setdefault(track.recording or track.id, []).append(track.id)
    durations = {track.id: _duration(track) for track in corpus.tracks}
    genres = Counter(track.genre for track in corpus.tracks if track.genre)
    all_votes = [track.votes for track in corpus.tracks if track.votes is not None]
    return CorpusStatistics(
        corpus=corpus,
        classes=tuple(
            np.bincount(corpus.labels[corpus.labels != NO_LABEL], minlength=len(EMOTIONS)).tolist()
        ),
        genres=dict(genres),
        groups=tuple(sorted(groups.items(), key=lambda item: (-item[1], item[0]))),
        duplicates=tuple(tuple(ids) for ids in recordings.values() if len(ids) > 1),
        listeners=tuple(sorted(track.listeners for track in corpus.tracks if track.listeners)),
        votes=sum(map(sum, all_votes)),
        ties=sum(votes.count(max(votes)) > 1 for votes in all_votes),
        durations=tuple(sorted(value for value in durations.values() if value is not None)),
        unreadable=tuple(name for name, value in durations.items() if value is None),
    )


def render(statistics: CorpusStatistics) -> str:
    """Return the statistics as lines of text."""
    corpus = statistics.corpus
    lines = [f"{corpus.name}: {len(corpus)} tracks", corpus.note, ""]
    width = max(len(emotion.label) for emotion in GEMS)
    if any(statistics.classes):
        for emotion, count in zip(GEMS, statistics.classes, strict=True):
            lines.append(f"  {emotion.label:<{width}}  {count:>5}  {count / len(corpus):>6.1%}")
        lines.append("")
    lines += _rating_lines(corpus)
    if statistics.genres:
        lines.append("genres      " + ", ".join(f"{k} {n}" for k, n in statistics.genres.items()))
    if statistics.listeners:
        low, middle, high = _spread(statistics.listeners)
        lines.append(
            f"listeners   {sum(statistics.listeners)} in all, {low:g} to {high:g} per track, "
            f"median {middle:g}; {statistics.votes} ticks; {statistics.ties} tracks are ties"
        )
    largest = ", ".join(f"{name} {size}" for name, size in statistics.groups[:LONGEST_GROUPS])
    lines.append(f"groups      {len(statistics.groups)}, the largest: {largest}")
    if statistics.duplicates:
        lines.append("duplicates  " + _some([" = ".join(ids) for ids in statistics.duplicates]))
    if statistics.durations:
        low, middle, high = _spread(statistics.durations)
        lines.append(
            f"durations   {low:.1f} to {high:.1f} s, median {middle:.1f} s, "
            f"{sum(statistics.durations) / 3600:.2f} h in all"
        )
    if statistics.unreadable:
        lines.append("unreadable  " + _some(statistics.unreadable))
    lines.append(f"fingerprint {corpus.fingerprint}")
    lines += [f"note: {remark}" for remark in corpus.remarks]
    for number, remark in RARE.items() if any(statistics.classes) else ():
        counts = zip(GEMS, statistics.classes, strict=True)
        if rare := [emotion.label for emotion, count in counts if count == number]:
            lines.append(f"note: {', '.join(rare)}: {remark}")
    return "\n".join(lines)


def _rating_lines(corpus: Corpus) -> list[str]:
    """Return a line per scale: its ends, what tracks were given, how many raters gave it."""
    ratings = corpus.ratings
    if ratings is None:
        return []
    lines = []
    for number, scale in enumerate(ratings.scales):
        given = np.sort(ratings.mean[:, number][np.isfinite(ratings.mean[:, number])])
        raters = ratings.raters[:, number][ratings.raters[:, number] > 0]
        line = (
            f"rating      {scale}: {given[0]:.3g} to {given[-1]:.3g}, median "
            f"{np.median(given):.3g}, {len(given)} tracks"
        )
        if len(raters):
            line += f"; {raters.min()} to {raters.max()} raters"
        lines.append(line)
    return [*lines, ""]


def _duration(track: Track) -> float | None:
    try:
        return read_header(track.path).duration
    except (AudioError, MissingExtraError):
        return None


def _spread(values: tuple[float, ...]) -> tuple[float, float, float]:
    return values[0], float(np.median(values)), values[-1]


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - EXAMPLES
    return ", ".join(names[:EXAMPLES]) + (f" and {more} more" if more > 0 else "")
