"""Random views of a batch for training, and the eight fixed views for predictions."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cellquery.training.settings import Augmentation


def dihedral(images: Tensor, view: int) -> Tensor:
    """Return one of the eight flips and quarter turns of square images; view 0 is the identity."""
    turned = torch.rot90(images, view % 4, dims=(-2, -1))
    return turned.flip(-1) if view >= 4 else turned


def augment(
    images: Tensor, settings: Augmentation, random: torch.Generator, copies: Tensor | None = None
) -> Tensor:
    """Return randomly varied images.

    Parameters
    ----------
    images : Tensor, shape (cells, channels, side, side)
        Not changed.
    settings : Augmentation
    random : torch.Generator
        On the CPU, so that every device sees the same views.
    copies : Tensor of int, shape (cells,), or None
        Which of the 20 angles of ``steps-of-18`` each cell is shown at.

    Returns
    -------
    Tensor, shape (cells, channels, side, side)
    """
    if settings.rotation in ("none", "quarter-turns"):
        images = _at_views(images, draw_views(settings, len(images), random))
    angles = None
    if settings.rotation == "any":
        angles = 2 * math.pi * torch.rand(len(images), generator=random)
    elif settings.rotation == "steps-of-18" and copies is not None:
        angles = _angles(copies)
    if angles is not None or settings.scale:
        mirrors = settings.flips and angles is not None
        images = _turned(images, angles, settings.scale, mirrors, random)
    if settings.gamma:
        exponent = torch.exp(settings.gamma * (2 * _draw(images, random) - 1))
        images = images.clamp_min(0).pow(exponent)
    if settings.blur_px:
        images = _blurred(images, settings.blur_px, random)
    if settings.noise:
        images = _noisy(images, settings.noise, random)
    return images


def _draw(images: Tensor, random: torch.Generator) -> Tensor:
    """One uniform number a cell, shaped to broadcast over its pixels."""
    return torch.rand(len(images), 1, 1, 1, generator=random).to(images.device)


def n_views(settings: Augmentation) -> int | None:
    """Return among how many fixed views an augmentation chooses; None for a continuum of them."""
    continuous = (settings.scale, settings.gamma, settings.blur_px, settings.noise)
    if any(continuous) or settings.rotation == "any":
        return None
    if settings.rotation == "steps-of-18":
        return None if settings.flips else settings.n_copies
    if settings.rotation == "none":
        return 8 if settings.flips else 1
    return 8 if settings.flips else 4


def nth_view(images: Tensor, settings: Augmentation, view: int) -> Tensor:
    """Return square images at one of the fixed views that `draw_views` numbers."""
    if settings.rotation == "steps-of-18":
        angles = _angles(torch.full((len(images),), view))
        return _turned(images, angles, 0.0, False, torch.Generator())
    return dihedral(images, view)


def draw_views(
    settings: Augmentation, n_cells: int, random: torch.Generator, copies: Tensor | None = None
) -> Tensor:
    """Return a number of a view for each cell, as `augment` draws it from the same generator."""
    if settings.rotation == "steps-of-18" and copies is not None:
        return copies
    if settings.rotation == "none" and not settings.flips:
        return torch.zeros(n_cells, dtype=torch.int64)
    turns = torch.randint(1 if settings.rotation == "none" else 4, (n_cells,), generator=random)
    mirrored = torch.randint(2 if settings.flips else 1, (n_cells,), generator=random)
    return turns + 4 * mirrored


def _at_views(images: Tensor, views: Tensor) -> Tensor:
    if not views.any():
        return images
    views = views.to(images.device)
    varied = torch.empty_like(images)
    for view in range(8):
        chosen = views == view
        varied[chosen] = dihedral(images[chosen], view)
    return varied


def _angles(copies: Tensor) -> Tensor:
    return math.radians(18) * copies.float()


def _turned(
    images: Tensor,
    angles: Tensor | None,
    scale: float,
    mirrors: bool,
    random: torch.Generator,
) -> Tensor:
    n_cells = len(images)
    if angles is None:
        angles = torch.zeros(n_cells)
    zoom = 1 + scale * (2 * torch.rand(n_cells, generator=random) - 1)
    sign = torch.ones(n_cells)
    if mirrors:
        sign -= 2 * torch.randint(2, (n_cells,), generator=random).float()
    cosine, sine = torch.cos(angles) / zoom, torch.sin(angles) / zoom
    zero = torch.zeros(n_cells)
    rows = torch.stack([sign * cosine, -sine, zero, sign * sine, cosine, zero], dim=1)
    grid = F.affine_grid(
        rows.view(n_cells, 2, 3).to(images.device, images.dtype), list(images.shape), False
    )
    # Corners turned into view repeat the border: black corners would give the angle away.
    return F.grid_sample(images, grid, "bilinear", "border", align_corners=False)


def _blurred(images: Tensor, blur_px: float, random: torch.Generator) -> Tensor:
    """Blur by a Gaussian of each cell's own width, at most ``blur_px``."""
    reach = max(1, math.ceil(2 * blur_px))
    width = (blur_px * _draw(images, random)).clamp_min(1e-3).flatten()
    offset = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offset[None, :] / width[:, None]) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    n_cells, n_channels, height, width_px = images.shape
    kernels = kernel.repeat_interleave(n_channels, dim=0)[:, None, :, None]
    flat = images.reshape(1, n_cells * n_channels, height, width_px)
    padded = F.pad(flat, (reach, reach, reach, reach), mode="replicate")
    blurred = F.conv2d(padded, kernels, groups=n_cells * n_channels)
    blurred = F.conv2d(blurred, kernels.transpose(2, 3), groups=n_cells * n_channels)
    return blurred.view_as(images)


def _noisy(images: Tensor, noise: float, random: torch.Generator) -> Tensor:
    """Add normal noise of each cell's own strength to its grey levels; a mask stays as it is."""
    grey = images[:, :1]
    drawn = torch.randn(grey.shape, generator=random).to(images.device)
    return torch.cat([grey + noise * _draw(images, random) * drawn, images[:, 1:]], dim=1)
