import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from music_emotion.training.validation import MINIMUM_GROUPS, cut_validation


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


def test_the_seed_decides() -> None:
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
