"""Raw grey levels -> probabilities as one graph of tensor operations, for export to other programs.

`data.prepare` does the same with NumPy and Pillow, one cell at a time; a test holds the two against
each other. Here everything depends on tensors alone, so that the graph can be traced for cells of
any height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cellquery.data.images import CAMERA_BITS
from cellquery.models import Classifier
from cellquery.training.augment import dihedral
from cellquery.wavelets import InputSettings
from cellquery.wavelets.normalise import PERCENTILES


class RawCells(nn.Module):
    """A classifier that takes cells as the camera counted them.

    Parameters
    ----------
    classifier : Classifier
    views : {1, 8}
        Average over so many flips and quarter turns of each cell.
    """

    def __init__(self, classifier: Classifier, views: int = 1) -> None:
        super().__init__()
        self.classifier, self.views = classifier, views
        # Registered, so that its weights become the graph's.
        self.network = classifier.network

    def forward(self, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return probabilities (cells, patterns) and embeddings (cells, n_embedding).

        Parameters
        ----------
        image : Tensor, shape (cells, 1, height, width)
            Grey levels as counted. Floating-point levels up to 255 are taken for 8 bits.
        mask : Tensor, shape (cells, 1, height, width), or None
            The nucleus is where it is above half of its highest value; of zeros, or none at all,
            it is everywhere.
        """
        prepared = prepared_cells(image, mask, self.classifier.inputs)
        seen = torch.cat([dihedral(prepared, view) for view in range(self.views)])
        output = self.classifier(seen)
        probabilities = output.logits.softmax(dim=1).unflatten(0, (self.views, -1))
        embedding = output.embedding.unflatten(0, (self.views, -1))
        return probabilities.mean(dim=0), embedding.mean(dim=0)


def prepared_cells(image: Tensor, mask: Tensor | None, settings: InputSettings) -> Tensor:
    """Return cells as `data.prepare` stores them, shape (cells, channels, side, side).

    Parameters
    ----------
    image, mask : Tensor
        As `RawCells` takes them.
    settings : InputSettings
    """
    counts = image.float()
    inside = torch.ones_like(counts, dtype=torch.bool)
    if mask is not None and settings.mask != "ignore":
        given = mask.float()
        marked = given > given.amax(dim=(2, 3), keepdim=True) / 2
        inside = marked | ~marked.flatten(1).any(dim=1)[:, None, None, None]
    low, high = _limits(image, counts, inside, settings)
    flat = high <= low
    scaled = torch.where(flat, 0.0, (counts - low) / torch.where(flat, 1.0, high - low))
    if settings.mask == "erase":
        scaled = torch.where(inside, scaled, 0.0)
    channels = [scaled, inside.float()] if settings.mask == "channel" else [scaled]
    # As prepared cells are stored: a network has learnt from half precision.
    return _fitted(torch.cat(channels, dim=1), settings).half().float()


def _limits(
    image: Tensor, counts: Tensor, inside: Tensor, settings: InputSettings
) -> tuple[Tensor, Tensor]:
    """Return the grey levels that become 0 and 1, each of shape (cells, 1, 1, 1)."""
    if settings.normalisation != "per-image":
        zero = torch.zeros_like(counts[:, :1, :1, :1])
        return zero, zero + _full_scale(image, counts, settings)
    if settings.mask != "erase":
        inside = torch.ones_like(inside)
    # Levels outside the nucleus go to the end, where no rank finds them.
    levels = torch.where(inside, counts, torch.inf).flatten(1).sort(dim=1).values
    n_inside = inside.flatten(1).sum(dim=1, keepdim=True)

    def ranked(percentile: float) -> Tensor:
        # The nearest rank, in whole numbers: it is the ceiling of n * percentile / 100.
        tenths = round(10 * percentile)
        rank = (n_inside * tenths + 999) // 1000
        return levels.gather(1, rank - 1)

    low, high = (ranked(percentile) for percentile in PERCENTILES)
    lowest, highest = levels[:, :1], levels.gather(1, n_inside - 1)
    flat = high <= low
    low, high = torch.where(flat, lowest, low), torch.where(flat, highest, high)
    return low[:, :, None, None], high[:, :, None, None]


def _full_scale(image: Tensor, counts: Tensor, settings: InputSettings) -> Tensor | float:
    """Return the highest count of the camera: a number, or one a cell, shape (cells, 1, 1, 1)."""
    if image.dtype == torch.uint8:
        return 255.0
    highest = counts.amax(dim=(2, 3), keepdim=True)
    if settings.content_bits is not None:
        of_camera = torch.full_like(highest, float(2**settings.content_bits - 1))
    else:
        of_camera = torch.full_like(highest, float(2 ** CAMERA_BITS[-1] - 1))
        for bits in reversed(CAMERA_BITS[:-1]):
            of_camera = torch.where(highest < 2**bits, float(2**bits - 1), of_camera)
    if image.dtype == torch.uint16:
        return of_camera
    return torch.where(highest < 2**8, 255.0, of_camera)


def _fitted(channels: Tensor, settings: InputSettings) -> Tensor:
    """Bring channels to the square by two products with matrices, along width and then height."""
    height, width = channels.shape[2:]
    rows = torch.arange(height, dtype=torch.float64, device=channels.device)
    columns = torch.arange(width, dtype=torch.float64, device=channels.device)
    longest = torch.maximum(rows[-1], columns[-1]) + 1
    along_width = _weights(columns, longest, settings)
    along_height = _weights(rows, longest, settings)
    return along_height @ (channels @ along_width.T)


def _weights(places: Tensor, longest: Tensor, settings: InputSettings) -> Tensor:
    """Return how much each pixel along one axis is worth in each of the square's, (side, pixels).

    Bicubic interpolation as in Pillow: the kernel of Keys 1981 (doi:10.1109/TASSP.1981.1163711)
    with a = -1/2, widened by the factor of shrinking, its weights divided by their sum.

    Parameters
    ----------
    places : Tensor of float64, shape (pixels,)
        0, 1, 2, ...
    longest : Tensor of float64, shape ()
        Pixels along the longer axis.
    settings : InputSettings
    """
    side, n_pixels = settings.side_px, places[-1] + 1
    drawn = torch.arange(side, dtype=torch.float64, device=places.device)
    n_drawn, first = torch.full_like(n_pixels, side), torch.zeros_like(n_pixels)
    if settings.fit == "keep":
        shrunk = (n_pixels * (side / longest)).round().clamp_min(1)
        n_drawn = torch.where(longest > side, shrunk, n_pixels)
        first = ((side - n_drawn) / 2).floor()
    step = n_pixels / n_drawn
    centres = (drawn - first + 0.5) * step
    distance = (places + 0.5 - centres[:, None]).abs() / step.clamp_min(1)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    zero = torch.zeros_like(distance)
    worth = torch.where(distance < 1, near, torch.where(distance < 2, far, zero))
    within = ((drawn >= first) & (drawn < first + n_drawn))[:, None]
    worth = torch.where(within, worth, zero)
    total = torch.where(within, worth.sum(dim=1, keepdim=True), 1.0)
    return (worth / total).float()
