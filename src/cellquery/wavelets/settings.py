"""How a cell becomes the two inputs of the network: one frozen object, kept with weights."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator


class InputSettings(BaseModel):
    r"""Everything between a stored cell and the network's inputs.

    Attributes
    ----------
    side_px : int
        Side of the square that cells are brought to. The paper: 112, giving sub-bands of
        56 x 56. A network on sub-bands needs a multiple of 8, since the transform and two
        poolings halve it; others have limits of their own.
    fit : {"resize", "keep"}
        ``resize`` stretches every cell to the square with bicubic interpolation (the paper);
        ``keep`` centres it at its own scale, so that cell size stays visible. A cell larger than
        the square is shrunk to fit.
    mask : {"ignore", "erase", "channel"}
        ``erase`` sets what lies outside the nucleus mask to the background level; ``channel``
        gives the mask as one more input channel. A cell without a mask counts as all nucleus.
    normalisation : {"per-image", "dataset", "raw"}
        ``raw`` divides by the largest count of the bit depth; ``dataset`` then subtracts the mean
        of the training cells and divides by their standard deviation; ``per-image`` maps each
        cell's 1st and 99.5th percentile to 0 and 1.
    wavelet : str
        A discrete orthogonal wavelet of PyWavelets.
    details : {"signed", "magnitude"}
        ``signed`` is H + V + D, the paper's words read literally; ``magnitude`` is
        \|H\| + \|V\| + \|D\|.
    content_bits : int or None
        The bits that the counts of 16-bit training cells use, filled in from them; None reads
        them off each cell. 8-bit cells always use 8.
    mean, std : float or None
        The statistics of ``dataset`` normalisation, filled in from the training cells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    side_px: int = Field(default=112, ge=16, le=1024)
    fit: Literal["resize", "keep"] = "resize"
    mask: Literal["ignore", "erase", "channel"] = "ignore"
    normalisation: Literal["per-image", "dataset", "raw"] = "per-image"
    wavelet: str = "haar"
    details: Literal["signed", "magnitude"] = "signed"
    content_bits: int | None = Field(default=None, ge=8, le=16)
    mean: float | None = None
    std: float | None = None

    @field_validator("wavelet")
    @classmethod
    def _orthogonal(cls, wavelet: str) -> str:
        import pywt

        known = pywt.wavelist(kind="discrete")
        if wavelet not in known or not pywt.Wavelet(wavelet).orthogonal:
            raise ValueError(f"'{wavelet}' is not an orthogonal wavelet of PyWavelets")
        return wavelet

    @property
    def n_channels(self) -> int:
        """Channels of the prepared image: grey, and the mask where it is one."""
        return 2 if self.mask == "channel" else 1

    def with_statistics(self, mean: float, std: float) -> Self:
        """Return these settings with the training cells' mean and standard deviation."""
        return self.model_copy(update={"mean": float(mean), "std": float(std)})
