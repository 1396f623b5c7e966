import numpy as np

from music_emotion.training.augment import SYNTHETIC, Splicer, splice


def test_partners_are_of_the_same_track_and_all_of_them_are_drawn() -> None:
    track = np.array([7, 2, 7, 2, 7, SYNTHETIC, 9, SYNTHETIC])
    splicer, generator = Splicer(track), np.random.default_rng(0)
    index = np.arange(8)
    drawn = np.stack([splicer.partners(index, generator) for _ in range(200)])
    assert (track[drawn] == track).all()
    for row in (0, 2, 4):
        assert set(drawn[:, row]) == {0, 2, 4}
    assert set(drawn[:, 5]) == {5}
    assert set(drawn[:, 7]) == {7}
    assert set(drawn[:, 6]) == {6}


def test_frames_come_from_one_then_from_the_other() -> None:
    generator = np.random.default_rng(0)
    for axis, shape in ((1, (500, 6, 2)), (2, (500, 2, 6))):
        spliced = splice(
            np.zeros(shape, dtype=np.float32), np.ones(shape, dtype=np.float32), axis, generator
        )
        assert spliced.dtype == np.float32
        rows = np.moveaxis(spliced, axis, 1)
        assert (rows[..., 0] == rows[..., 1]).all()
        assert (np.diff(rows[..., 0], axis=1) >= 0).all()
        own_frames = (rows[..., 0] == 0).sum(axis=1)
        assert set(own_frames.tolist()) == set(range(6))
