"""Kill ``music-emotion tag`` at random moments and look: ``python tools/kill_tagging.py``.

A library of MP3, FLAC, Ogg, Opus, AIFF, WAV and, where FFmpeg is installed, M4A files is made in a
temporary folder and catalogued with invented predictions. Tagging and taking back, in turn, of the
whole catalogue or of the folder by its name, are killed with SIGKILL at a random moment of their
work. After each kill every file must open, have its sound (the same decoded samples) and its other
tags; in the end one undisturbed run of each must leave no temporary file, no writing unsettled, a
catalogue that passes its integrity check, and the tags as they are meant. A scan, after the kills
and at the end, must find the files and nothing else, and predict none. Then the catalogue is thrown
away, and taking back by the marks in the files is killed a quarter as often.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

import killing
from music_emotion.audio import decode
from music_emotion.audio.discover import TEMPORARY_TAGGED
from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import find_package
from music_emotion.inference.prediction import Timeline, TrackPrediction
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.tags.journal import undoable, unfinished
from music_emotion.library.tags.mark import MARK, digest_of, read_mark
from music_emotion.library.tags.values import FIELDS, MOODS, values_of
from music_emotion.library.track import CatalogueTrack

KINDS = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "aiff": ("AIFF", "PCM_16"),
    "wav": ("WAV", "PCM_16"),
}
if shutil.which("ffmpeg"):
    KINDS["m4a"] = ("", "")  # made by FFmpeg
RATE = 48_000  # Hz
CARD = read_card(find_package("default"))  # a scan takes what is invented for its work


@dataclass(frozen=True, slots=True)
class Song:
    """A file and what must stay of it."""

    path: Path
    sound: str
    others: object


def main(arguments: list[str] | None = None) -> int:
    parser = killing.options(__doc__, files=120)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each file")
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="kill-tagging-") as place:
        catalogue = Path(place) / "catalogue.sqlite"
        songs = make_library(Path(place) / "music", catalogue, options.files, options.seconds)
        command = killing.command("tag", "--write", "--quiet")
        common = ("--catalogue", str(catalogue))
        undos: tuple[tuple[str, ...], ...] = ((), ("--undo",))
        seconds = {undo: writing_seconds([*command, *undo, *common], songs) for undo in undos}
        landed = 0
        for number in range(options.kills):
            undo = ("--undo",) if number % 2 else ()
            named = (str(songs[0].path.parent),) if number // 2 % 2 else ()
            run = start([*command, *named, *undo, *common], songs)
            landed += killing.kill(run, chance.uniform(0.0, seconds[undo]))
            check_files(songs)
        check_scan(songs, catalogue)
        for undo in ((), ("--undo",), ()):
            subprocess.run([*command, *undo, *common], check=True, stdout=subprocess.DEVNULL)
            check_end(songs, catalogue, tagged=not undo)
        check_scan(songs, catalogue)
        for path in catalogue.parent.glob(f"{catalogue.name}*"):
            path.unlink()
        command += [str(songs[0].path.parent), "--undo", *common]
        without = options.kills // 4
        for _ in range(without):
            run = start(command, songs)
            landed += killing.kill(run, chance.uniform(0.0, seconds[("--undo",)] / without))
            check_files(songs)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        check_bare(songs)
    print(
        f"{options.kills} kills and {without} without the catalogue, {landed} of them while files "
        f"were written, {len(songs)} files: none damaged, none lost, no temporary file left, the "
        "catalogue sound"
    )
    return 0


def make_library(music: Path, catalogue: Path, files: int, seconds: float) -> list[Song]:
    """Make files with a title and a comment, and their rows."""
    rng = np.random.default_rng(0)
    music.mkdir()
    songs, rows = [], []
    for number in range(files):
        kind = list(KINDS)[number % len(KINDS)]
        path = music / f"{number:04}.{kind}"
        first = music / f"{number % len(KINDS):04}.{kind}"
        if path == first:
            noise = (0.1 * rng.standard_normal(round(seconds * RATE))).astype(np.float32)
            make_sound(path, noise, *KINDS[kind])
        else:
            shutil.copyfile(first, path)
        tags = open_tags(path)
        tags.put(tags.key("COMMENT_OF_MINE"), (f"song {number}",))
        tags.save()
        songs.append(Song(path, sound_of(path), others_of(path)))
        rows.append(row_of(path, rng))
    with Catalogue.open(catalogue, write=True) as opened:
        opened.write_all(rows)
    return songs


def make_sound(path: Path, samples: NDArray[np.float32], kind: str, coding: str) -> None:
    if kind:
        sf.write(path, samples, RATE, format=kind, subtype=coding)
        return
    source = path.with_suffix(".source")
    sf.write(source, samples, RATE, format="WAV")
    command = ("ffmpeg", "-nostdin", "-loglevel", "error", "-i", source, "-c:a", "aac", path)
    subprocess.run(command, check=True)
    source.unlink()


def row_of(path: Path, rng: np.random.Generator) -> CatalogueTrack:
    emotions = rng.dirichlet(np.ones(len(EMOTIONS))).astype(np.float32)
    intensities = rng.random(len(EMOTIONS)).astype(np.float32)
    whole = np.zeros(1)
    timeline = Timeline(
        start=whole,
        end=whole + 3.0,
        section=np.zeros(1, np.int64),
        weight=whole + 3.0,
        emotions=emotions[None],
        intensities=intensities[None],
        valence=whole.astype(np.float32),
        arousal=whole.astype(np.float32),
        window=3.0,
    )
    prediction = TrackPrediction(
        path=str(path),
        duration=3.0,
        model="invented",
        version=CARD.version,
        emotions=emotions,
        intensities=intensities,
        confidence=float(emotions.max()),
        valence=0.0,
        arousal=0.0,
        timeline=timeline,
    )
    stamp, digest = FileStamp.read(path), audio_digest(path)
    return CatalogueTrack(str(path), stamp, digest, prediction=prediction, model_sha256=CARD.sha256)


def sound_of(path: Path) -> str:
    return hashlib.sha256(decode(path).samples.tobytes()).hexdigest()


def others_of(path: Path) -> object:
    tags = open_tags(path)
    return tags.others([tags.key(field) for field in (*FIELDS, MARK)])


def start(command: list[str], songs: list[Song]) -> subprocess.Popen[bytes]:
    """Start a run; return it when it begins to write: a folder with a new file is changed."""
    folder = songs[0].path.parent
    before = folder.stat().st_mtime_ns
    return killing.start(command, lambda: folder.stat().st_mtime_ns != before)


def writing_seconds(command: list[str], songs: list[Song]) -> float:
    """Let a run end; return how long it wrote."""
    process, began = start(command, songs), time.monotonic()
    if process.wait():
        raise SystemExit("a run that nobody disturbed failed")
    return time.monotonic() - began


def check_files(songs: list[Song]) -> None:
    for song in songs:
        if sound_of(song.path) != song.sound:
            raise SystemExit(f"{song.path.name} is damaged")
        if others_of(song.path) != song.others:
            raise SystemExit(f"{song.path.name} lost a tag")
    names = {song.path.name for song in songs}
    there = (path.name for path in songs[0].path.parent.iterdir())
    strange = [name for name in there if name not in names]
    if any(not name.startswith(TEMPORARY_TAGGED) for name in strange):
        raise SystemExit(f"what are {strange}?")


def check_end(songs: list[Song], catalogue: Path, *, tagged: bool) -> None:
    check_files(songs)
    if left := list(songs[0].path.parent.glob(f"{TEMPORARY_TAGGED}*")):
        raise SystemExit(f"left behind: {[path.name for path in left]}")
    with Catalogue.open(catalogue) as opened:
        if faults := [*opened.check(), *unfinished(opened)]:
            raise SystemExit(f"the catalogue: {faults[0]}")
        if len(opened) != len(songs):
            raise SystemExit(f"{len(opened)} rows for {len(songs)} files")
        done = [write.path for write in undoable(opened)]
        if sorted(done) != (sorted(str(song.path) for song in songs) if tagged else []):
            raise SystemExit("the log does not tell what was written")
        for song in songs:
            check_tags(song.path, opened.track(str(song.path)), tagged)


def check_bare(songs: list[Song]) -> None:
    """Check that nothing of what was written is left."""
    check_files(songs)
    if left := list(songs[0].path.parent.glob(f"{TEMPORARY_TAGGED}*")):
        raise SystemExit(f"left behind: {[path.name for path in left]}")
    for song in songs:
        tags = open_tags(song.path)
        if any(tags.get(tags.key(field)) is not None for field in (*FIELDS, MARK)):
            raise SystemExit(f"{song.path.name} is tagged still")


def check_scan(songs: list[Song], catalogue: Path) -> None:
    """Scan; the files must be catalogued as they were, and nothing else."""
    command = killing.command("scan", songs[0].path.parent, "--catalogue", catalogue)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with Catalogue.open(catalogue) as opened:
        rows = [opened.track(str(song.path)) for song in songs]
        if len(opened) != len(songs) or "predicted" in output:
            raise SystemExit(f"the scan found something else: {output}")
    if any(row is None or row.prediction is None or row.missing_since for row in rows):
        raise SystemExit("the scan lost a file")


def check_tags(path: Path, row: CatalogueTrack | None, tagged: bool) -> None:
    tags = open_tags(path)
    if row is None or row.prediction is None:
        raise SystemExit(f"{path.name} is not in the catalogue")
    mark = read_mark(tags)
    for field, values in values_of(row.prediction).items():
        now = tags.get(tags.key(field))
        if now != (values if tagged else None):
            raise SystemExit(f"{path.name}: {field} is not as it should be")
        if now is not None and mark[field].digest != digest_of(now):
            raise SystemExit(f"{path.name}: the mark says something else of {field}")
    if not tagged and tags.get(tags.key(MARK)) is not None:
        raise SystemExit(f"{path.name} is marked and not tagged")
    mood = tags.get(tags.key("MOOD"))
    if mood is not None and mood[0] not in MOODS:
        raise SystemExit(f"{path.name} has a strange mood")


if __name__ == "__main__":
    sys.exit(main())
