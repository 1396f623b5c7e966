"""What a model compares tracks with: planted tracks have a known place, damage is told."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from music_emotion.inference.familiarity import Discriminant
from music_emotion.inference.recordings import Recordings
from music_emotion.inference.reference import (
    Reference,
    parse_reference,
    reference_bytes,
    reference_of,
)

TRACKS = np.random.default_rng(0).permuted(
    np.repeat(np.linspace(0.0, 1.0, 5)[:, None], 9, axis=1), axis=0
)


@pytest.mark.parametrize(
    ("intensity", "share"), [(0.0, 0.1), (0.1, 0.2), (0.25, 0.3), (0.3, 0.4), (1.0, 0.9)]
)
def test_the_standing_is_the_share_of_tracks_that_are_lower(intensity: float, share: float) -> None:
    felt = np.full(9, 0.5, np.float32)
    felt[7] = intensity
    standing = reference_of(TRACKS).standing(felt)
    assert standing.dtype == np.float32
    assert standing[7] == pytest.approx(share)
    assert standing[:7] == pytest.approx(0.5)


def test_beyond_all_tracks_is_one() -> None:
    assert reference_of(TRACKS / 2).standing(np.full(9, 0.6, np.float32)).tolist() == [1.0] * 9


def test_without_tracks_nothing_is_known() -> None:
    assert np.isnan(Reference().standing(np.full(9, 0.5, np.float32))).all()


def test_what_was_written_is_read_and_tells_no_track() -> None:
    reference = reference_of(TRACKS)
    assert np.array_equal(reference.intensities, np.sort(TRACKS, axis=0))
    data = reference_bytes(reference)
    assert data == reference_bytes(reference_of(TRACKS[::-1]))
    assert np.array_equal(parse_reference(data).intensities, reference.intensities)


def planted() -> Recordings:
    random = np.random.default_rng(3)
    mean, scale, *axes = random.standard_normal((5, 272)).astype(np.float32)
    prints = random.integers(-99, 99, (5, 20, 3)).astype(np.int8)
    lengths = np.full(5, 20, np.int16)
    return Recordings("summary", mean, scale, np.stack(axes, axis=1), prints, lengths, 0.25)


def test_recordings_are_written_and_read() -> None:
    written = replace(reference_of(TRACKS), recordings=planted())
    read = parse_reference(reference_bytes(written)).recordings
    assert read is not None
    assert (read.feature, read.nearest) == ("summary", 0.25)
    for name in ("mean", "scale", "axes", "prints", "lengths"):
        assert np.array_equal(getattr(read, name), getattr(written.recordings, name))
        assert getattr(read, name).dtype == getattr(written.recordings, name).dtype
    assert written.features == ("summary",)
    assert reference_of(TRACKS).features == ()


def test_a_discriminant_is_written_and_read() -> None:
    mean, scale, weights = np.random.default_rng(3).standard_normal((3, 544)).astype(np.float32)
    told = Discriminant("summary", mean, scale, weights, -0.75)
    written = replace(reference_of(TRACKS), discriminant=told, recordings=planted())
    read = parse_reference(reference_bytes(written)).discriminant
    assert read is not None
    assert (read.feature, read.offset) == ("summary", -0.75)
    assert np.array_equal(read.weights, weights)
    assert np.isnan(reference_of(TRACKS).familiarity({}, np.ones(2, bool)))
    rows = np.random.default_rng(4).standard_normal((2, 272)).astype(np.float32)
    heard = np.ones(2, bool)
    assert written.familiarity({"summary": rows}, heard) == told.familiarity(rows, heard)
    with pytest.raises(ValueError, match="no feature 'tags' of that size"):
        replace(written, discriminant=replace(told, feature="tags"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"feature": "pickle"}, "no feature 'pickle' of that size"),
        ({"feature": "waveform"}, "no feature 'waveform' of that size"),
        ({"feature": "tags"}, "no feature 'tags' of that size"),
        ({"feature": 5}, "recordings.feature holds no name"),
        ({"mean": None}, "recordings.mean is missing"),
        ({"nearest": "near"}, "recordings.nearest holds no numbers"),
        ({"mean": 3.0}, "recordings does not fit together"),
        ({"lengths": np.full(5, 21, np.int16)}, "lengths of recordings"),
    ],
)
def test_recordings_that_fit_nothing_are_refused(changed: dict[str, Any], reason: str) -> None:
    known = planted()
    arrays = {each.name: getattr(known, each.name) for each in fields(known)} | changed
    named = {f"recordings.{name}": np.asarray(a) for name, a in arrays.items() if a is not None}
    with pytest.raises(ValueError, match=reason):
        parse_reference(_file(intensities=TRACKS, **named))


def _file(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("intensities.npy", bytes(70_000_000))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a zip file"),
        (b"\x80\x04pickle", "not a zip file"),
        (_file(), "intensities are missing"),
        (_file(intensities=np.zeros((4, 8))), r"intensities of shape \(4, 8\)"),
        (_file(intensities=np.full((4, 9), 1.5)), "leave 0 to 1"),
        (_file(intensities=np.full((4, 9), np.nan)), "not finite"),
        (_file(intensities=np.array(["one"] * 9)), "holds no numbers"),
        (_file(intensities=np.array([None] * 9)), "Object arrays cannot be loaded"),
        (_bomb(), "too large"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_what_is_no_reference_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_reference(data)


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.95])
def test_a_changed_byte_is_refused_or_harmless(place: float) -> None:
    data = bytearray(reference_bytes(reference_of(TRACKS)))
    data[int(place * len(data))] ^= 0xFF
    with suppress(ValueError):
        parse_reference(bytes(data))
