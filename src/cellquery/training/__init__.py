"""Fit, predict and what they need: settings, labelled cells, augmentation."""

from cellquery.training.cells import LabelledCells, hold_out, label
from cellquery.training.early import CachedCells, EarlyFeatures, early_features
from cellquery.training.fit import Epoch, fit
from cellquery.training.predict import Predictions, predict, predict_stream
from cellquery.training.settings import PRESETS, Augmentation, TrainSettings, read_settings

__all__ = [
    "PRESETS",
    "Augmentation",
    "CachedCells",
    "EarlyFeatures",
    "Epoch",
    "LabelledCells",
    "Predictions",
    "TrainSettings",
    "early_features",
    "fit",
    "hold_out",
    "label",
    "predict",
    "predict_stream",
    "read_settings",
]
