from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from sklearn.linear_model import LogisticRegression

from helpers.examples import SEGMENTS, TRACKS, examples
from music_emotion.errors import ModelError
from music_emotion.models import blend, candidates
from music_emotion.models.base import Target
from music_emotion.models.blend import KernelBlend, fractions
from music_emotion.models.candidates import Candidate, choose, divide_groups, some_groups
from music_emotion.models.dominant_label import DominantLabel, panel_probabilities
from music_emotion.models.kernel import (
    gaussian,
    mean_correlation,
    solve_logistic_path,
    squared_distances,
)
from music_emotion.models.pooling import (
    POOLING,
    pool_alone,
    pool_spans,
    pool_units,
    span_ratios,
)
from music_emotion.models.registry import create
from music_emotion.models.sections import Position
from music_emotion.models.views import fit_view, group_numbers


def small_blend(rounds: int = 4) -> KernelBlend:
    shares = ((("musicnn", 1.0),), (("musicnn", 0.5), ("summary", 0.5)))
    offered = [Candidate(share, widths=(0.5, 1.0)) for share in shares]
    return KernelBlend(
        "small", [*offered, Candidate(shares[1], learned=True, widths=(1.0,))], rounds=rounds
    )


def test_inner_folds_keep_groups_whole_and_are_of_about_equal_size() -> None:
    group = np.repeat(np.arange(23), np.arange(23) % 5 + 1)
    folds = divide_groups(group, 5, seed=3)
    assert all(len(np.unique(folds[group == number])) == 1 for number in range(23))
    sizes = np.bincount(folds, minlength=5)
    assert sizes.max() - sizes.min() <= 2


def test_angles_come_back_as_fractions() -> None:
    expected = np.linspace(0, 1, 27).reshape(3, 9)
    np.testing.assert_allclose(fractions(np.arcsin(np.sqrt(expected))), expected, atol=1e-12)
    np.testing.assert_array_equal(fractions(np.array([-0.2, 1.7])), [0.0, 1.0])


@pytest.mark.parametrize("target", ["votes", "label"])
def test_blend_learns_and_its_graph_says_the_same(target: str) -> None:
    given = examples()
    training = given.group < 15
    model = small_blend()
    report = model.fit(given.take(training), target=target, seed=0)  # type: ignore[arg-type] # parametrised
    assert any("out of the inner folds" in note for note in report.notes)
    test = given.take(~training)
    predicted = model.predict(test)
    np.testing.assert_allclose(predicted.emotions.sum(axis=1), 1.0, atol=1e-5)
    assert predicted.intensities.min() >= 0
    assert predicted.intensities.max() <= 1
    assert mean_correlation(predicted.intensities, test.vote_fractions) > 0.6

    units, unit_of_row = pool_units(test, model.feature_names)
    session = onnxruntime.InferenceSession(model.graph().SerializeToString())
    feed = {name: units.features[name].astype(np.float32) for name in model.feature_names}
    emotions, intensities = session.run(["emotions", "intensities"], feed)
    np.testing.assert_allclose(emotions[unit_of_row], predicted.emotions, atol=1e-5)
    np.testing.assert_allclose(intensities[unit_of_row], predicted.intensities, atol=1e-5)

    segments = {name: test.gather(name) for name in model.feature_names}
    alone = {name: pool_alone(rows, POOLING) for name, rows in segments.items()}
    (places,) = session.run(["position"], {n: v.astype(np.float32) for n, v in alone.items()})
    assert model.fitted_ is not None
    np.testing.assert_allclose(places, model.fitted_.position(segments), rtol=1e-5, atol=1e-5)
    means = pool_units(given.take(training), model.feature_names)[0].mean_features
    expected = Position.fit(means)(segments)
    np.testing.assert_array_equal(model.fitted_.position(segments), expected)


def test_blend_is_told_nothing_of_rows_it_is_not_given() -> None:
    given = examples()
    training = given.group < 15
    changed = {name: values.copy() for name, values in given.features.items()}
    for values in changed.values():
        values[~training] = 1e3
    first, second = small_blend(), small_blend()
    first.fit(given.take(training), target="votes")
    second.fit(replace(given, features=changed).take(training), target="votes")
    test = given.take(~training)
    np.testing.assert_array_equal(first.predict(test).emotions, second.predict(test).emotions)


