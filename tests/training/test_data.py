import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from music_emotion.training.data import MINIMUM_GROUPS, cut_validation, fit_scaling, oversample


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 12)), min_size=1, max_size=60),
    fraction=st.floats(0.05, 0.4),
    seed=st.integers(0, 5),
)
def test_parts_are_disjoint_complete_and_keep_groups_whole(
    sizes: list[tuple[int, int]], fraction: float, seed: int
) -> None:
    label = np.concatenate([np.full(size, number) for number, size in sizes])
    group = np.concatenate([np.full(size, i) for i, (_, size) in enumerate(sizes)])
    cut = cut_validation(label, group, fraction, seed=seed)
    both = np.concatenate([cut.training, cut.validation])
    np.testing.assert_array_equal(np.sort(both), np.arange(len(label)))
    assert not set(group[cut.training]) & set(group[cut.validation])
    for number in range(9):
        groups = {g for g, (own, _) in enumerate(sizes) if own == number}
        held_out = groups & set(group[cut.validation].tolist())
        if len(groups) < MINIMUM_GROUPS:
            assert not held_out
        else:
            assert held_out
            assert held_out != groups


def test_single_rows_are_stratified_exactly() -> None:
    label = np.repeat([0, 1, 2], [100, 50, 10])
    cut = cut_validation(label, np.arange(160), 0.1, seed=0)
    assert np.bincount(label[cut.validation]).tolist() == [10, 5, 1]


def test_a_mixed_group_counts_for_its_commonest_class() -> None:
    # Ten artists with two calm tracks each; one of them also made the only tense track.
    label = np.array([4, 4] * 10 + [7])
    group = np.array([*np.repeat(np.arange(10), 2).tolist(), 3])
    for seed in range(5):
        cut = cut_validation(label, group, 0.2, seed=seed)
        assert len(set(group[cut.validation])) == 2


def test_the_seed_decides_the_cut() -> None:
    label = np.zeros(50, dtype=np.int64)
    group = np.arange(50)
    one = cut_validation(label, group, 0.2, seed=1)
    np.testing.assert_array_equal(
        one.validation, cut_validation(label, group, 0.2, seed=1).validation
    )
    assert not np.array_equal(one.validation, cut_validation(label, group, 0.2, seed=2).validation)


def test_too_few_groups_leave_no_validation_part() -> None:
    cut = cut_validation(np.zeros(40, dtype=np.int64), np.repeat([0, 1], 20), 0.1, seed=0)
    assert len(cut.validation) == 0
    assert len(cut.training) == 40


@pytest.mark.parametrize("axis", [1, 2])
def test_equals_scikit_learn_over_all_frames(axis: int) -> None:
    array = np.random.default_rng(0).normal(3, 7, size=(600, 5, 4)).astype(np.float32)
    rows = np.arange(0, 600, 2)
    scaling = fit_scaling(array, rows, axis=axis)
    frames = np.moveaxis(array[rows], axis, -1).reshape(-1, array.shape[axis])
    oracle = StandardScaler().fit(frames.astype(np.float64))
    np.testing.assert_allclose(scaling.mean, oracle.mean_, rtol=1e-5)
    np.testing.assert_allclose(scaling.deviation, oracle.scale_, rtol=1e-5)


def test_rows_outside_the_training_part_do_not_matter() -> None:
    array = np.random.default_rng(0).normal(size=(20, 5, 4)).astype(np.float32)
    rows = np.arange(10)
    before = fit_scaling(array, rows, axis=2)
    array[10:] = 1e6
    after = fit_scaling(array, rows, axis=2)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.deviation, after.deviation)


def test_a_constant_feature_is_left_unscaled() -> None:
    array = np.full((4, 3, 2), 5.0, dtype=np.float32)
    scaling = fit_scaling(array, np.arange(4), axis=2)
    np.testing.assert_array_equal(scaling.deviation, [1, 1])
    np.testing.assert_array_equal(scaling.mean, [5, 5])


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
    np.testing.assert_array_equal(filled.features[:29], features)
    np.testing.assert_array_equal(filled.label[:29], label)


