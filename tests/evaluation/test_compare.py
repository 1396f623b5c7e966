from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import stub_models
from helpers.corpora import LABELS, corpus_of, points, segments
from helpers.reporter import RecordingReporter
from helpers.stub_models import BAD, BROKEN, DIES, GOOD, PAIR, REFUSES, SLOW
from music_emotion.errors import EvaluationError, ModelError, WriteError
from music_emotion.evaluation import metrics
from music_emotion.evaluation.cells import CellName, CellStore, Run, read_ground_truth
from music_emotion.evaluation.compare import compare, shared_arrays
from music_emotion.evaluation.plan import (
    Comparison,
    describe,
    feature_names,
    make_plan,
    quick_corpus,
)
from music_emotion.evaluation.rescore import check_against
from music_emotion.evaluation.results import collect
from music_emotion.evaluation.results_file import SUMMARY_COLUMNS, summary_csv
from music_emotion.evaluation.train_cell import mean_over_units, training_seed
from music_emotion.models.base import Prediction
from music_emotion.models.registry import create


@pytest.fixture
def world():
    corpus = corpus_of(LABELS)
    track = segments(corpus, 3)
    return corpus, track, {"points": points(corpus, track)}


def run(world, out, *, jobs=0, **wanted):
    corpus, track, features = world
    wanted.setdefault("models", (GOOD, BAD))
    comparison = Comparison(**wanted)
    reporter = RecordingReporter()
    truth, failures = compare(
        comparison,
        corpus,
        track,
        features,
        feature_versions={"points": "1"},
        out=out,
        jobs=jobs,
        reporter=reporter,
    )
    assert failures == reporter.failures
    return collect(out, truth, (GOOD, BAD)), reporter


def file_name(model):
    return model.replace(":", ".")


def rows(results):
    return list(csv.DictReader(io.StringIO(summary_csv(results.models))))


def test_summary_has_the_promised_form(world, tmp_path):
    results, reporter = run(world, tmp_path, seeds=(7, 8), targets=("label", "votes"))
    assert not reporter.failures
    table = rows(results)
    assert tuple(table[0]) == SUMMARY_COLUMNS
    assert ",".join(SUMMARY_COLUMNS) == (
        "protocol,model,target,metric,value,low,high,seed,repeats,n"
    )
    keys = [(r["protocol"], r["model"], r["target"], r["metric"]) for r in table]
    assert len(set(keys)) == len(keys)
    assert {key[:3] for key in keys} == {
        (p, m, t)
        for p in ("segment", "track", "artist")
        for m in (GOOD, BAD)
        for t in ("label", "votes")
    }
    assert {"accuracy", "macro_f1", "macro_f1_without_amazement", "balanced_accuracy"} < {
        key[3] for key in keys
    }
    for row in table:
        has_interval = row["metric"] != "ece" and not row["metric"].endswith("_censored")
        assert bool(row["low"]) == bool(row["high"]) == has_interval
        if has_interval:
            value, low, high = (float(row[name]) for name in ("value", "low", "high"))
            assert low <= high
        if row["metric"] == "accuracy":
            assert low <= value <= high <= 1
        assert (row["seed"], row["repeats"]) == ("7", "2")
        # 162 segments: a fifth of them is tested under segment; every one of 54 tracks otherwise.
        assert row["n"] == ("33" if row["protocol"] == "segment" else "54")


def test_figures_are_those_of_the_pooled_out_of_fold_predictions(world, tmp_path):
    results, _ = run(world, tmp_path, protocols=("artist",), seeds=(7, 8))
    result = results.find("artist", "label", GOOD)
    corpus = world[0]
    by_hand = []
    for repeat in result.repeats:
        np.testing.assert_array_equal(repeat.unit, np.arange(len(corpus)))
        by_hand.append(metrics.accuracy(corpus.labels, repeat.scored.emotions))
    assert result.headline["accuracy"].value == pytest.approx(np.mean(by_hand))
    assert result.headline["accuracy"].value > 0.5
    assert result.confusion.sum() == 2 * len(corpus)
    assert results.find("artist", "label", BAD).headline["accuracy"].value < 0.5


