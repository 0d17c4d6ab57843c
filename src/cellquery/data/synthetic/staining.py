"""The stain of each pattern.

A stain is drawn as layers, which the microscope then blurs. Concentration 1 is the brightest part
of a typical cell. Descriptions follow the International Consensus on ANA Patterns (ICAP),
doi:10.3389/fimmu.2015.00412.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cellquery.data.synthetic.cytoplasm import cytoplasmic, golgi
from cellquery.data.synthetic.nuclear import (
    centromere,
    coarse_speckled,
    fine_speckled,
    homogeneous,
    nuclear_membrane,
    nucleolar,
    speckled,
)
from cellquery.data.synthetic.site import Layer, Site
from cellquery.data.synthetic.specimen import Specimen

_STAINS: dict[str, Callable[[Site, Specimen, np.random.Generator], list[Layer]]] = {
    "homogeneous": homogeneous,
    "speckled": speckled,
    "coarse_speckled": coarse_speckled,
    "fine_speckled": fine_speckled,
    "nucleolar": nucleolar,
    "centromere": centromere,
    "nuclear_membrane": nuclear_membrane,
    "golgi": golgi,
    "cytoplasmic": cytoplasmic,
}


def stain(site: Site, specimen: Specimen, rng: np.random.Generator) -> list[Layer]:
    """Return the layers of the specimen's antigen in one cell.

    The number of layers, their grains and their heights depend on the specimen alone, so that
    layers of neighbouring cells can be added.
    """
    return _STAINS[specimen.pattern](site, specimen, rng)
