"""Whether the data can be worked with: every file that cannot is named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from music_emotion.audio import decode
from music_emotion.datasets import emotify, folder
from music_emotion.datasets.corpus import LEFT_OUT
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
        for done, (is_published, problem, remarks) in enumerate(checks, 1):
            published += is_published
            problems += [problem] if problem else []
            warnings += remarks
            if progress is not None:
                progress(done, len(paths))
    if not problems or source.kind == "folder":
        _load(source, seed, problems, warnings)
    return Validation(len(paths), published, tuple(problems), tuple(warnings))


def _load(source: Source, seed: int, problems: list[str], warnings: list[str]) -> None:
    """Add what the loader says beyond single files: counts, genres, ratings, those over time."""
    try:
        remarks = source.load(seed=seed).remarks
    except DatasetError as error:
        problems += [str(error)] if not problems else []
        return
    for remark in remarks:
        plain = remark.removeprefix(LEFT_OUT)
        if plain == remark or source.kind != "folder":
            warnings.append(remark)
        elif plain not in problems:
            problems.append(plain)


def _folder_audio(source: Source, problems: list[str]) -> dict[str, Path]:
    """Return a folder's audio files by id, adding the table's mistakes to ``problems``."""
    if source.table is None:
        raise DatasetError(f"{source.root}: a folder needs a table; name it with --csv")
    manifest, paths, found = folder.read_folder(source.root, source.table, source.ratings)
    problems += found
    rows = zip(manifest.rows, paths, strict=True)
    return {row.track.id: path for row, path in rows if path.is_file()}


def _check_audio(path: Path, digest: str | None) -> tuple[bool, str, list[str]]:
    """Return whether a file is the published one; if not, its problem and its warnings."""
    try:
        if digest is not None and file_digest(path) == digest:
            return True, "", []
        sound = decode(path)
    except (AudioError, MissingExtraError) as error:
        return False, str(error), []
    except OSError as error:
        return False, f"{path}: cannot be read ({error.strerror or error}); check the file", []
    return False, "", [f"{path}: {warning}" for warning in sound.warnings]
