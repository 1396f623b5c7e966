"""Which data a command works on: EMOTIFY, a user's own folder, or the synthesised corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from music_emotion.datasets import demo, emotify, folder
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.known import find_loader
from music_emotion.datasets.ratings import Scale
from music_emotion.errors import DatasetError

Kind = Literal["emotify", "folder", "demo", "published"]

FALLBACK_REMARK = (
    "EMOTIFY is not found, so this runs on a small synthesised corpus: its figures show that the "
    "machinery works, nothing about music (for the real one: music-emotion dataset download)."
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where labelled tracks come from.

    Attributes
    ----------
    root
        Folder of the audio (``demo``: of the synthesised corpora).
    table
        The CSV file of labels; ``None`` for ``demo``, which writes its own.
    remark
        What a user should be told before the work starts; may be empty.
    ratings
        The table's columns of ratings where it does not show them itself.
    """

    kind: Kind
    root: Path
    table: Path | None = None
    remark: str = ""
    ratings: tuple[Scale, ...] = ()

    def load(self, *, seed: int = 0) -> Corpus:
        """Load the tracks, or raise DatasetError; only the synthesised corpus has a seed."""
        if self.kind == "emotify":
            return emotify.load(self.root)
        if self.kind == "folder" and self.table is not None:
            return folder.load(self.root, self.table, ratings=self.ratings)
        if self.kind == "published" and (loader := find_loader(self.root)) is not None:
            return loader.load(self.root)
        return demo.synthesise(self.root, seed)


def find_source(
    data: Path | None = None,
    csv: Path | None = None,
    *,
    use_demo: bool = False,
    or_demo: bool = False,
    ratings: Sequence[Scale] = (),
) -> Source:
    """Say where the tracks are, without reading them.

    Parameters
    ----------
    data
        Folder of EMOTIFY or of another known data set (:mod:`.known`), or with ``csv`` of a user's
        own audio. By default EMOTIFY where :func:`.emotify.find_root` finds it.
    csv
        A user's own table; its paths start from ``data``, or from the table's folder without it.
    use_demo
        Synthesise the demo corpus in the user's cache, or under ``data`` where that is given.
    or_demo
        Do so only where no data are named and EMOTIFY is not found.
    ratings
        The columns of ratings of ``csv`` where it does not show them itself.

    Raises
    ------
    DatasetError
        If nothing is found or the arguments exclude each other; the message names the remedies.
    """
    if use_demo:
        if csv is not None:
            raise DatasetError("--demo and --csv exclude each other; give one of them")
        return Source("demo", data or emotify.user_cache().with_name(demo.NAME))
    if csv is not None:
        return Source("folder", data or csv.parent, csv, ratings=tuple(ratings))
    root = data or emotify.find_root()
    if root is None and or_demo:
        place = emotify.user_cache().with_name(demo.NAME)
        return Source("demo", place, remark=FALLBACK_REMARK)
    if root is None:
        raise DatasetError(
            "no data: EMOTIFY is not found; fetch it with `music-emotion dataset download`, point "
            f"{emotify.ROOT_VARIABLE} or --data at it, give your own tracks with --csv, or try "
            "--demo"
        )
    if not root.is_dir():
        raise DatasetError(f"{root}: is not a folder; name the folder of the data")
    if not (root / emotify.ANNOTATIONS).is_file():
        if find_loader(root) is not None:
            return Source("published", root)
        raise DatasetError(
            f"{root}: holds no {emotify.ANNOTATIONS}, so it is not EMOTIFY; for your own tracks "
            "name their table with --csv (`music-emotion dataset list` names others)"
        )
    return Source("emotify", root, root / emotify.ANNOTATIONS)


def open_corpus(
    data: Path | None = None,
    csv: Path | None = None,
    *,
    use_demo: bool = False,
    seed: int = 0,
    ratings: Sequence[Scale] = (),
) -> Corpus:
    """Load the tracks :func:`find_source` finds."""
    return find_source(data, csv, use_demo=use_demo, ratings=ratings).load(seed=seed)
