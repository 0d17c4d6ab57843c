"""The two parallel residual networks of Figure 5, fused late."""

from __future__ import annotations

from torch import Tensor

from cellquery.models.branches import FusedBranches
from cellquery.wavelets import InputSettings, network_inputs


class ParallelResNet(FusedBranches):
    """The paper's network: one branch on the approximation, one on the sum of details.

    With six patterns, one channel and projections it has 391,750 parameters; with zero padding
    379,462. The "BN, ReLU 14 x 14 x 64" before pooling in Figure 5 is a slip for 128 channels.

    References
    ----------
    Vununu et al. 2021, Figure 5, doi:10.3390/s21041469.
    """

    name = "parallel"
    title = "Parallel residual networks (Vununu et al. 2021)"
    bands = ("approximation", "details")
    # MCA of 5,872 real cells of unseen specimens: 78.66 % in 32 bits, 78.77 % so (docs/speed.md).
    predicts_in_bf16 = True

    def inputs(self, images: Tensor, settings: InputSettings) -> tuple[Tensor, ...]:
        """Return the approximation and the sum of details of images, half as wide and high."""
        return network_inputs(images, settings.wavelet, settings.details)
