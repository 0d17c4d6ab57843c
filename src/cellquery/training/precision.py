"""In which precision a network learns and predicts."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from cellquery.models import Network
from cellquery.training.settings import Precision


def predicting(
    network: Network, device: str | torch.device = "cpu", *, exact: bool = False
) -> AbstractContextManager[object]:
    """Return the context in which a network predicts: as fast as its accuracy allows.

    Networks of `Network.predicts_in_bf16` multiply in bfloat16 where the processor has
    instructions for it (AVX512-BF16 or AMX); everything else is done in 32 bits.

    Parameters
    ----------
    network : Network
    device : str or torch.device
        A GPU predicts in 32 bits.
    exact : bool
        Predict in 32 bits, whatever the processor has.
    """
    on_cpu = torch.device(device).type == "cpu"
    if exact or not (on_cpu and network.predicts_in_bf16 and has_bf16(device)):
        return nullcontext()
    return torch.autocast("cpu", torch.bfloat16)


def learning(asked: Precision, device: str | torch.device = "cpu") -> Precision:
    """Return the precision in which a network learns where another than 32 bits is asked for.

    A processor without instructions for bfloat16 takes ten times as long for such products as in
    32 bits: there, it learns in 32 bits.
    """
    return asked if has_bf16(device) else "32-true"


def has_bf16(device: str | torch.device = "cpu") -> bool:
    """Tell whether a device has instructions for products in bfloat16."""
    if torch.device(device).type != "cpu":
        return True
    # Private, but the only way to ask; where a version of torch has it not, nothing is lost.
    asked = (
        getattr(torch.cpu, name, None)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return any(is_there is not None and is_there() for is_there in asked)
