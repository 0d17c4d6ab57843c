"""One function a figure, each from plain data and none from a model."""

from cellquery.reports.figures.confusion import confusion_matrix
from cellquery.reports.figures.embedding import embedding_plane
from cellquery.reports.figures.learning import learning_curves
from cellquery.reports.figures.methods import MethodResult, method_comparison
from cellquery.reports.figures.plate import Plate
from cellquery.reports.figures.recall import recall_by_pattern
from cellquery.reports.figures.reliability import reliability_diagram
from cellquery.reports.figures.specimens import SpecimenResult, specimen_bars
from cellquery.reports.figures.splits import SplitResult, split_comparison
from cellquery.reports.figures.subbands import subband_figure

__all__ = [
    "MethodResult",
    "Plate",
    "SpecimenResult",
    "SplitResult",
    "confusion_matrix",
    "embedding_plane",
    "learning_curves",
    "method_comparison",
    "recall_by_pattern",
    "reliability_diagram",
    "specimen_bars",
    "split_comparison",
    "subband_figure",
]
