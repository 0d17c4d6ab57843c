"""How good predictions are: ACA, MCA, recall, confusion, calibration, with intervals."""

from cellquery.metrics.calibration import ReliabilityBin, calibration_error, reliability
from cellquery.metrics.evaluation import Evaluation, SpecimenVote, evaluate
from cellquery.metrics.scores import (
    average_classification_accuracy,
    confusion,
    mean_class_accuracy,
    recall,
)

__all__ = [
    "Evaluation",
    "ReliabilityBin",
    "SpecimenVote",
    "average_classification_accuracy",
    "calibration_error",
    "confusion",
    "evaluate",
    "mean_class_accuracy",
    "recall",
    "reliability",
]
