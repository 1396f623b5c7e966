from __future__ import annotations

from helpers.graphs import card
from music_emotion.inference.model_card import read_card
from music_emotion.inference.model_page import model_page
from music_emotion.inference.package import find_package
from music_emotion.inference.valence_arousal import Dimension


def words(page: str) -> str:
    """The page without line breaks."""
    return " ".join(page.split())


def test_the_page_of_default_has_every_number() -> None:
    default = read_card(find_package("default"))
    page = words(model_page(default))
    assert "16,000 Hz" in page
    assert "segments of 48,000 samples (3 s)" in page
    assert "| `musicnn` | (n, 3012) | mean, then std |" in page
    assert "| `summary` | (n, 544) | mean, then std |" in page
    assert "from the segments i − 4 to i + 4, as far as there are such: 27 s" in page
    for dimension in (default.valence, default.arousal):
        assert f"offset {dimension.offset:g}" in page
        for term, weight in dimension.terms.items():
            assert f"| `{term}` | {weight:g} |" in page
    assert "the 3 segments in the middle" in page
    assert "number ⌊(m − 3) / 2⌋ on" in page
    assert "ISC" in page
    assert all(limit in page for limit in default.limits)


def test_the_page_of_a_network_that_takes_sound() -> None:
    page = words(model_page(card()))
    assert "22,050 Hz" in page
    assert "| `waveform` | (n, 66150) | the samples themselves |" in page
    assert "Each audible segment gives a point, and is its span." in page
    assert "The confidence is the probability of the top emotion." in page
    assert "ear.onnx" not in page
    assert "reference.npz" not in page


def test_the_page_of_a_model_whose_features_have_no_graph() -> None:
    page = words(model_page(card(features=("advanced",), window_seconds=12.0)))
    assert '| `advanced` | (n, 130, 45) | `segment_features(segments, ["advanced"])`' in page
    assert "from the segments i − 1 to i + 2" in page  # as spans_around has it
    assert "are the means over its span" in page


def test_means_over_the_whole_span_are_said_to_be_so() -> None:
    whole = Dimension({"calmness": 1.0, "tags.happy": -0.5}, offset=0.25)
    page = words(model_page(card(valence=whole, arousal=Dimension({"power": 2.0}))))
    assert "offset 0.25. Means are over the point's span." in page
    assert "stirring: offset 0. | term" in page  # no means without a term of segments