def test_a_track_is_predicted_by_the_mean_of_its_segments():
    emotions = np.array([[0.8, 0.2], [0.2, 0.8], [0.4, 0.6]], dtype=np.float32)
    units, mean = mean_over_units(Prediction(emotions, emotions), np.array([5, 5, 2]))
    np.testing.assert_array_equal(units, [2, 5])
    np.testing.assert_allclose(mean.emotions, [[0.4, 0.6], [0.5, 0.5]], atol=1e-7)


def test_a_second_run_trains_nothing_and_says_the_same(world, tmp_path, monkeypatch):
    first, _ = run(world, tmp_path / "out")
    monkeypatch.setenv(stub_models.FITS, str(tmp_path / "fits"))
    second, reporter = run(world, tmp_path / "out")
    assert not (tmp_path / "fits").exists()
    assert reporter.planned_cells == [] and reporter.messages == []
    assert summary_csv(second.models) == summary_csv(first.models)


def test_scores_come_from_the_files_alone(world, tmp_path):
    results, _ = run(world, tmp_path)
    text = summary_csv(results.models)
    truth = read_ground_truth(tmp_path).with_votes(world[0])
    assert summary_csv(collect(tmp_path, truth, (GOOD, BAD)).models) == text
    assert check_against(results.models, text) == []
    assert check_against(results.models, text.replace("accuracy,0.", "accuracy,1.", 1)) != []
    # Without the votes everything but the metrics of votes is still there.
    without = collect(tmp_path, read_ground_truth(tmp_path), (GOOD, BAD))
    missing = check_against(without.models, text)
    assert missing
    assert all("pearson" in m or "cosine" in m or "jensen" in m for m in missing)


def test_truth_keeps_no_votes(world, tmp_path):
    run(world, tmp_path, protocols=("track",))
    with np.load(tmp_path / "predictions" / "truth.npz", allow_pickle=False) as file:
        assert set(file.files) == {"ids", "label", "group", "genre", "segment_track", "about"}
    with pytest.raises(EvaluationError, match="made on other data"):
        read_ground_truth(tmp_path).with_votes(corpus_of(LABELS[::-1]))


def test_a_second_command_extends_the_tables(world, tmp_path):
    run(world, tmp_path, models=(GOOD,), protocols=("track",))
    results, _ = run(world, tmp_path, models=(BAD,), protocols=("artist",), targets=("votes",))
    assert [(r.protocol, r.target, r.model) for r in results.models] == [
        ("track", "label", GOOD),
        ("artist", "votes", BAD),
    ]
    results, _ = run(world, tmp_path, models=(GOOD,), protocols=("track",), seeds=(1,))
    assert results.find("track", "label", GOOD).seeds == (1, 42)


def test_a_folder_of_other_data_is_refused_and_left_as_it_is(world, tmp_path):
    run(world, tmp_path, protocols=("track",))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    corpus = corpus_of(LABELS, votes=False)
    for other in (corpus, quick_corpus(world[0])):
        with pytest.raises(EvaluationError, match=r"other data .*: name another folder with --out"):
            run((other, *world[1:]), tmp_path, models=(GOOD,), protocols=("track",))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_cells_of_other_data_are_left_out(world, tmp_path):
    run(world, tmp_path, protocols=("track",))
    other = replace(read_ground_truth(tmp_path), fingerprint="other")
    results = collect(tmp_path, other)
    assert results.models == ()
    assert results.left_out[0] == (
        f"track-label-{file_name(BAD)}-seed42 is left out of the tables: it was made on other data"
    )


def test_other_folds_are_noticed(world, tmp_path):
    run(world, tmp_path, protocols=("artist",))
    results, reporter = run(world, tmp_path, models=(GOOD,), protocols=("artist",), n_folds=3)
    assert "training it again" in reporter.messages[0]
    assert [result.model for result in results.models] == [GOOD]
    assert "other folds than the 3" in results.left_out[0]


