"""``music-emotion models``: what models there are, and which to use when."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("models")(models)


def models(
    name: Annotated[
        str | None, typer.Argument(help="Show the whole card of one: a name, or a folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print cards as JSON.")] = False,
) -> None:
    """List the models with size, speed and honest accuracy, and when to use which."""
    from music_emotion.inference.model_card import card_json
    from music_emotion.inference.package import find_package, read_cards, shipped_names
    from music_emotion.report.cards import card_page, card_table

    cards = read_cards([find_package(name)] if name else map(find_package, shipped_names()))
    if as_json:
        typer.echo("[" + ",\n".join(card_json(card).rstrip() for card, _ in cards) + "]")
    elif name:
        typer.echo(card_page(cards[0][0]))
    else:
        typer.echo(card_table(cards))
