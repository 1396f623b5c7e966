"""What a scan leaves out: folders and files, by their names."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from music_emotion.audio.discover import MARKERS, is_system_folder
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.library.folding import folded

MOST_REASONS = 6  # that are counted one by one


@dataclass(frozen=True)
class Exclusions:
    """What is left out besides what the system and its programs keep.

    Attributes
    ----------
    patterns
        As shells have them (``*``, ``?``, ``[…]``), whatever their case: of the name of a file or
        of a folder with all it holds; with a ``/`` inside, of the path from the folder that is
        looked through, where ``*`` stands for a ``/``, too; with one in front, of the whole path;
        with one behind, of folders alone.
    """

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            if not pattern.strip("/ "):
                raise MusicEmotionError(
                    f"--exclude '{printable(pattern)}' names nothing; write for example "
                    "--exclude Podcasts or --exclude '*.wav'"
                )

    @cached_property
    def _compiled(self) -> list[tuple[str, bool, bool, re.Pattern[str]]]:
        """Each pattern, whether it is of folders alone and of paths, and its regular expression."""
        compiled = []
        for pattern in self.patterns:
            bare = pattern.rstrip("/")
            expression = re.compile(fnmatch.translate(folded(bare)))
            compiled.append((pattern, bare != pattern, "/" in bare, expression))
        return compiled

    def why(self, path: str, name: str, *, root: str, folder: bool) -> str:
        """Return in words why a file or a folder is left out; ``""`` where it is not.

        Parameters
        ----------
        path, name, root
            Absolute; what the path ends in; the folder that is looked through.
        folder
            Whether it is one.

        Examples
        --------
        >>> wav = Exclusions(("*.wav", "Audio/Kids/"))
        >>> wav.why("/m/a/b.WAV", "b.WAV", root="/m", folder=False)
        "--exclude '*.wav'"
        >>> wav.why("/m/audio/kids", "kids", root="/m", folder=True)
        "--exclude 'Audio/Kids/'"
        """
        if folder and is_system_folder(path):
            return name
        for pattern, of_folders, of_paths, expression in self._compiled:
            if of_folders and not folder:
                continue
            text = name
            if of_paths:
                text = path if pattern.startswith("/") else path[len(root.rstrip(os.sep)) + 1 :]
            if expression.match(folded(text.replace(os.sep, "/"))):
                return _named(pattern)
        return ""

    def unused(self, excluded: Mapping[str, str]) -> list[str]:
        """Return a line for each pattern that left out nothing, or nothing that others do not.

        Parameters
        ----------
        excluded
            Why what is left out is so; see :meth:`why`.

        Examples
        --------
        >>> Exclusions(("*.wav", "Music/Kids")).unused({"/m/a.wav": "--exclude '*.wav'"})
        ["--exclude 'Music/Kids' left out nothing that the others do not; its path begins in the \
folder that is scanned"]
        """
        reasons = set(excluded.values())
        lines = []
        # What several patterns leave out, the first of them is the reason for.
        nothing = "nothing" if len(self.patterns) == 1 else "nothing that the others do not"
        for pattern, _, of_paths, _ in self._compiled:
            if _named(pattern) not in reasons:
                inside = of_paths and not pattern.startswith("/")
                hint = "; its path begins in the folder that is scanned" if inside else ""
                lines.append(f"{_named(pattern)} left out {nothing}{hint}")
        return lines

    def why_all(self, paths: Iterable[str], root: str) -> dict[str, str]:
        """Return which files of a storage are left out with their folders or alone, and why.

        Parameters
        ----------
        paths
            Of all files, with ``/``.
        root
            The folder that is looked through; it and what lies above it do not count.

        Examples
        --------
        >>> names = ["b/m/a.mp3", "b/m/x/a.mp3", "b/m/x/y/b.mp3", "b/m/x/.nomedia"]
        >>> sorted(Exclusions(("b.*",)).why_all(names, "b/m"))
        ['b/m/x/.nomedia', 'b/m/x/a.mp3', 'b/m/x/y/b.mp3']
        """
        paths = list(paths)
        folders: dict[str, str] = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            if name in MARKERS and folder != root.rstrip("/"):
                folders[folder] = name

        def of_folder(folder: str) -> str:
            if len(folder) <= len(root.rstrip("/")):
                return ""
            if folder not in folders:
                above, _, name = folder.rpartition("/")
                reason = of_folder(above)
                folders[folder] = reason or self.why(folder, name, root=root, folder=True)
            return folders[folder]

        reasons = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            reasons[path] = of_folder(folder) or self.why(path, name, root=root, folder=False)
        return {path: reason for path, reason in reasons.items() if reason}


def _named(pattern: str) -> str:
    return f"--exclude '{printable(pattern)}'"


def excluded_line(excluded: Mapping[str, str]) -> str:
    """Say in one line how much was left out, and why; ``""`` for nothing.

    >>> excluded_line({"/m/@eaDir": "@eaDir", "/m/a.wav": "--exclude '*.wav'"})
    "left out 2 files or folders: 1 --exclude '*.wav', 1 @eaDir"
    """
    if not excluded:
        return ""
    ordered = sorted(Counter(excluded.values()).items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count:,} {printable(reason)}" for reason, count in ordered[:MOST_REASONS]]
    if rest := sum(count for _, count in ordered[MOST_REASONS:]):
        parts.append(f"{rest:,} others")
    number = "1 file or folder" if len(excluded) == 1 else f"{len(excluded):,} files or folders"
    return f"left out {number}: {', '.join(parts)}"
