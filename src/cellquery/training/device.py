"""Where networks run: the processor, or a GPU through CUDA."""

from __future__ import annotations

import torch

from cellquery.core import SettingsError


def torch_device(accelerator: str) -> torch.device:
    """Return the device that a name stands for.

    Parameters
    ----------
    accelerator : {"auto", "cpu", "cuda"}
        ``auto`` is CUDA where there is a GPU for it.

    Raises
    ------
    SettingsError
        For another name, or for ``cuda`` where there is none.
    """
    if accelerator not in ("auto", "cpu", "cuda"):
        raise SettingsError("--accelerator", f"'{accelerator}'", "choose auto, cpu or cuda")
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise SettingsError("--accelerator", "no GPU that CUDA can use", "choose auto or cpu")
    gpu = accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if gpu else "cpu")
