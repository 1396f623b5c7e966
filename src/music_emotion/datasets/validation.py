"""Whether the data can be worked with: every file that cannot is named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from music_emotion.audio import decode
from music_emotion.datasets import emotify, folder
from music_emotion.datasets.corpus import LEFT_OUT, Corpus
from music_emotion.datasets.courses import REACTION_SECONDS
from music_emotion.datasets.sources import Source
from music_emotion.digest import file_digest
from music_emotion.errors import AudioError, DatasetError, MissingExtraError
from music_emotion.progress import Progress

DECODING_THREADS = 2


@dataclass(frozen=True, slots=True)
class Validation:
    """What is wrong with the data.

    Attributes
    ----------
    files, published
        Audio files looked at, and how many are EMOTIFY's published ones, byte for byte.
    problems, warnings
        One line for each that stops work, and each file that can be used but is not quite right.
    """

    files: int
    published: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Whether nothing stops work."""
        return not self.problems


def render(validation: Validation) -> str:
    """Return what is wrong as lines of text, the verdict last."""
    lines = [f"problem: {problem}" for problem in validation.problems]
    lines += [f"warning: {warning}" for warning in validation.warnings]
    count = len(validation.problems)
    verdict = f"{count} problem{'s' if count > 1 else ''}" if count else "valid"
    counts = f"{validation.files} audio files, {len(validation.warnings)} with warnings"
    if validation.published:
        counts += f", {validation.published} as published"
    return "\n".join([*lines, f"{verdict}: {counts}"])


def validate(source: Source, *, seed: int = 0, progress: Progress | None = None) -> Validation:
    """Check tables and tags, and decode every audio file that is not a published one.

    Problems are collected, so that one call names all of them; ``progress`` is called with (files
    done, files in all).
    """
    problems: list[str] = []
    warnings: list[str] = []
    if source.kind in ("demo", "published"):
        paths = {track.id: track.path for track in source.load(seed=seed).tracks}
    elif source.kind == "emotify":
        found = emotify.locate_audio(source.root)
        paths = {emotify.published_name(track_id): path for track_id, path in found.items()}
        problems += [
            f"{source.root / emotify.published_name(track_id)}: is missing; {emotify.REMEDY}"
            for track_id in emotify.TRACK_IDS
            if track_id not in found
        ]
    else:
        paths = _folder_audio(source, problems)
    digests = emotify.published_digests()
    published = 0
    with ThreadPoolExecutor(DECODING_THREADS) as pool:
        checks = pool.map(_check_audio, paths.values(), map(digests.get, paths))
        durations = {}
        for done, (path, checked) in enumerate(zip(paths.values(), checks, strict=True), 1):
            published += checked.is_published
            problems += [checked.problem] if checked.problem else []
            warnings += checked.warnings
            durations[path] = checked.duration
            if progress is not None:
                progress(done, len(paths))
    if not problems or source.kind == "folder":
        corpus = _load(source, seed, problems, warnings)
        warnings += [] if corpus is None else _after_the_end(corpus, durations)
    return Validation(len(paths), published, tuple(problems), tuple(warnings))


def _load(source: Source, seed: int, problems: list[str], warnings: list[str]) -> Corpus | None:
    """Load the data, ``None`` where that cannot be done.

    Adds what the loader says beyond single files: counts, genres, ratings, those over time.
    """
    try:
        corpus = source.load(seed=seed)
    except DatasetError as error:
        problems += [str(error)] if not problems else []
        return None
    for remark in corpus.remarks:
        plain = remark.removeprefix(LEFT_OUT)
        if plain == remark or source.kind != "folder":
            warnings.append(remark)
        elif plain not in problems:
            problems.append(plain)
    return corpus


def _after_the_end(corpus: Corpus, durations: Mapping[Path, float]) -> Iterator[str]:
    """Yield a line for each track with ratings of moments that its audio does not have.

    ``durations`` are in seconds, NaN where the audio was not decoded.
    """
    for track in corpus.tracks:
        end = durations.get(track.path, math.nan)
        if track.course is not None:
            after = int(np.count_nonzero(track.course.time > end + REACTION_SECONDS))
            if after:
                yield (
                    f"{track.path}: {after} of its {len(track.course.time)} ratings over time lie "
                    f"after its end ({end:.1f} s); give their times in seconds from the beginning"
                )


def _folder_audio(source: Source, problems: list[str]) -> dict[str, Path]:
    """Return a folder's audio files by id, adding the table's mistakes to ``problems``."""
    if source.table is None:
        raise DatasetError(f"{source.root}: a folder needs a table; name it with --csv")
    manifest, paths, found = folder.read_folder(source.root, source.table, source.ratings)
    problems += found
    rows = zip(manifest.rows, paths, strict=True)
    return {row.track.id: path for row, path in rows if path.is_file()}


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is wrong with a file, and how long it is, in seconds, if it was decoded."""

    is_published: bool = False
    problem: str = ""
    warnings: tuple[str, ...] = ()
    duration: float = math.nan


def _check_audio(path: Path, digest: str | None) -> _Checked:
    """Decode a file that is not the published one."""
    try:
        if digest is not None and file_digest(path) == digest:
            return _Checked(is_published=True)
        sound = decode(path)
    except (AudioError, MissingExtraError) as error:
        return _Checked(problem=str(error))
    except OSError as error:
        reason = error.strerror or error
        return _Checked(problem=f"{path}: cannot be read ({reason}); check the file")
    warnings = tuple(f"{path}: {warning}" for warning in sound.warnings)
    return _Checked(warnings=warnings, duration=sound.duration)