def test_random_votes_teach_nothing() -> None:
    given = examples()
    shuffled = np.random.default_rng(5).permutation(TRACKS)[given.track_index] * SEGMENTS
    given = replace(
        given,
        vote_fractions=given.vote_fractions[shuffled],
        label=given.label[shuffled],
        listeners=given.listeners[shuffled],
    )
    training = given.group < 15
    model = small_blend()
    model.fit(given.take(training), target="votes")
    test = given.take(~training)
    assert mean_correlation(model.predict(test).intensities, test.vote_fractions) < 0.3


def test_one_round_takes_one_member() -> None:
    model = small_blend(rounds=1)
    model.fit(examples(), target="votes")
    assert [member.weight for member in model.members_] == [1.0, 1.0]
    assert [member.estimator for member in model.members_] == ["regression", "classifier"]


def test_labels_alone_decide_when_labels_are_learned() -> None:
    model = small_blend()
    model.fit(examples(), target="label")
    assert model.fitted_ is not None
    assert model.fitted_.dominant_label.intensity_slope == 0.0
    model.fit(examples(), target="votes")
    assert model.fitted_.dominant_label.chance_slope > 0.0


def test_votes_do_not_touch_the_emotions_when_labels_are_learned() -> None:
    given = examples()
    turned = np.roll(given.vote_fractions, 1, axis=1)
    predicted = []
    for votes in (given.vote_fractions, turned):
        model = small_blend()
        model.candidates = model.candidates[:2]  # a learned view looks at the votes
        model.fit(replace(given, vote_fractions=votes), target="label")
        predicted.append(model.predict(given))
    np.testing.assert_array_equal(predicted[0].emotions, predicted[1].emotions)
    assert np.abs(predicted[0].intensities - predicted[1].intensities).max() > 0.1


def test_bad_input_is_named() -> None:
    given = examples()
    with pytest.raises(ModelError, match="empty"):
        small_blend().fit(given.take(np.zeros(0, dtype=np.int64)))
    with pytest.raises(ModelError, match="one artist"):
        small_blend().fit(given.take(given.group == 3))
    with pytest.raises(ModelError, match="fit first"):
        create("blend").predict(given)


def test_linear_data_is_at_least_as_good_as_logistic_regression() -> None:
    given = examples(noise=0.2)
    training = given.group < 15
    units, _ = pool_units(given.take(training), ("musicnn", "summary"))
    stacked = np.concatenate([units.features["musicnn"], units.features["summary"]], axis=1)
    theirs = LogisticRegression(max_iter=2_000, C=0.01).fit(stacked, units.label)
    model = small_blend()
    model.fit(given.take(training), target="votes")
    test = given.take(~training)
    outside, _ = pool_units(test, ("musicnn", "summary"))
    values = np.concatenate([outside.features["musicnn"], outside.features["summary"]], axis=1)
    ours = (model.predict(test).emotions.argmax(axis=1) == test.label).mean()
    assert ours >= (theirs.predict(values) == outside.label).mean() - 0.1


def test_transfer_hears_with_the_pretrained_network_only() -> None:
    model = create("transfer")
    assert model.feature_names == ("musicnn",)
    given = examples()
    training = given.group < 15
    report = model.fit(given.take(training), target="votes", seed=0)
    assert sum("regression (" in note for note in report.notes) == 1
    assert sum("classifier (" in note for note in report.notes) == 1
    test = given.take(~training)
    assert mean_correlation(model.predict(test).intensities, test.vote_fractions) > 0.6


def test_light_needs_no_network() -> None:
    assert create("light").feature_names == ("summary",)


@pytest.mark.parametrize("name", ["transfer", "light"])
def test_the_same_data_give_the_same_model(name: str) -> None:
    given = examples()
    first, second = create(name), create(name)
    first.fit(given, target="votes", seed=0)
    second.fit(given, target="votes", seed=0)
    np.testing.assert_array_equal(first.predict(given).emotions, second.predict(given).emotions)


