import numpy as np
import pytest

from music_emotion.training.smote import oversample


def rows_of(counts: dict[int, int], features: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    label = np.repeat(list(counts), list(counts.values()))
    rows = generator.normal(size=(len(label), 2, features // 2)) + 10.0 * label[:, None, None]
    return rows.astype(np.float32), label.astype(np.int64)


def test_every_class_is_filled_up_to_the_largest() -> None:
    features, label = rows_of({0: 20, 3: 9, 5: 7})
    filled = oversample(features, label, seed=0)
    assert dict(zip(*np.unique(filled.label, return_counts=True), strict=True)) == {
        0: 20,
        3: 20,
        5: 20,
    }
    assert filled.features.dtype == np.float32
    assert filled.features.shape == (60, 2, 3)


def test_real_rows_come_first_and_unchanged() -> None:
    features, label = rows_of({0: 20, 3: 9})
    filled = oversample(features, label, seed=0)
    assert filled.real == 29
    np.testing.assert_array_equal(filled.features[:29], features)
    np.testing.assert_array_equal(filled.label[:29], label)


def test_synthetic_rows_lie_between_two_members_of_their_own_class() -> None:
    features, label = rows_of({0: 12, 1: 4})
    filled = oversample(features, label, seed=3)
    members = features[label == 1].reshape(4, -1).astype(np.float64)
    for row in filled.features[filled.real :].reshape(-1, 6):
        distances = np.linalg.norm(members - row, axis=1)
        pairs = [
            distances[i] + distances[j] - np.linalg.norm(members[i] - members[j])
            for i in range(4)
            for j in range(i)
        ]
        assert min(pairs) < 1e-4


def test_small_classes_use_fewer_neighbours_and_the_notes_say_so() -> None:
    features, label = rows_of({0: 10, 1: 2, 2: 5, 3: 6})
    filled = oversample(features, label, seed=0)
    assert (filled.label == 1).sum() == 10
    assert any("class 1 (2 members, 1 neighbours)" in note for note in filled.notes)
    assert any("class 2 (5 members, 4 neighbours)" in note for note in filled.notes)
    assert not any("class 3" in note for note in filled.notes)


def test_a_class_with_one_member_is_left_alone() -> None:
    features, label = rows_of({0: 10, 7: 1})
    filled = oversample(features, label, seed=0)
    assert (filled.label == 7).sum() == 1
    assert any("single member: 7" in note for note in filled.notes)


def test_balanced_classes_need_nothing() -> None:
    features, label = rows_of({0: 6, 1: 6})
    filled = oversample(features, label, seed=0)
    assert len(filled.label) == 12
    assert "nothing to do" in filled.notes[0]


@pytest.mark.parametrize("seed", [0, 5])
def test_the_seed_decides(seed: int) -> None:
    features, label = rows_of({0: 15, 1: 7})
    first = oversample(features, label, seed=seed).features
    np.testing.assert_array_equal(first, oversample(features, label, seed=seed).features)
    assert not np.array_equal(first, oversample(features, label, seed=seed + 1).features)
