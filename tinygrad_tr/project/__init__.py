"""Decisions of a machine-learning project, as small exact functions. Course 3.

    found = tt.project.diagnose(human=0.01, train=0.08, dev=0.10)
    print(found)                       # the errors, the gaps between them, and what to do
    tt.project.select(models, optimize="accuracy", subject_to={"ms": ("<=", 100)})

Errors are numbers in any one unit, percent or fractions.
"""

from .advice import knobs, pros_cons, tactics
from .diagnosis import Diagnosis, bayes_proxy, diagnose
from .distributions import Comparison, same_distribution
from .error_analysis import ErrorTable, ceiling
from .experiments import Experiment, Experiments
from .hparams import HParams
from .learning_curves import LearningCurve, learning_curve
from .selection import select

__all__ = [
    "Comparison", "Diagnosis", "ErrorTable", "Experiment", "Experiments", "HParams",
    "LearningCurve", "bayes_proxy", "ceiling", "diagnose", "knobs", "learning_curve",
    "pros_cons", "same_distribution", "select", "tactics",
]  # fmt: skip