def test_synthetic_rows_lie_between_two_members_of_their_own_class() -> None:
    features, label = rows_of({0: 12, 1: 4})
    filled = oversample(features, label, seed=3)
    members = features[label == 1].reshape(4, -1).astype(np.float64)
    for row in filled.features[len(features) :].reshape(-1, 6):
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


@pytest.mark.parametrize("count", [1, 4, 6])
def test_balanced_classes_need_nothing(count: int) -> None:
    features, label = rows_of({0: count, 1: count})
    filled = oversample(features, label, seed=0)
    assert len(filled.label) == 2 * count
    assert filled.notes == ("SMOTE had nothing to do: the classes are equally large",)


@pytest.mark.parametrize("seed", [0, 5])
def test_the_seed_decides_the_synthetic_rows(seed: int) -> None:
    features, label = rows_of({0: 15, 1: 7})
    first = oversample(features, label, seed=seed).features
    np.testing.assert_array_equal(first, oversample(features, label, seed=seed).features)
    assert not np.array_equal(first, oversample(features, label, seed=seed + 1).features)


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.25, 12), (0.2375, 8), (0.05, 4), (0.01, 4)],
)
def test_groups_are_taken_while_half_of_the_next_still_fits(fraction: float, expected: int) -> None:
    # Ten groups of four rows: a group that would pass the wanted rows by more than it is short of
    # them is left, and one group is taken whatever is wanted.
    cut = cut_validation(np.zeros(40, np.int64), np.repeat(np.arange(10), 4), fraction, seed=3)
    assert len(cut.validation) == expected


def test_where_no_group_fits_the_smallest_is_taken() -> None:
    group = np.repeat(np.arange(5), [9, 8, 2, 9, 8])
    for seed in range(5):
        cut = cut_validation(np.zeros(36, np.int64), group, 0.01, seed=seed)
        assert set(group[cut.validation]) == {2}


@pytest.mark.parametrize(("groups", "held_out"), [(4, 0), (5, 1)])
def test_five_groups_are_enough_for_one_to_be_held_out(groups: int, held_out: int) -> None:
    cut = cut_validation(np.full(groups, 6), np.arange(groups), 0.2, seed=0)
    assert len(cut.validation) == held_out


@pytest.mark.parametrize(("spread", "deviation"), [(1e-6, 1e-6), (1e-9, 1.0)])
def test_only_what_does_not_vary_at_all_is_left_unscaled(spread: float, deviation: float) -> None:
    array = spread * np.array([1, -1], np.float32).repeat(6).reshape(2, 3, 2)
    scaling = fit_scaling(array.astype(np.float32), np.arange(2), axis=2)
    np.testing.assert_allclose(scaling.deviation, deviation, rtol=1e-4)


def test_each_class_draws_from_the_seed_plus_its_number() -> None:
    features, label = rows_of({0: 12, 3: 5})
    there = oversample(features, label, seed=4)
    moved = oversample(features, np.where(label == 3, 5, label), seed=2)
    np.testing.assert_array_equal(there.features, moved.features)


def test_a_largest_class_that_is_small_needs_no_neighbours() -> None:
    features, label = rows_of({0: 4, 1: 3})
    assert oversample(features, label, seed=0).notes == (
        "SMOTE added 1 synthetic rows to 7 real ones, 4 per class",
        "SMOTE used fewer than 5 neighbours for class 1 (3 members, 2 neighbours)",
    )


def test_notes_count_what_was_added() -> None:
    features, label = rows_of({0: 12, 3: 5, 8: 1})
    assert oversample(features, label, seed=0).notes == (
        "SMOTE added 7 synthetic rows to 18 real ones, 12 per class",
        "SMOTE used fewer than 5 neighbours for class 3 (5 members, 4 neighbours)",
        "SMOTE left alone the classes with a single member: 8",
    )


def test_a_fraction_of_nothing_leaves_all_to_learn_from() -> None:
    label, group = np.repeat(np.arange(3), 20), np.arange(60)
    cut = cut_validation(label, group, 0.0, seed=1)
    np.testing.assert_array_equal(cut.training, np.arange(60))
    assert len(cut.validation) == 0