def test_other_settings_are_noticed(world, tmp_path):
    first, _ = run(world, tmp_path, protocols=("track",))
    second, reporter = run(world, tmp_path, protocols=("track",), settings={"dropout": 0.2})
    assert len(reporter.messages) == 2
    assert summary_csv(first.models) != summary_csv(second.models)


def test_other_code_is_said_and_what_it_made_is_kept(world, tmp_path, monkeypatch):
    first, reporter = run(world, tmp_path, protocols=("track",))
    again, reporter = run(world, tmp_path, protocols=("track",))
    assert reporter.messages == []
    monkeypatch.setattr("music_emotion.evaluation.plan.code_digest", lambda: "other")
    again, reporter = run(world, tmp_path, protocols=("track",))
    (line,) = reporter.messages
    assert "code of models or of training has changed" in line
    good, bad = (f"track-label-{file_name(name)}-seed42" for name in (GOOD, BAD))
    assert f"{good}, {bad}; to train them again" in line
    assert reporter.done == []
    assert summary_csv(first.models) == summary_csv(again.models)
    (tmp_path / "predictions" / f"{bad}.npz").unlink()
    _, reporter = run(world, tmp_path, protocols=("track",))
    assert len(reporter.done) == 5
    assert bad not in reporter.messages[0]


def test_cells_of_which_the_code_is_not_known_are_passed_over(world, tmp_path, monkeypatch):
    monkeypatch.setattr("music_emotion.evaluation.plan.code_digest", lambda: "")
    run(world, tmp_path, models=(GOOD,), protocols=("track",))
    monkeypatch.undo()
    _, reporter = run(world, tmp_path, models=(GOOD,), protocols=("track",))
    assert reporter.messages == []


def test_an_ensemble_reuses_its_members(world, tmp_path, monkeypatch):
    run(world, tmp_path / "out", models=(GOOD,), protocols=("artist",))
    log = tmp_path / "fits"
    monkeypatch.setenv(stub_models.FITS, str(log))
    results, reporter = run(world, tmp_path / "out", models=(PAIR, BAD), protocols=("artist",))
    assert [line.split()[0] for line in log.read_text().splitlines()] == [BAD] * 5
    assert reporter.present == 5
    pair, good, bad = (results.find("artist", "label", m) for m in (PAIR, GOOD, BAD))
    np.testing.assert_allclose(
        pair.repeats[0].scored.emotions,
        (good.repeats[0].scored.emotions + bad.repeats[0].scored.emotions) / 2,
        atol=1e-7,
    )
    # Fitted as a whole, with the fold's own seed, it says the same.
    corpus, track, features = world
    comparison = Comparison((PAIR,), ("artist",))
    plan = make_plan(comparison, corpus, track, {})
    from music_emotion.evaluation.folds import examples

    fold = next(task.fold for name, task in plan.tasks.items() if name.fold == 2)
    everything = examples(corpus, features, track, "artist")
    whole = create(PAIR)
    whole.fit(everything.take(fold.train), seed=training_seed(42, 2))
    test = everything.take(fold.test)
    units, mean = mean_over_units(whole.predict(test), test.unit)
    np.testing.assert_allclose(pair.repeats[0].scored.emotions[units], mean.emotions, atol=1e-6)


def test_an_ensemble_follows_a_member_that_was_trained_again(world, tmp_path):
    def emotions(model):
        return results.find("artist", "label", model).repeats[0].scored.emotions

    run(world, tmp_path, models=(PAIR, GOOD, BAD), protocols=("artist",))
    store = CellStore(tmp_path)
    name = CellName(Run("artist", "label", GOOD, 42), 1)
    cell = store.find(name)
    store.write(replace(cell, emotions=np.roll(cell.emotions, 1, axis=1)))  # as other code would
    results, reporter = run(world, tmp_path, models=(PAIR, GOOD, BAD), protocols=("artist",))
    assert reporter.done == []
    np.testing.assert_allclose(emotions(PAIR), (emotions(GOOD) + emotions(BAD)) / 2, atol=1e-7)


