"""What people agree on, and what a model is worth in listeners.

Nine emotions felt by different people on one piece of music differ, and so no model can reach
100 %. This package measures, on any table of votes, how far people agree with each other and
turns a model's figure into one that can be understood: *this model predicts other people as well
as a panel of k listeners does*.

- :func:`ceilings`: reliability, the highest r a perfect predictor can reach, the noise of the
  label, the accuracy of an oracle;
- :func:`panel_curve`: how well panels of 1 to 24 listeners predict 16 others;
- :func:`build_yardstick`: panels to measure models with, for the panel that each is worth;
- :func:`people_confuse`: the emotions that people confuse;
- :func:`rating_ceilings`: how reliable mean ratings are, and what a perfect predictor of them
  reaches.

Conventions: the dominant emotion is the one with most votes. Ties are broken at random, and since
all random tie-breaks can be averaged exactly, they are: an emotion in a tie of two counts one half.
The two figures about the published *label* follow its own rule instead, ties to the earlier column.
"""

from music_emotion.evaluation.agreement.ceilings import (
    Ceilings,
    PeopleConfuse,
    ceilings,
    people_confuse,
)
from music_emotion.evaluation.agreement.panels import (
    PanelCurve,
    PanelSize,
    Worth,
    Yardstick,
    build_yardstick,
    panel_curve,
)
from music_emotion.evaluation.agreement.raters import (
    RatingCeiling,
    course_ceilings,
    rating_ceilings,
    spearman_brown,
    worth_in_raters,
)

__all__ = [
    "Ceilings",
    "PanelCurve",
    "PanelSize",
    "PeopleConfuse",
    "RatingCeiling",
    "Worth",
    "Yardstick",
    "build_yardstick",
    "ceilings",
    "course_ceilings",
    "panel_curve",
    "people_confuse",
    "rating_ceilings",
    "spearman_brown",
    "worth_in_raters",
]
