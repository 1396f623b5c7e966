"""One synthesised piece as a file of its own, to try things out with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from music_emotion.atomic import replaced_when_done
from music_emotion.datasets.synthesis import SAMPLE_RATE, STYLES, Signal, draw_timbre, play
from music_emotion.errors import WriteError, printable

PARTS = (("calmness", 18.0), ("joyful_activation", 21.0), ("tension", 15.0))
"""What the piece goes through: an emotion's style and its seconds."""
SEED = 7
ENCODINGS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".ogg": ("OGG", "VORBIS"),
    ".aiff": ("AIFF", "PCM_16"),
}
"""How the piece is written by what the file's name ends in: libsndfile's format and subtype."""
BLOCK_FRAMES = 1 << 16  # whole minutes at once make libsndfile's encoders run out of stack


def example_piece() -> Signal:
    """Return the piece, shape (n,), mono at :data:`.synthesis.SAMPLE_RATE`, between -1 and 1.

    One synthetic artist plays the :data:`PARTS` one after the other; it is always the same piece.

    Examples
    --------
    >>> len(example_piece()) / SAMPLE_RATE
    54.0
    """
    random = np.random.default_rng(SEED)
    timbre = draw_timbre(random)
    return np.concatenate([play(STYLES[name], timbre, length, random) for name, length in PARTS])


def write_example(path: Path) -> float:
    """Write the piece as a file that is not there yet; return its length in seconds.

    Raises
    ------
    WriteError
        The file is there, its name ends in none of :data:`ENCODINGS`, or it cannot be written.
    """
    import soundfile

    shown = f"'{printable(path)}'"
    encoding = ENCODINGS.get(path.suffix.lower())
    if encoding is None:
        raise WriteError(f"{shown} does not end in {', '.join(ENCODINGS)}; name one that does")
    if os.path.lexists(path):
        raise WriteError(f"{shown} is there already; name a file that is not, or use that one")
    kind, subtype = encoding
    if subtype not in soundfile.available_subtypes(kind):
        raise WriteError(f"the installed libsndfile writes no {kind}; name a .wav file")
    piece = example_piece()
    try:
        with (
            replaced_when_done(path) as temporary,
            temporary.open("w+b") as opened,  # libsndfile does not say why it cannot open a file
            soundfile.SoundFile(opened, "w", SAMPLE_RATE, 1, subtype, format=kind) as file,
        ):
            for start in range(0, len(piece), BLOCK_FRAMES):
                file.write(piece[start : start + BLOCK_FRAMES])
    except (OSError, soundfile.LibsndfileError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"{shown} cannot be written ({reason}); name another place") from error
    return len(piece) / SAMPLE_RATE
