"""Fit, predict and what they need: settings, labelled cells, augmentation."""

from cellquery.training.cells import LabelledCells, hold_out, label
from cellquery.training.device import torch_device
from cellquery.training.early import CachedCells, EarlyFeatures, early_features
from cellquery.training.fit import Epoch, fit
from cellquery.training.predict import Predictions, predict
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
    "read_settings",
    "torch_device",
]
