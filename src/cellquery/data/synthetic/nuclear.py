"""Where the antigens of the nuclear patterns lie."""

from __future__ import annotations

import numpy as np

from cellquery.data.synthetic.site import (
    Layer,
    Site,
    between,
    chromatin,
    nucleoli,
    peaks,
    scattered,
    strewn,
    varied,
)
from cellquery.data.synthetic.specimen import Specimen
from cellquery.data.synthetic.textures import add_discs, add_points, smooth_noise


def homogeneous(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-1: chromatin throughout the nucleoplasm, smooth or granular, nucleoli at times dark."""
    contrast = min(varied(rng, between(specimen.contrast, 0.05, 0.24), 0.5), 0.42)
    field = site.body(between(specimen.filling, 0.12, 0.34))
    field *= chromatin(site, rng, between(specimen.grain, 0.7, 1.5), contrast)
    darkness = between(specimen.mixture, -0.25, 0.55)
    if darkness > 0:
        field *= 1 - darkness * nucleoli(site, rng, int(rng.integers(1, 4)))
    field *= 0.85
    return [Layer(field)]


def speckled(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-4 and AC-5: from fine to coarse grains, by the specimen."""
    return _speckles(site, specimen, rng, coarseness=specimen.mixture)


def coarse_speckled(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-5: few large speckles, dark nucleoli."""
    return _speckles(site, specimen, rng, coarseness=between(specimen.mixture, 0.7, 1.0))


def fine_speckled(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-4: many tiny speckles over an even nucleoplasm, dark nucleoli."""
    return _speckles(site, specimen, rng, coarseness=between(specimen.mixture, 0.0, 0.3))


def _speckles(
    site: Site, specimen: Specimen, rng: np.random.Generator, coarseness: float
) -> list[Layer]:
    filling = min(varied(rng, between(specimen.filling, 0.22, 0.95), 0.2), 0.95)
    body = site.body(0.25)
    body *= chromatin(
        site,
        rng,
        between(coarseness, 0.8, between(specimen.grain, 1.2, 2.1)),
        varied(rng, between(specimen.contrast, 0.15, 0.36), 0.25),
    )
    n = int(rng.poisson(varied(rng, between(coarseness, 70, 18), 0.35)))
    grain = between(coarseness, 0.3, between(specimen.grain, 0.8, 1.8))
    dots = site.blank()
    add_points(dots, *site.points(*strewn(rng, n, 0.93)), peaks(rng, n, grain, 0.75))
    if specimen.density > 0.15:  # in some sera the nucleoli do not stand out
        darkness = between(specimen.density, 0.25, 0.9)
        bright = 1 - darkness * nucleoli(site, rng, int(rng.integers(2, 7)))
        body *= bright
        dots *= bright
    body *= filling
    dots *= 0.9 * (1 - filling)
    return [Layer(body), Layer(dots, grain)]


def nucleolar(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-8, AC-9, AC-10: nucleoli even, clumpy or as points, over a weak nucleoplasm."""
    body = site.body(0.2) * chromatin(site, rng, 0.9, 0.22)
    body *= varied(rng, between(specimen.filling, 0.04, 0.32), 0.4)
    bodies, dots = site.blank(), site.blank()
    n = int(rng.integers(2, 7))
    weights = np.exp(0.45 * rng.standard_normal(n))
    radii = np.minimum(
        between(specimen.grain, 2.0, 4.2) * np.exp(0.35 * rng.standard_normal(n)), 6.5
    )
    ys, xs = site.points(*scattered(rng, n, 0.66))
    share = min(max(1.7 - 2 * specimen.mixture, 0.0), 1.0)  # of nucleoli as bodies, not as points
    if share > 0:
        stretch = np.exp(np.abs(0.2 * rng.standard_normal(n)))
        add_discs(bodies, ys, xs, radii, share * weights, stretch, rng.uniform(0, np.pi, n))
        clumps = between(specimen.contrast, 0.05, 0.5)
        bodies *= np.exp(clumps * smooth_noise(rng, site.shape, 1.4))
    each = rng.integers(1, 5, n)
    owner = np.repeat(np.arange(n), each)
    spread = 0.9 * radii[owner]
    add_points(
        dots,
        ys[owner] + (spread * rng.standard_normal(owner.size)).astype(np.float32),
        xs[owner] + (spread * rng.standard_normal(owner.size)).astype(np.float32),
        (1 - 0.8 * share) * peaks(rng, owner.size, 0.5, 0.5),
    )
    n_stray = int(rng.poisson(between(specimen.density, 0, 8)))
    add_points(dots, *site.points(*strewn(rng, n_stray, 0.9)), 0.25 * peaks(rng, n_stray, 0.5, 0.5))
    return [Layer(body + bodies), Layer(dots, 0.5)]


def centromere(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-3: 40 to 60 points of one size throughout the nucleus, at all heights."""
    grain = between(specimen.grain, 0.0, 0.6)
    n = int(rng.integers(40, 61))
    ys, xs = site.points(*strewn(rng, n, varied(rng, 0.84, 0.04)))
    weights = 1.3 * peaks(rng, n, grain, between(specimen.contrast, 0.3, 0.6))
    body = site.body(0.3) * chromatin(site, rng, 1.2, 0.18)
    body *= varied(rng, between(specimen.filling, 0.03, 0.24), 0.3)
    layers = [Layer(body)]
    height = rng.random(n)
    for low, high, height_px in ((0.0, 0.6, 0.0), (0.6, 0.85, 1.3), (0.85, 1.0, 2.4)):
        chosen = (height >= low) & (height < high)
        field = site.blank()
        add_points(field, ys[chosen], xs[chosen], weights[chosen])
        layers.append(Layer(field, grain, height_px))
    return layers


def nuclear_membrane(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """AC-11 and AC-12: the envelope as a smooth or punctate rim, its faces as a veil."""
    veil = min(varied(rng, between(specimen.filling, 0.18, 0.75), 0.25), 0.85)
    width = between(specimen.grain, 0.5, 1.1)
    offset = site.depth - 0.2
    rim = np.exp(offset * offset * (-0.5 / width**2))
    granules = smooth_noise(rng, site.shape, 0.9)
    uneven = 0.3 * smooth_noise(rng, site.shape, 6.0)
    uneven += between(specimen.mixture, 0.1, 0.6) * granules
    rim *= np.exp(np.minimum(uneven, 1.1))
    inside = site.body(0.12) * chromatin(site, rng, 0.8, between(specimen.contrast, 0.1, 0.36))
    reticulum = np.exp(np.minimum(site.depth, 0) * (1 / 7) + 0.3 * granules) * (site.depth < 0)
    rim *= 1.15
    inside *= veil
    inside += between(specimen.density, 0.06, 0.42) * reticulum
    return [Layer(rim), Layer(inside)]
