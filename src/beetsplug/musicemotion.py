"""A plugin of beets: what people feel in each item, as attributes and in the files' own tags.

In beets' configuration::

    plugins: musicemotion
    musicemotion:
        auto: yes         # predict when items are imported
        model: default    # a model's name, or its folder; unnamed, what is known of any model does
        catalogue: FILE   # by default that of music-emotion, where there is one
        settings: FILE    # words, moods at most, threshold; by default those of music-emotion
        overwrite: no     # replace a mood that something else set
        jobs: 1           # processes that predict

``beet emotion [QUERY]`` predicts items that are in the library already, ``beet write`` writes what
is known into the files. Attributes: ``mood``, ``emotion_calmness`` … ``emotion_tension`` (0–1: the
share of listeners who are expected to feel it), ``emotion_valence`` and ``emotion_arousal`` (−1 to
1), ``emotion_standing_calmness`` … (0–1: the share of the model's reference tracks that have less
of it), ``emotion_confidence``, ``emotion_model``, ``emotion_mood`` (what was predicted last) and
``emotion_mark`` (by which what was written into the file is known again). A ``mood`` that is none
of ours stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from optparse import Values
from pathlib import Path
from typing import Any

import beets
from beets import library, ui
from beets.dbcore import query, types
from beets.plugins import BeetsPlugin
from mediafile import ASFStorageStyle, MediaField, MP3StorageStyle, MP4StorageStyle, StorageStyle

from music_emotion.digest import FileStamp
from music_emotion.errors import CatalogueError, MusicEmotionError, TagError
from music_emotion.inference.batch import Outcome, predict_file, predict_files
from music_emotion.inference.model import DEFAULT_MODEL, EmotionModel, load_model
from music_emotion.inference.model_card import Card, read_card
from music_emotion.inference.package import find_package
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue, default_catalogue
from music_emotion.library.scan import scanned
from music_emotion.library.tags import fields
from music_emotion.library.tags.fields import TagFile, open_tags, tags_in
from music_emotion.library.tags.mark import MARK, Mark, is_ours, parsed, read_mark
from music_emotion.library.tags.merge import merged
from music_emotion.library.tags.session import NamedTracks
from music_emotion.library.tags.settings import TagSettings, default_settings, read_settings
from music_emotion.library.tags.values import (
    AROUSAL,
    CONFIDENCE,
    FIELDS,
    INTENSITIES,
    STANDINGS,
    VALENCE,
    number_texts,
    words_of,
)
from music_emotion.library.tags.values import MODEL as MODEL_FIELD
from music_emotion.library.track import CatalogueTrack, Tags

ATTRIBUTES: Mapping[str, str] = {field: field.lower() for field in (*FIELDS, MARK)}
"""Items' attributes by the fields of files: ``mood``, ``emotion_calmness`` …"""

NUMBERS = (*INTENSITIES, VALENCE, AROUSAL, *STANDINGS, CONFIDENCE)
MOOD, MODEL, OUR_MARK = ATTRIBUTES[fields.MOOD], ATTRIBUTES[MODEL_FIELD], ATTRIBUTES[MARK]
OUR_MOOD = "emotion_mood"  # what was predicted last, by which a mood of the user's is told
BETWEEN = "; "  # several moods, which beets has as one text
DIGITS = 2  # after the point, as in the files


class KnownRange(query.NumericQuery):
    """A range that holds no items of which nothing is known."""

    def match(self, item: Any) -> bool:
        """Whether an item has a value, and it lies in the range."""
        try:
            return bool(super().match(item))
        except TypeError:  # it has none
            return False


class Number(types.NullFloat):
    """A number that may be unknown."""

    query = KnownRange


class FieldStyle(StorageStyle):  # type: ignore[misc]
    """A field as ``music-emotion tag`` has it, in files of any kind that it tags."""

    formats = [*StorageStyle.formats, *MP3StorageStyle.formats, *MP4StorageStyle.formats]  # noqa: RUF012

    def fetch(self, mutagen_file: Any) -> str | None:
        """Return the values of a file, divided by ``"; "``."""
        tags = self._tags(mutagen_file)
        found = tags.get(tags.key(self.key))
        return BETWEEN.join(found) if found else None

    def serialize(self, value: Any) -> tuple[str, ...]:
        """Return a text, several, or a number as they stand in files."""
        if isinstance(value, tuple):
            return value
        return (f"{value:z.{DIGITS}f}" if isinstance(value, float) else str(value),)

    def store(self, mutagen_file: Any, value: tuple[str, ...]) -> None:
        """Set the values of a file; several of its own that read alike stay several."""
        if value == (self.fetch(mutagen_file),):
            return
        self.delete(mutagen_file)
        tags = self._tags(mutagen_file)
        tags.put(tags.key(self.key), value)

    def delete(self, mutagen_file: Any) -> None:
        """Remove the field from a file."""
        tags = self._tags(mutagen_file)
        tags.set(tags.key(self.key), None)

    def _tags(self, mutagen_file: Any) -> TagFile:
        tags = tags_in(mutagen_file, version=3 if beets.config["id3v23"].get(bool) else 4)
        assert tags is not None  # beets asks for these formats alone
        return tags