@pytest.mark.parametrize("target", ["votes", "label"])
def test_a_fitted_blend_is_the_weighted_mean_of_its_members(target: Target) -> None:
    given = examples()
    known = given.group < 15
    model = small_blend()
    model.candidates = model.candidates[:2]
    calls: list[tuple[int, int]] = []
    report = model.fit(given.take(known), target=target, progress=lambda *c: calls.append(c))
    assert calls == [(done, 6) for done in range(1, 7)]
    units, _ = pool_units(given.take(known), model.feature_names)
    other, _ = pool_units(given.take(~known), model.feature_names)
    listeners = units.listeners[:, None]
    ticks = units.vote_fractions * listeners
    angles = np.arcsin(np.sqrt((ticks + 0.375) / (listeners + 0.75)))
    noise, chances = np.ones(len(units)), np.eye(9)[units.label]
    if target == "votes":
        noise = 1 + 30 / units.listeners
        noise /= noise.mean()
        chances = panel_probabilities(units.vote_fractions, units.listeners)
    expected = np.zeros((len(other), 18))
    for member in model.members_:
        view = fit_view(units.features, dict(member.candidate.shares))
        points = view(units.features)
        kernel = gaussian(squared_distances(points, points), member.width)
        crossed = gaussian(squared_distances(view(other.features), points), member.width)
        if member.estimator == "classifier":
            (dual,) = solve_logistic_path(kernel, chances, (member.ridge,))
            expected[:, :9] += member.weight * crossed @ dual
        else:
            dual = np.linalg.solve(kernel + member.ridge * np.diag(noise), angles)
            expected[:, 9:] += member.weight * crossed @ dual
    for estimator in ("classifier", "regression"):
        assert sum(m.weight for m in model.members_ if m.estimator == estimator) == pytest.approx(1)
    assert model.fitted_ is not None
    outputs = np.sum([part(other.features) for part in model.fitted_.kernel_models], axis=0)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    distinct = {(m.candidate, m.width, m.estimator) for m in model.members_}
    assert report.parameters == 9 * len(units) * len(distinct)
    intensities = np.sin(np.clip(expected[:, 9:], 0, np.pi / 2)) ** 2
    emotions = model.fitted_.dominant_label(expected[:, :9], intensities)
    found = model.predict(given.take(~known))
    np.testing.assert_allclose(found.emotions[::SEGMENTS], emotions, atol=1e-5)
    np.testing.assert_allclose(found.intensities[::SEGMENTS], intensities, atol=1e-5)


def test_a_unit_is_the_mean_over_the_spans_around_its_rows() -> None:
    given = examples()
    training = given.group < 15
    model = small_blend(1)
    model.window_seconds = 6.0
    model.fit(given.take(training), target="votes", seed=0)
    assert model.fitted_ is not None
    (unit,) = np.unique(given.unit[~training])[:1]
    rows = given.take(given.unit == unit)
    spans = [rows.take(np.arange(at, min(at + 2, SEGMENTS))) for at in range(SEGMENTS)]
    said = [model.fitted_(pool_units(span, model.feature_names)[0].features) for span in spans]
    emotions, intensities = (np.mean([part[at][0] for part in said], axis=0) for at in (0, 1))
    found = model.predict(rows)
    np.testing.assert_allclose(found.emotions[0], emotions, atol=1e-5)
    np.testing.assert_allclose(found.intensities[-1], intensities, atol=1e-5)


def test_the_slopes_are_fitted_to_spans_that_the_members_have_not_seen() -> None:
    given = examples()
    model = small_blend(2)
    model.window_seconds = 6.0
    model.fit(given, target="votes", seed=0)
    units, _ = pool_units(given, model.feature_names)
    assert model.fitted_ is not None
    spans, _ = pool_spans(given, model.feature_names, 2, model.fitted_.position)
    chances, intensities = model._left_out(units, spans, "votes", 0)
    is_inside = divide_groups(units.group, 5, 0) != 2
    inside = units.take(is_inside)
    ratios = span_ratios(inside, spans.take(is_inside[spans.unit]))
    outside = spans.take(~is_inside[spans.unit])
    scaled = {name: values * ratios[name] for name, values in outside.features.items()}
    kernel_models = blend._kernel_models(inside, model.members_, "votes", 0)
    expected = np.sum([part(scaled) for part in kernel_models], axis=0)
    np.testing.assert_allclose(chances[~is_inside[spans.unit]], expected[:, :9], atol=1e-9)
    np.testing.assert_allclose(
        intensities[~is_inside[spans.unit]], fractions(expected[:, 9:]), atol=1e-9
    )
    assert model.fitted_ is not None
    refitted = DominantLabel.fit(chances, intensities, units.label, spans.unit)
    assert model.fitted_.dominant_label.chance_slope == refitted.chance_slope


