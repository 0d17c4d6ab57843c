"""Libraries that only some networks need, imported when one of these is asked for."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import torch

from cellquery.core import SettingsError

_EXTRAS = {"skimage": "handcrafted", "timm": "backbones", "torchvision": "backbones"}

_DECLARED: list[torch.library.Library] = []


def optional(name: str) -> ModuleType:
    """Return a module of an optional library, such as ``timm`` or ``skimage.feature``.

    Raises
    ------
    SettingsError
        When it is not installed, or does not work with the installed torch.
    """
    library = name.partition(".")[0]
    try:
        if library in ("torchvision", "timm"):  # timm imports torchvision
            _import_torchvision()
        return import_module(name)
    except ModuleNotFoundError as error:
        raise SettingsError(
            "network",
            f"needs {library}, which is not installed ({error})",
            f"install it with pip install 'cellquery[{_EXTRAS[library]}]'",
        ) from error
    except (ImportError, RuntimeError) as error:
        raise SettingsError(
            "network",
            f"{library} does not work with torch {torch.__version__} ({error})",
            "install the builds of torch and torchvision that belong together",
        ) from error


def _import_torchvision() -> None:
    """Import torchvision also where its compiled operators were built for another torch.

    Beside a CPU build of torch, the default build of torchvision cannot load its operators for
    boxes, and then fails at import since they are not declared. Networks do not use them: declared
    but not defined, they raise only where they are called.
    """
    try:
        import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error) or _DECLARED:
            raise
        boxes = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            boxes.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(boxes)  # a declaration lasts as long as its library object
        import_module("torchvision")