def test_the_training_seed_is_that_of_seed_and_fold_alone(world, tmp_path, monkeypatch):
    log = tmp_path / "fits"
    monkeypatch.setenv(stub_models.FITS, str(log))
    run(world, tmp_path / "out", protocols=("track", "artist"), targets=("label", "votes"))
    seeds = [int(line.split()[2]) for line in log.read_text().splitlines()]
    assert set(seeds) == {training_seed(42, fold) for fold in range(5)}
    assert len(set(seeds)) == 5
    assert training_seed(43, 0) != training_seed(42, 1)


def test_shares_and_trainings_are_points_of_a_curve_and_no_rows(world, tmp_path):
    wanted = {"models": (GOOD,), "protocols": ("artist",), "shares": (0.5, 1.0), "trainings": 2}
    results, reporter = run(world, tmp_path, **wanted)
    assert len(reporter.done) == 2 * 2 * 5
    [row] = results.models
    assert (row.seeds, len(row.repeats)) == ((42,), 1)
    [curve] = results.curves
    assert (curve.model, curve.seed) == (GOOD, 42)
    assert [(point.share, point.trainings) for point in curve.points] == [(0.5, 2), (1.0, 2)]
    gained = curve.points[1].scores["accuracy"].value - curve.points[0].scores["accuracy"].value
    assert curve.doubling["accuracy"].value == pytest.approx(gained)
    _, again = run(world, tmp_path, **wanted)
    assert again.done == []
    # The ordinary run is the curve's first training on everything.
    _, plain = run(world, tmp_path, models=(GOOD,), protocols=("artist",))
    assert plain.done == []
    names = sorted(path.name for path in (tmp_path / "predictions").glob("artist*"))
    stem = f"artist-label-{file_name(GOOD)}-seed42"
    assert names == [f"{stem}{end}.npz" for end in
                     ("-share50-training1", "-share50", "-training1", "")]  # fmt: skip


def test_a_share_of_segments_is_refused(world, tmp_path):
    with pytest.raises(EvaluationError, match="--protocol track or artist with --train-share"):
        run(world, tmp_path, shares=(0.5,))


def test_settings_that_came_later_leave_keys_as_they_were():
    assert "averaging" not in describe(create("cnn2d"))["config"]
    assert describe(create("cnn2d", averaging=0.9))["config"]["averaging"] == 0.9


def test_workers_say_what_this_process_says(world, tmp_path):
    here, _ = run(world, tmp_path / "here", protocols=("artist",))
    there, reporter = run(world, tmp_path / "there", protocols=("artist",), jobs=2)
    assert len(reporter.done) == 10
    assert summary_csv(here.models) == summary_csv(there.models)


def test_one_bad_cell_does_not_stop_the_others(world, tmp_path):
    results, reporter = run(
        world,
        tmp_path,
        models=(BROKEN, DIES, REFUSES, GOOD),
        protocols=("segment",),
        jobs=2,
    )
    assert [result.model for result in results.models] == [GOOD]
    said = {failure.name.run.model: failure for failure in reporter.failures}
    assert said[BROKEN].line == "ValueError: this model is broken"
    assert "Traceback" in said[BROKEN].details
    assert said[DIES].line == "the worker process died (exit code 3)"
    assert said[REFUSES].line == "refuses to learn: give it something else"
    assert str(said[DIES].name) == f"{DIES}, segment, seed 42, fold 1"


def test_a_full_or_forbidden_folder_is_one_line(world, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WriteError, match=r"cannot write .* choose another --out"):
        run(world, tmp_path / "file" / "out", protocols=("segment",))


def test_a_damaged_file_is_named(world, tmp_path):
    run(world, tmp_path, protocols=("segment",), models=(GOOD,))
    (path,) = (tmp_path / "predictions").glob("segment-*")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(EvaluationError, match=r"cannot read .*good-seed42\.npz: delete it"):
        run(world, tmp_path, protocols=("segment",), models=(GOOD,))


