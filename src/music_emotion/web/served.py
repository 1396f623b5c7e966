"""Which models a server offers, the default first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from music_emotion.errors import ModelError, printable
from music_emotion.inference.model_card import Card
from music_emotion.inference.package import Network, find_package, shipped_names


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model clients may choose.

    Attributes
    ----------
    name
        What clients call it.
    folder
        Where it lies.
    card
        What it is.
    size_bytes
        Of its graph.
    """

    name: str
    folder: Path
    card: Card
    size_bytes: int


def find_models(asked: Sequence[str]) -> tuple[ServedModel, ...]:
    """Return the models asked for, then those of the package.

    Parameters
    ----------
    asked
        Names or folders. A folder's model is called what its card says, and hides a packaged
        model of the same name.

    Raises
    ------
    ModelError
        A model does not exist or is damaged, two of ``asked`` have one name, or there is none.
    """
    shipped = shipped_names()
    found: dict[str, ServedModel] = {}
    for wanted in (*asked, *shipped):
        folder = find_package(wanted)
        network = Network(folder)  # opened, so that a damaged model is told now and not to a client
        name = wanted if wanted in shipped else network.card.name
        if name not in found:
            found[name] = ServedModel(name, folder, network.card, network.size_bytes)
        elif found[name].folder.resolve() != folder.resolve() and wanted in asked:
            raise ModelError(f"two models are called '{printable(name)}'; export one under another")
    if not found:
        raise ModelError("no model is installed; name one: music-emotion serve --model FOLDER")
    return tuple(found.values())
