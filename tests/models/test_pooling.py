import numpy as np

from helpers.examples import SEGMENTS, TRACKS, examples
from music_emotion.models.pooling import pool


def test_pooling_is_mean_and_population_deviation() -> None:
    given = examples()
    items = pool(given, ("musicnn",))
    rows = given.features["musicnn"].reshape(TRACKS, SEGMENTS, -1)
    expected = np.concatenate([rows.mean(axis=1), rows.std(axis=1)], axis=1)
    np.testing.assert_allclose(items.features["musicnn"], expected, atol=1e-5)
    np.testing.assert_array_equal(items.item_of_row, given.track_index)
