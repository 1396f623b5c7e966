"""A plugin of beets: what people feel in each item, as flexible attributes.

In beets' configuration::

    plugins: musicemotion
    musicemotion:
        auto: yes         # predict when items are imported
        model: default    # a model's name, or its folder
        overwrite: no     # replace a mood that something else set

``beet emotion [QUERY]`` predicts items that are in the library already. Attributes: ``mood``,
``emotion_calmness`` … ``emotion_tension`` (0–1: the share of listeners who are expected to feel
it), ``emotion_valence`` and ``emotion_arousal`` (−1 to 1), ``emotion_standing_calmness`` … (0–1:
the share of the model's reference tracks that have less of it), ``emotion_mood``,
``emotion_confidence`` and ``emotion_model``; ``beet ls emotion_nostalgia:0.4..`` finds by them. A
``mood`` that is not the last ``emotion_mood`` is the user's and stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from math import isnan
from optparse import Values
from typing import Any

from beets import ui
from beets.dbcore import types
from beets.plugins import BeetsPlugin

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.inference.model import EmotionModel, load_model
from music_emotion.inference.prediction import TrackPrediction

MOOD, MODEL, CONFIDENCE = "mood", "emotion_model", "emotion_confidence"
VALENCE, AROUSAL = "emotion_valence", "emotion_arousal"
INTENSITIES = tuple(f"emotion_{name}" for name in EMOTIONS)
STANDINGS = tuple(f"emotion_standing_{name}" for name in EMOTIONS)
OUR_MOOD = "emotion_mood"  # what was predicted last, by which a mood of the user's is told
DIGITS = 3  # after the point


class MusicEmotionPlugin(BeetsPlugin):
    """Predicts imported items, and others on request."""

    item_types = {  # noqa: RUF012  # as beets wants it
        MOOD: types.STRING,
        OUR_MOOD: types.STRING,
        MODEL: types.STRING,
        **dict.fromkeys(
            (CONFIDENCE, VALENCE, AROUSAL, *INTENSITIES, *STANDINGS), types.Float(DIGITS)
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.config.add({"auto": True, "model": "default", "overwrite": False})
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]

    def commands(self) -> list[ui.Subcommand]:
        """Return ``beet emotion``."""
        command = ui.Subcommand("emotion", help="predict what people feel in items")
        command.parser.add_option(
            "-f", "--force", action="store_true", help="predict again what this model predicted"
        )
        command.func = self.run
        return [command]

    def imported(self, session: Any, task: Any) -> None:
        """Predict what has just been imported."""
        self._predict_items(task.imported_items(), force=False)

    def run(self, lib: Any, options: Values, words: list[str]) -> None:
        """Predict the items that a query finds."""
        self._predict_items(lib.items(words), force=bool(options.force))

    @cached_property
    def _model(self) -> EmotionModel:
        return load_model(self.config["model"].as_str())

    def _predict_items(self, items: Iterable[Any], *, force: bool) -> None:
        """Predict and store; one bad file does not stop the others."""
        try:
            wanted = f"{self._model.card.name} {self._model.card.version}"
        except MusicEmotionError as error:
            raise ui.UserError(str(error)) from None  # type: ignore[attr-defined]
        for item in items:
            if item.get(MODEL) == wanted and not force:
                continue
            try:
                prediction = self._model.predict(os.fsdecode(item.path))
            except MusicEmotionError as error:
                self._log.warning("{}", error)
                continue
            self._set(item, prediction, wanted)
            item.store()
            self._log.info("{}: {}", item, item.get(MOOD, "silence"))

    def _set(self, item: Any, prediction: TrackPrediction, model: str) -> None:
        ours = not item.get(MOOD) or item.get(MOOD) == item.get(OUR_MOOD)
        mood = "" if prediction.top is None else prediction.top.replace("_", " ")
        if mood and (ours or self.config["overwrite"].get(bool)):
            item[MOOD] = mood
        elif ours and item.get(MOOD):  # silence now
            item[MOOD] = ""
        item[OUR_MOOD] = mood
        item[MODEL] = model
        numbers = {
            CONFIDENCE: prediction.confidence,
            VALENCE: prediction.valence,
            AROUSAL: prediction.arousal,
            **dict(zip(INTENSITIES, prediction.intensities.tolist(), strict=True)),
            **dict(zip(STANDINGS, prediction.standing.tolist(), strict=True)),
        }
        for name, value in numbers.items():
            if not isnan(value):
                item[name] = round(value, DIGITS)
            elif name in item:  # what another model knew
                del item[name]