def test_members_are_added_with_repetition_to_what_raises_the_mean_most() -> None:
    outputs = np.array([[0.0], [1.0], [10.0]])
    tried = [("regression", Candidate(()), width, 0.1) for width in (0.0, 1.0, 10.0)]
    # 1 is nearest to 3; so is the mean of 1 and 1; of three, that of 1, 1 and 10.
    members = choose(outputs, tried, lambda values: -abs(float(values[0]) - 3.0), 3)
    assert [(m.width, round(3 * m.weight)) for m in members] == [(1.0, 2), (10.0, 1)]


def test_the_largest_group_is_dealt_out_first() -> None:
    group = np.repeat(np.arange(5), [3, 3, 4, 3, 5])
    for seed in range(4):
        assert sorted(np.bincount(divide_groups(group, 2, seed))) == [8, 10]


def test_a_learned_view_weighs_each_group_by_what_was_learned() -> None:
    units, _ = pool_units(examples(), ("musicnn",))
    candidate = Candidate((("musicnn", 1.0),), learned=True)
    plain = fit_view(units.features, {"musicnn": 1.0})
    view = blend._view(units, candidate, "votes", 0)
    squares = (view.factor / plain.factor) ** 2
    groups = group_numbers(plain.sizes)[plain.columns]
    weights = [np.unique(squares[groups == group].round(9)) for group in np.unique(groups)]
    assert [len(found) for found in weights] == [1, 1]
    assert abs(np.log(weights[0] / weights[1]))[0] > 0.1


def test_whole_groups_are_drawn_for_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    group = np.repeat(np.arange(20), 3)
    assert some_groups(group, 0).all()
    monkeypatch.setattr("music_emotion.models.candidates.SEARCH_UNITS", 10)
    drawn = group[some_groups(group, 0)]
    assert len(drawn) == 12
    assert np.unique(np.bincount(drawn)).tolist() == [0, 3]
    monkeypatch.setattr("music_emotion.models.candidates.SEARCH_UNITS", 1)
    assert len(np.unique(group[some_groups(group, 1)])) == 2


def test_the_fixed_list_is_the_one_of_the_published_figures() -> None:
    assert (candidates.RIDGES, blend.PENALTIES) == (
        (0.05, 0.1, 0.2, 0.4, 0.8),
        (0.05, 0.02, 0.008, 0.003),
    )
    assert (candidates.WIDTHS, blend.LEARNED_WIDTHS) == ((0.25, 0.5, 1.0, 2.0), (0.5, 1.0, 2.0))
    assert (candidates.DOUBT, candidates.SEARCH_UNITS, blend.BOTH) == (
        30.0,
        500,
        (("musicnn", 0.5), ("summary", 0.5)),
    )
    rounds = {name: create(name).rounds for name in ("light", "transfer", "blend")}  # type: ignore[attr-defined]
    assert rounds == {"light": 8, "transfer": 1, "blend": 8}
    learned = {name: [c.learned for c in create(name).candidates] for name in rounds}  # type: ignore[attr-defined]
    assert learned == {
        "light": [False, True],
        "transfer": [False],
        "blend": [False, False, False, True],
    }
    shares = {share for name in rounds for c in create(name).candidates for share in c.shares}  # type: ignore[attr-defined]
    assert shares == {("musicnn", 1.0), ("summary", 1.0), *blend.BOTH}
    assert create("light").window_seconds == 27.0  # type: ignore[attr-defined]