class MusicEmotionPlugin(BeetsPlugin):
    """Predicts imported items, and others on request; writes what is known into files."""

    item_types = {  # noqa: RUF012  # as beets wants it
        **dict.fromkeys((MOOD, OUR_MOOD, MODEL, OUR_MARK), types.STRING),
        **{ATTRIBUTES[field]: Number(DIGITS) for field in NUMBERS},
    }

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "model": "",
                "catalogue": "",
                "settings": "",
                "overwrite": False,
                "jobs": 1,
            }
        )
        self._fresh: dict[int, CatalogueTrack] = {}  # predicted while imported, by items' numbers
        for field, attribute in ATTRIBUTES.items():
            kind = float if field in NUMBERS else str
            asf = ASFStorageStyle("WM/Mood" if field == fields.MOOD else field)
            self.add_media_field(attribute, MediaField(FieldStyle(field), asf, out_type=kind))
            library.Item._media_tag_fields.add(attribute)  # `beet write` looks at these alone
        self.register_listener("write", self.writing)
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]
            self.register_listener("import_task_files", self.placed)

    def commands(self) -> list[ui.Subcommand]:
        """Return ``beet emotion``."""
        command = ui.Subcommand("emotion", help="predict what people feel in items")
        command.parser.add_option(
            "-f", "--force", action="store_true", help="predict again what this model predicted"
        )
        command.func = self.run
        return [command]

    def imported(self, session: Any, task: Any) -> None:
        """Predict what has just been imported; the files are not yet where they will be."""
        with self._catalogue() as catalogue:
            for item, row in self._predicted(task.imported_items(), catalogue, force=False):
                self._fresh[item.id] = row

    def placed(self, session: Any, task: Any) -> None:
        """Note in the catalogue what was predicted of files that are now where they will be."""
        items = [item for item in task.imported_items() if item.id in self._fresh]
        with self._catalogue() as catalogue:
            for item in items:
                self._keep(catalogue, self._fresh.pop(item.id), os.fsdecode(item.path))

    def run(self, lib: Any, options: Values, words: list[str]) -> None:
        """Predict the items that a query finds."""
        with self._catalogue() as catalogue:
            for _, row in self._predicted(lib.items(words), catalogue, force=bool(options.force)):
                self._keep(catalogue, row, row.path)

    # Predicting

    @cached_property
    def _settings(self) -> TagSettings:
        named = self.config["settings"].as_str()
        with _user_errors():
            return read_settings(Path(named).expanduser() if named else default_settings())

    @cached_property
    def _named_model(self) -> str | None:
        return self.config["model"].as_str() or None

    @cached_property
    def _card(self) -> Card:
        with _user_errors():
            return read_card(find_package(self._named_model or DEFAULT_MODEL))

    @cached_property
    def _model(self) -> EmotionModel:
        with _user_errors():
            return load_model(self._named_model or DEFAULT_MODEL)

    @contextmanager
    def _catalogue(self) -> Iterator[Catalogue | None]:
        """Give the catalogue where there is one; every thread and process opens it for itself."""
        named = self.config["catalogue"].as_str()
        path = Path(named).expanduser() if named else default_catalogue()
        try:
            opened = Catalogue.open(path, write=True) if path.exists() else None
        except CatalogueError as error:
            self._log.warning("{}", error)
            opened = None
        if opened is None:
            yield None
            return
        with opened:
            yield opened

    def _predicted(
        self, items: Iterable[Any], catalogue: Catalogue | None, *, force: bool
    ) -> Iterator[tuple[Any, CatalogueTrack]]:
        """Set and store what is felt in items; yield those of which nothing was known.

        One bad file does not stop the others.
        """
        model = f"{self._card.name} {self._card.version}"
        unknown = []
        for item in items:
            if _is_said(item, model) and not force:
                continue
            known = None if force or catalogue is None else self._known(catalogue, item)
            if known is None:
                unknown.append(item)
            elif not _is_said(item, f"{known.model} {known.version}"):
                self._set(item, known)
        paths = [os.fsdecode(item.path) for item in unknown]
        for item, path, outcome in zip(unknown, paths, self._outcomes(paths), strict=True):
            if outcome.prediction is None:
                self._log.warning("{}", outcome.error)
                continue
            self._set(item, outcome.prediction)
            said = partial(_said, outcome)
            yield item, scanned(path, said, self._card.sha256)

    def _outcomes(self, paths: list[str]) -> Iterator[Outcome]:
        jobs = min(self.config["jobs"].get(int), len(paths))
        if jobs > 1:
            with _user_errors():
                yield from predict_files(paths, self._named_model or DEFAULT_MODEL, jobs=jobs)
            return
        for path in paths:
            yield predict_file(path, self._model)

    def _known(self, catalogue: Catalogue, item: Any) -> TrackPrediction | None:
        try:
            row = NamedTracks(catalogue, self._named_model).known(os.fsdecode(item.path))
        except CatalogueError as error:
            self._log.warning("{}", error)
        except TagError:
            pass  # predicting tells what is wrong with it
        else:
            return None if row is None else row.prediction
        return None

    def _keep(self, catalogue: Catalogue | None, row: CatalogueTrack, path: str) -> None:
        """Note in the catalogue what was predicted, if it is this model's and sounds the same."""
        if catalogue is None or row.prediction is None:
            return
        try:
            catalogue.check_model(row.model_sha256)
            if audio_digest(path) == row.audio:
                prediction = replace(row.prediction, path=path)
                stamp, tags = FileStamp.read(path), Tags.read(path)
                row = replace(row, path=path, stamp=stamp, tags=tags, prediction=prediction)
                catalogue.write(row)
        except (CatalogueError, OSError) as error:
            self._log.debug("{}", error)

    def _set(self, item: Any, prediction: TrackPrediction) -> None:
        """Set an item's attributes, and store them."""
        numbers = number_texts(prediction)
        moods = words_of(numbers, self._settings).get(fields.MOOD)
        mood = BETWEEN.join(moods or ())
        if _is_mood_ours(item) or (mood and self.config["overwrite"].get(bool)):
            item[MOOD] = mood
        item[OUR_MOOD] = mood
        item[MODEL] = f"{prediction.model} {prediction.version}"
        for field, text in numbers.items():
            item[ATTRIBUTES[field]] = None if text is None else float(text)
        item.store()
        self._log.info("{}: {}", item, item.get(MOOD) or "no mood")

    # Writing

    def writing(self, item: Any, path: bytes, tags: dict[str, Any]) -> None:
        """Say what is written into a file: what is ours, with a mark; what is not ours stays.

        beets has collected the ``tags``; what stays as it is in the file is taken out of them, what
        goes is ``None``.
        """
        if not item.get(MODEL):  # nothing was predicted: a mood of the user's is all there may be
            _leave(tags, (name for name in ATTRIBUTES.values() if not tags.get(name)))
            return
        try:
            file = open_tags(os.fsdecode(path))
        except TagError:  # of a kind that bears no mark
            tags.update(
                {name: None for name in ATTRIBUTES.values() if tags.get(name) in ("", None)}
            )
            return
        mark = read_mark(file)
        new = merged(file, mark, self._wanted(item), overwrite=self.config["overwrite"].get(bool))
        for field, attribute in ATTRIBUTES.items():
            key = file.key(field)
            is_users = attribute == MOOD and not _is_mood_ours(item, mark)
            if is_users and field not in new.kept:  # set in beets, which has the last word
                continue
            if field in new.kept:
                item[attribute] = BETWEEN.join(new.kept[field])
            if key not in new.change:
                _leave(tags, [attribute])
                continue
            found = new.change[key]
            item[attribute] = tags[attribute] = _attribute(field, found)
            if found and attribute == MOOD:
                tags[attribute] = found  # each a value of its own

    def _wanted(self, item: Any) -> dict[str, tuple[str, ...] | None]:
        """Return what is to be written of what an item says, by fields."""
        mood = item.get(MOOD) if _is_mood_ours(item) else None
        moods = tuple(mood.split(BETWEEN)) if mood else None
        if moods and self._settings.separator is not None:
            moods = (self._settings.separator.join(moods),)
        numbers = {field: item.get(ATTRIBUTES[field]) for field in NUMBERS}
        return {
            fields.MOOD: moods,
            **{f: None if n is None else (f"{n:z.{DIGITS}f}",) for f, n in numbers.items()},
            MODEL_FIELD: (item[MODEL],),
        }


