"""``model.md`` of an exported model: how any program gets from sound to its answer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from music_emotion.emotions import EMOTIONS
from music_emotion.features.compute import FEATURES
from music_emotion.features.graphs import MUSICNN_LICENCE
from music_emotion.features.musicnn import SAMPLE_RATE as EAR_RATE
from music_emotion.features.segments import (
    SAMPLE_RATE,
    SEGMENT_SECONDS,
    segment_count,
    segment_length,
)
from music_emotion.inference.ear import (
    AUDIBLE,
    COLUMNS_FILE,
    EAR_FILE,
    LEVEL,
    WAVEFORM,
    has_ear,
    holds_musicnn,
)
from music_emotion.inference.model_card import CARD_FILE, Card
from music_emotion.inference.package import COURSE_FILE, ONNX_FILE
from music_emotion.inference.reference import REFERENCE_FILE
from music_emotion.inference.segmenter import (
    AUDIBLE_LEVELS,
    LEAST_POWER,
    LEVEL_SECONDS,
    LOWEST_LEVEL,
    MIN_SECONDS,
    SILENT_LEVEL,
)
from music_emotion.inference.valence_arousal import ENDS, Dimension
from music_emotion.models.pooling import MOMENT_SEGMENTS
from music_emotion.models.sections import CONTEXT, NOVELTY, POSITION, SHORTEST

PAGE_FILE = "model.md"
WIDTH = 98  # columns of a line

HEARD = {
    "musicnn": "maxima and means over time of what the network MSD_musicnn hears",
    "tags": "log-odds of 50 tags by the same network",
    "summary": "timbre, movement, rhythm, dynamics and harmony",
}
"""What the features are that there is a graph for."""


SECTIONS = (
    f"""A graph with a third output, `{POSITION}`, float32 (n, d), tells where one music ends and
    another begins. Pool each audible segment alone (its own values as mean, 0 as std) to get its
    position. The novelty of a place between two segments is the squared distance between the mean
    position of the {CONTEXT} segments before it and that of the {CONTEXT} after it, less their
    scatter: the variances (dividing by {CONTEXT - 1}) summed over the columns, the mean of before
    and after, times {2 / CONTEXT:g}.""",
    f"""Of the places with {SHORTEST} segments or more on both sides and a novelty of {NOVELTY:g} or
    more, the one with the largest is a boundary, then each next one that is {SHORTEST} segments or
    more from every boundary so far. Silent segments belong to the section before them. A graph
    without that output knows one section.""",
)


def model_page(card: Card) -> str:
    """Return the page, in Markdown.

    Examples
    --------
    >>> from music_emotion.inference.package import find_package, read_card
    >>> model_page(read_card(find_package("light"))).splitlines()[0].split("-")[0]
    '# light 0.2.0'
    """
    has_graph = has_ear(card.computed_features)
    parts = [
        f"# {card.name} {card.version}",
        f"{card.summary[:1].upper()}{card.summary[1:]}." if card.summary else "",
        _text(
            "How a program gets from sound to an answer. All numbers below are in "
            f"`{CARD_FILE}`, too; `music-emotion models` shows the whole card."
        ),
        _files(card),
        *_segments(EAR_RATE if has_graph else SAMPLE_RATE),
        *(_features(card) if has_graph else _inputs(card)),
        *(_rated(card) if card.scales else (*_points(card), *_whole(card), *_dimensions(card))),
        *_lines("Limits", card.limits),
        *_lines("Licences", card.licences),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _files(card: Card) -> str:
    whose = "a span" if card.scope == "track" else "a segment"
    what = "ratings" if card.scales else "emotions and intensities"
    if card.scales and card.scope == "track":
        whose = "a track"
    rows = [(f"`{ONNX_FILE}`", f"from features of {whose} to {what}")]
    if card.course_sha256:
        rows.append((f"`{COURSE_FILE}`", "from the same of a moment to by how much it differs"))
    if has_ear(card.computed_features):
        rows.insert(0, (f"`{EAR_FILE}`", f"from {SEGMENT_SECONDS:g} s of sound to features"))
        rows.append((f"`{COLUMNS_FILE}`", "names of the features' columns"))
    rows.append((f"`{CARD_FILE}`", "the model's card"))
    if card.reference_sha256:
        rows.append((f"`{REFERENCE_FILE}`", "what `predict` compares tracks with; not needed here"))
    if holds_musicnn(card.computed_features):
        licence = f"licence of MSD_musicnn, which is part of `{EAR_FILE}`"
        rows.append((f"`{MUSICNN_LICENCE.name}`", licence))
    return _table(("file", ""), rows)


def _segments(rate: int) -> list[str]:
    length, least = segment_length(rate), round(MIN_SECONDS * rate)
    return [
        "## Sound to segments",
        _text(
            f"""Sound is mono (the mean of the channels), {rate:,} Hz, float32, full scale ±1; what
            has another rate is resampled by soxr, and by others answers differ in the second digit.
            It is cut into segments of {length:,} samples ({SEGMENT_SECONDS:g} s), one after the
            other. What is left at the end is in one more segment, the last {length:,} samples of
            all, if it is {least:,} samples or more; less is left out. Sound shorter than a segment
            is repeated until it fills one, or refused below {least:,} samples."""
        ),
        _text(
            f"""A segment's level is 10·log10 of its mean square + {LEAST_POWER:g}, in dB. It is
            audible where the mean of |sample − mean of the samples| is {SILENT_LEVEL:g} or more,
            both over the whole segment and over at least {AUDIBLE_LEVELS} of its parts of
            {LEVEL_SECONDS:g} s."""
        ),
    ]


def _features(card: Card) -> list[str]:
    rows = [
        (f"`{name}`", f"(n, {FEATURES[name].shape[0]})", HEARD[name])
        for name in card.computed_features
    ]
    rows += [
        (f"`{LEVEL}`", "(n,)", "level in dB"),
        (f"`{AUDIBLE}`", "(n,)", "1 where it is audible, 0 where not"),
    ]
    return [
        f"## Segments to features: `{EAR_FILE}`",
        _text(
            f"""Input `samples`, float32 (n, {segment_length(EAR_RATE)}): any number of segments,
            none of which depends on another. Outputs, float32, whose columns `{COLUMNS_FILE}`
            names:"""
        ),
        _table(("output", "shape", ""), rows),
    ]


def _inputs(card: Card) -> list[str]:
    rows = []
    for name in card.computed_features:
        shape = ", ".join(map(str, ("n", *FEATURES[name].shape)))
        told = f'`segment_features(segments, ["{name}"])` of `music_emotion.features.compute`'
        is_sound = name == WAVEFORM
        rows.append((f"`{name}`", f"({shape})", "the samples themselves" if is_sound else told))
    return ["## Segments to features", _table(("feature", "shape", ""), rows)]


def _points(card: Card) -> list[str]:
    width = max(1, segment_count(card.window_seconds))
    span = (
        f"""Each segment i gives a point, which is heard from the segments i − {(width - 1) // 2} to
        i + {width // 2}, as far as there are such: {card.window_seconds:g} s, cut at the ends of
        the track{" and of its section" if card.scope == "track" else ""}. Of these only the audible
        ones count; together they are the point's span."""
        if width > 1
        else "Each audible segment gives a point, and is its span."
    )
    outputs = f"""Outputs, float32 (n, {len(EMOTIONS)}), the emotions in the order
        {", ".join(EMOTIONS)}: `emotions`, the probability of each to be the one that most listeners
        name, and `intensities`, the expected share of listeners who feel it."""
    title = f"## Features to points: `{ONNX_FILE}`"
    if card.scope == "segment":
        means = f"{span} Emotions and intensities of a point are the means over its span."
        return [title, _text(f"Inputs: the features of n segments. {outputs}"), _text(means)]
    pooling = f"""{span} A feature is pooled over the span, column by column, and the statistics are
        put one behind the other (std divides by the number of segments):"""
    header = ("input", "shape", "statistics over the span")
    return [
        title,
        _text(pooling),
        _table(header, _pooled(card)),
        _text(outputs),
        "## Sections",
        *map(_text, SECTIONS),
    ]


def _pooled(card: Card) -> list[tuple[str, str, str]]:
    return [
        (f"`{name}`", f"(n, {FEATURES[name].shape[0] * len(how)})", ", then ".join(how))
        for name, how in card.pooling.items()
    ]


def _rated(card: Card) -> list[str]:
    title = f"## Features to ratings: `{ONNX_FILE}`"
    names = ", ".join(map(str, card.scales))
    outputs = f"Output `ratings`, float32 (n, {len(card.scales)}): {names}."
    course = _course(card) if card.course_sha256 else []
    if card.scope == "segment":
        mean = "Those of a track are the means over its audible segments."
        return [title, _text(f"Inputs: the features of n segments. {outputs} {mean}"), *course]
    pooling = """A feature is pooled over the audible segments of the track, column by column, and
        the statistics are put one behind the other (std divides by the number of segments):"""
    header = ("input", "shape", "statistics over the track")
    return [title, _text(pooling), _table(header, _pooled(card)), _text(outputs), *course]


def _course(card: Card) -> list[str]:
    seen = (
        f"""Of each audible segment a feature is the mean over the {MOMENT_SEGMENTS} audible
        segments around it (fewer at the ends), less the mean of these over the track, with 0 as
        std."""
        if card.scope == "track"
        else "Inputs: the same of each audible segment."
    )
    return [
        f"## Moments to ratings over time: `{COURSE_FILE}`",
        _text(
            f"""{seen} Output `ratings`, float32 (n, {len(card.scales)}). A moment's ratings are
            those of the track, plus this, less the mean of this over the audible segments."""
        ),
    ]


def _whole(card: Card) -> list[str]:
    confidence = (
        "The confidence is the probability of the top emotion."
        if card.confidence is None
        else f"""The confidence is read off `confidence` in `{CARD_FILE}`: `accuracy` at the top
        emotion's `probability`, straight lines in between, the outermost values beyond."""
    )
    return [
        "## Points to the track",
        _text(
            f"""Emotions, intensities, valence and arousal of a track are means over its points. A
            point counts by the seconds that its segment is the first to hear: {SEGMENT_SECONDS:g},
            the last one's by what was left at the end, and 0 where its segment is not audible.
            Where nothing is audible there is no answer. {confidence}"""
        ),
    ]


def _dimensions(card: Card) -> list[str]:
    return [
        "## Valence and arousal of a point",
        _text(
            f"""tanh(offset + sum of weight × term), from −1 to 1. A term is an emotion (the point's
            intensity, 0–1), or a value of segments, whose mean is taken: `{LEVEL}`, the level minus
            the mean level of the track's audible segments, {LOWEST_LEVEL:g} at least, or a column
            of a feature."""
        ),
        *(part for name in ENDS for part in _dimension(name, getattr(card, name))),
    ]


def _dimension(name: str, dimension: Dimension) -> list[str]:
    low, high = ENDS[name]
    count = segment_count(dimension.seconds)
    over = (
        f"""Means are over the {count} segments in the middle of the point's span; of a span of
        m > {count} segments, those from number ⌊(m − {count}) / 2⌋ on, counted from 0."""
        if count
        else "Means are over the point's span."
    )
    about = _text(
        f"""**{name.capitalize()}**, {low} to {high}: offset {dimension.offset:g}.
        {over if any(term not in EMOTIONS for term in dimension.terms) else ""}"""
    )
    rows = [(f"`{term}`", f"{weight:g}") for term, weight in dimension.terms.items()]
    return [about, _table(("term", "weight"), rows)]


def _lines(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"- {line}" for line in lines)] if lines else []


def _text(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