def test_an_unknown_model_is_refused_before_anything_is_trained(world, tmp_path):
    with pytest.raises(ModelError, match="no model 'guud'"):
        run(world, tmp_path, models=(GOOD, "guud"))
    assert not (tmp_path / "cells").exists()
    with pytest.raises(ModelError):
        feature_names(Comparison(("guud",)))


def test_a_description_holds_the_settings_and_not_the_device():
    model = create("cnn2d", device="cpu", max_epochs=3)
    described = describe(model)
    assert described["config"]["max_epochs"] == 3
    assert "device" not in described["config"]
    assert described == describe(create("cnn2d", max_epochs=3))
    assert described != describe(create("cnn2d"))


def test_mapped_arrays_are_shared_as_they_are(tmp_path):
    plain = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "mapped.npy", plain)
    mapped = np.load(tmp_path / "mapped.npy", mmap_mode="r")
    with shared_arrays({"plain": plain, "mapped": mapped, "view": mapped[:, :2]}) as shared:
        assert shared["mapped"].path == tmp_path / "mapped.npy"
        for name, expected in (("plain", plain), ("mapped", plain), ("view", plain[:, :2])):
            np.testing.assert_array_equal(shared[name].open(), expected)
        written = shared["plain"].path
    assert not written.exists()


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from helpers import stub_models
from helpers.corpora import corpus_of, points, segments
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.plan import Comparison
from helpers.corpora import LABELS
from helpers.reporter import RecordingReporter

if __name__ == "__main__":
    corpus = corpus_of(LABELS)
    track = segments(corpus, 3)
    compare(
        Comparison((stub_models.SLOW,), ("artist",)),
        corpus, track, {{"points": points(corpus, track)}},
        feature_versions={{"points": "1"}}, out=Path({out!r}), jobs=1, reporter=RecordingReporter(),
    )
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_where_it_was(world, tmp_path, number):
    here = str(Path(__file__).parents[1])
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(paths=[here], out=str(tmp_path / "out")))
    paced = {**os.environ, stub_models.PACE: "0.6"}
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, env=paced)
    cells = tmp_path / "out" / "cells"
    deadline = time.monotonic() + 60
    while len(list(cells.glob("[!.]*.npz"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(20) != 0
    kept = sorted(path.name for path in cells.glob("[!.]*.npz"))
    assert 2 <= len(kept) < 5
    time.sleep(0.7)  # a worker that outlived its parent would have finished its cell by now
    assert sorted(path.name for path in cells.glob("[!.]*.npz")) == kept

    resumed, reporter = run(world, tmp_path / "out", models=(SLOW,), protocols=("artist",))
    assert reporter.present == len(kept) and len(reporter.done) == 5 - len(kept)
    afresh, _ = run(world, tmp_path / "afresh", models=(SLOW,), protocols=("artist",))
    assert summary_csv(resumed.models) == summary_csv(afresh.models)
    assert not list(cells.glob("*.npz"))


def test_sigterm_counts_as_ctrl_c_while_cells_are_trained(world, tmp_path):
    class Impatient(RecordingReporter):
        def started(self, name):
            os.kill(os.getpid(), signal.SIGTERM)

    corpus, track, features = world
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        compare(
            Comparison((GOOD,), ("segment",)),
            corpus,
            track,
            features,
            feature_versions={},
            out=tmp_path,
            jobs=0,
            reporter=Impatient(),
        )
    assert signal.getsignal(signal.SIGTERM) is before


def test_nothing_is_pickled(world, tmp_path):
    run(world, tmp_path, protocols=("segment",), models=(GOOD,))
    (path,) = (tmp_path / "predictions").glob("segment-*")
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(str(file["records"]))
        assert file["emotions"].dtype == np.float32
    assert header["folds"][0]["notes"] == ["noise 0.01"]
    assert header["folds"][0]["history"] == {"train_loss": [1.0, 0.5]}
    name = CellName(Run("segment", "label", GOOD, 42), 0)
    assert CellStore(tmp_path).find(name).record.best_epoch == 1
    assert path.stat().st_size < 20_000
