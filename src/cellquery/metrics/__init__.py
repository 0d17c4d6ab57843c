"""How good predictions are: ACA, MCA, recall, confusion, calibration, with intervals."""

from cellquery.metrics.agreement import (
    bootstrap_interval,
    cohen_kappa,
    cohen_kappa_interval,
    fleiss_kappa,
)
from cellquery.metrics.calibration import ReliabilityBin, calibration_error, reliability
from cellquery.metrics.evaluation import Evaluation, SpecimenVote, evaluate
from cellquery.metrics.label_errors import confident_patterns, likely_label_errors
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
    "bootstrap_interval",
    "calibration_error",
    "cohen_kappa",
    "cohen_kappa_interval",
    "confident_patterns",
    "confusion",
    "evaluate",
    "fleiss_kappa",
    "likely_label_errors",
    "mean_class_accuracy",
    "recall",
    "reliability",
]