def _is_said(item: Any, model: str) -> bool:
    """Whether an item, or the file that it was read from, says what a model does."""
    felt = (item.get(ATTRIBUTES[field]) for field in INTENSITIES)
    return item.get(MODEL) == model and all(value is not None for value in felt)


def _is_mood_ours(item: Any, mark: Mark | None = None) -> bool:
    """Whether an item's mood is none, the last one that we predicted, or ours by a file's mark."""
    mood = item.get(MOOD)
    if not mood or mood == item.get(OUR_MOOD):
        return True
    mark = parsed(item.get(OUR_MARK) or "") if mark is None else mark
    return is_ours(mark.get(fields.MOOD), (mood,))


def _attribute(field: str, found: tuple[str, ...] | None) -> str | float | None:
    """Return what an item says where a file has these values."""
    if not found:
        return None
    if field not in NUMBERS:
        return BETWEEN.join(found)
    try:
        return float(found[0])
    except ValueError:  # somebody else's
        return None


def _leave(tags: dict[str, Any], names: Iterable[str]) -> None:
    for name in list(names):
        tags.pop(name, None)


def _said(outcome: Outcome, path: str) -> Outcome:
    return outcome


@contextmanager
def _user_errors() -> Iterator[None]:
    try:
        yield
    except MusicEmotionError as error:
        raise ui.UserError(str(error)) from None  # type: ignore[attr-defined]
