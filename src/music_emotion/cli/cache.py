"""``music-emotion cache``: what is kept on disk between runs, and how to be rid of it."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command and its two parts."""
    group = typer.Typer(no_args_is_help=True, help="See or clear the features kept on disk.")
    group.command("info")(info)
    group.command("clear")(clear)
    app.add_typer(group, name="cache")


def info() -> None:
    """Say where the cache lies, and what it holds of each feature."""
    from music_emotion.features.cache import FeatureStore, render_usage

    typer.echo(render_usage(FeatureStore.default()))


def clear() -> None:
    """Delete every feature kept on disk; they are computed again when needed."""
    from music_emotion.features.cache import FeatureStore, clear_and_render

    typer.echo(clear_and_render(FeatureStore.default()))
