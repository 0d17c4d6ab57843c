"""Where the antigens of the cytoplasmic patterns lie."""

from __future__ import annotations

import numpy as np

from cellquery.data.synthetic.site import (
    Layer,
    Site,
    between,
    chromatin,
    nucleoli,
    peaks,
    varied,
)
from cellquery.data.synthetic.specimen import Specimen
from cellquery.data.synthetic.textures import add_points, smooth_noise


def golgi(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-22: clumps and threads in the cytoplasm on one side of the nucleus, or part way round."""
    spread = min(varied(rng, between(specimen.mixture, 0.22, 1.0), 0.3), 1.6)
    n, steps = int(rng.integers(7, 17)), 9
    angles = rng.uniform(0, 2 * np.pi) + spread * rng.standard_normal(n)
    distance = rng.gamma(1.8, between(specimen.density, 1.2, 2.6), n)
    ys, xs = site.points(1.02 + distance / site.nucleus.radius_px, angles)
    # Each thread is a short walk, along the contour more than across it.
    along = angles + site.nucleus.tilt + np.pi / 2 + 0.35 * rng.standard_normal(n)
    heading = along[:, None] + 0.6 * rng.standard_normal((n, steps))
    lengths = rng.uniform(0.3, 1.7, (n, steps))
    ys = (ys[:, None] + np.cumsum(lengths * np.sin(heading), 1)).astype(np.float32)
    xs = (xs[:, None] + np.cumsum(lengths * np.cos(heading), 1)).astype(np.float32)
    grain = between(specimen.grain, 0.3, 1.0)
    weights = 0.42 * peaks(rng, n * steps, grain, 0.6).reshape(n, steps)
    weights *= np.exp(0.45 * rng.standard_normal((n, 1)) + 0.4 * rng.standard_normal())
    low = rng.random(n) < 0.45
    layers = []
    for chosen, height_px in ((~low, 0.0), (low, 2.8)):
        field = site.blank()
        add_points(field, ys[chosen].ravel(), xs[chosen].ravel(), weights[chosen].ravel())
        layers.append(Layer(field, grain, height_px))
    body = site.body(0.2) * chromatin(site, rng, 0.9, 0.2)
    if specimen.contrast > 0.6:
        body += 1.2 * specimen.contrast * nucleoli(site, rng, 3)
    body += 0.6 * np.exp(np.minimum(site.depth, 0) * (1 / 8))
    body *= varied(rng, between(specimen.filling**1.5, 0.015, 0.6), 0.3)
    return [*layers, Layer(body)]


def cytoplasmic(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-15 to AC-23: granules and a veil in the cytoplasm, the nucleus dark."""
    outside = np.maximum(-site.depth, 0)
    cell = np.exp(outside * (-1 / between(specimen.density, 7.0, 16.0)))
    cell *= np.clip(0.8 - site.depth, 0, 1)
    uneven = 0.3 * smooth_noise(rng, site.shape, 12.0)
    uneven += between(specimen.contrast, 0.3, 0.85) * smooth_noise(
        rng, site.shape, between(specimen.grain, 0.7, 1.6)
    )
    cell *= np.exp(uneven)
    inside = site.body(0.15)
    inside *= varied(rng, between(specimen.filling, 0.05, 0.3), 0.3)
    inside += 0.6 * cell
    return [Layer(inside)]
