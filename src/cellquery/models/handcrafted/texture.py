"""All texture features of a cell in one row; quarter turns do not change them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellquery.models.handcrafted.binary_patterns import pattern_histograms
from cellquery.models.handcrafted.cooccurrence import cooccurrence_properties
from cellquery.models.handcrafted.granularity import granularity
from cellquery.models.handcrafted.intensity import stain_distribution
from cellquery.models.handcrafted.place import place_of
from cellquery.models.handcrafted.regions import region_statistics

N_FEATURES = 38 + 24 + 38 + 16 + 60


def texture_features(images: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the texture features of cells.

    Parameters
    ----------
    images : ndarray of float32, shape (cells, height, width)
        Grey levels, 0 to 1 for most pixels: per-image normalisation gives such.
    inside : ndarray of bool, shape (cells, height, width)
        The nucleus.

    Returns
    -------
    ndarray of float32, shape (cells, 176)
        Local binary patterns, co-occurrence, distribution of the stain, granularity and regions,
        in this order: see the function of each.
    """
    place = place_of(inside)
    groups = (
        pattern_histograms(images, inside),
        cooccurrence_properties(images, inside),
        stain_distribution(images, inside, place),
        granularity(images, inside),
        region_statistics(images, inside, place),
    )
    return np.concatenate(groups, axis=1)
