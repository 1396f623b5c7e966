"""All that is concluded from results: findings, ablation, calibration, tests, ceilings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from music_emotion.errors import EvaluationError
from music_emotion.evaluation.agreement import Ceilings, ceilings
from music_emotion.evaluation.analysis import Analysis, ModelCalibration, analyse
from music_emotion.evaluation.hypotheses import Ablation, Finding, judge_findings, smote_ablation
from music_emotion.evaluation.results import ModelResult, Results


@dataclass(frozen=True, slots=True)
class Conclusions:
    """What follows from the results of an output folder.

    Attributes
    ----------
    findings
        The reference study's five findings under each protocol and target.
    ablations
        Models with and without SMOTE.
    analysis
        Calibration, confusions and paired tests.
    ceilings
        How far people agree; ``None`` where single votes are not known.
    """

    findings: tuple[Finding, ...]
    ablations: tuple[Ablation, ...]
    analysis: Analysis
    ceilings: Ceilings | None

    def calibration_of(self, result: ModelResult) -> ModelCalibration:
        """Return the calibration of one model's result."""
        wanted = (result.protocol, result.target, result.model)
        return next(
            one
            for one in self.analysis.calibration
            if (one.protocol, one.target, one.model) == wanted
        )


def conclude(results: Results) -> Conclusions:
    """Draw the conclusions."""
    agreement = None
    if results.truth.table is not None:
        with suppress(EvaluationError):  # too few tracks with two listeners: nothing to say
            agreement = ceilings(results.truth.table)
    analysis = analyse(results)
    return Conclusions(
        findings=judge_findings(results, analysis.paired),
        ablations=smote_ablation(results),
        analysis=analysis,
        ceilings=agreement,
    )
