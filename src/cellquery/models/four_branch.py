"""The predecessor of the parallel network: every sub-band through a branch of its own."""

from __future__ import annotations

from torch import Tensor

from cellquery.models.branches import FusedBranches
from cellquery.wavelets import InputSettings, dwt2


class FourBranchResNet(FusedBranches):
    """Four residual networks on the four sub-bands A, H, V and D, fused late.

    Known of the predecessor: one level of the wavelet transform, four parallel residual networks,
    one on each sub-band, fused late. Guessed: everything within a branch and after the fusion,
    which is taken from the parallel network (Figure 5 of the later paper), so that the two differ
    in nothing but the bands. It has 552,710 parameters with six patterns, one channel and
    projections.

    References
    ----------
    Vununu et al. 2019, doi:10.3390/electronics8080850.
    """

    name = "four-branch"
    title = "Four parallel residual networks (Vununu et al. 2019)"
    bands = ("approximation", "horizontal", "vertical", "diagonal")

    def inputs(self, images: Tensor, settings: InputSettings) -> tuple[Tensor, ...]:
        """Return the four sub-bands of images, half as wide and high."""
        return tuple(dwt2(images, settings.wavelet))
