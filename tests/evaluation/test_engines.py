from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from helpers.corpora import LABELS, corpus_of, points, segments
from helpers.reporter import RecordingReporter
from helpers.stub_models import BAD, BROKEN, DIES, GOOD, REFUSES
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.compare import compare
from music_emotion.evaluation.engines import train_here, train_on_ray
from music_emotion.evaluation.plan import Comparison
from music_emotion.evaluation.results import collect
from music_emotion.evaluation.results_file import summary_csv


@pytest.fixture
def world():
    corpus = corpus_of(LABELS)
    track = segments(corpus, 3)
    return corpus, track, {"points": points(corpus, track)}


def run(world, out, *, engine, jobs=2, reporter=None, **wanted):
    corpus, track, features = world
    reporter = reporter or RecordingReporter()
    truth, failures = compare(
        Comparison(**wanted),
        corpus,
        track,
        features,
        feature_versions={"points": "1"},
        out=out,
        jobs=jobs,
        reporter=reporter,
        engine=engine,
    )
    assert failures == reporter.failures
    return collect(out, truth, (GOOD, BAD)), reporter


def test_ray_gives_the_predictions_of_the_local_engine(world, tmp_path, ray_here):
    wanted = {"models": (GOOD, BAD), "protocols": ("artist",)}
    here, _ = run(world, tmp_path / "here", engine=train_here, jobs=0, **wanted)
    there, reporter = run(world, tmp_path / "there", engine=train_on_ray, **wanted)
    assert len(reporter.done) == 10
    assert summary_csv(here.models) == summary_csv(there.models)
    for path in sorted((tmp_path / "here" / "predictions").glob("artist-*.npz")):
        assert_equal_predictions(path, tmp_path / "there" / "predictions" / path.name)
    # What is there is not trained again, by neither engine.
    _, again = run(world, tmp_path / "there", engine=train_on_ray, **wanted)
    assert again.planned_cells == [] and again.present == 10


def assert_equal_predictions(one: Path, other: Path) -> None:
    import numpy as np

    with np.load(one) as a, np.load(other) as b:
        for name in ("unit", "fold", "emotions", "intensities"):
            np.testing.assert_array_equal(a[name], b[name])


def test_one_bad_cell_does_not_stop_the_others(world, tmp_path, ray_here):
    results, reporter = run(
        world,
        tmp_path,
        engine=train_on_ray,
        models=(BROKEN, DIES, REFUSES, GOOD),
        protocols=("segment",),
    )
    assert [result.model for result in results.models] == [GOOD]
    said = {failure.name.run.model: failure for failure in reporter.failures}
    assert said[BROKEN].line == "ValueError: this model is broken"
    assert "Traceback" in said[BROKEN].details
    assert "died twice" in said[DIES].line
    assert said[REFUSES].line == "refuses to learn: give it something else"


def test_a_training_too_large_for_every_machine_is_refused(world, tmp_path, ray_here, monkeypatch):
    monkeypatch.setattr("music_emotion.evaluation.compare.threads_per_job", lambda jobs: 4096)
    engine = partial(train_on_ray, address="auto")
    with pytest.raises(MusicEmotionError, match=r"takes 4096 processors .* no machine .* --jobs"):
        run(world, tmp_path, engine=engine, models=(GOOD,), protocols=("segment",))


class Interrupting(RecordingReporter):
    """Sends the signal to itself when the second cell is done."""

    def finished(self, cell):
        super().finished(cell)
        if len(self.done) == 2:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_stopped_comparison_goes_on_where_it_was(world, tmp_path, ray_here):
    wanted = {"models": (GOOD,), "protocols": ("artist",), "engine": train_on_ray}
    with pytest.raises(KeyboardInterrupt):
        run(world, tmp_path, jobs=1, reporter=Interrupting(), **wanted)
    _, reporter = run(world, tmp_path, **wanted)
    assert 2 <= reporter.present < 5
    assert len(reporter.done) == 5 - reporter.present
