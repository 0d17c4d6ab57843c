"""The microscope and its camera: blur, haze, illumination, shot and read noise, counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cellquery.data.synthetic.site import Layer
from cellquery.data.synthetic.specimen import Specimen
from cellquery.data.synthetic.textures import gaussian_transfer

Floats = NDArray[np.float32]

OPTICS_PX = 0.75  # the point-spread function in focus, a Gaussian of this standard deviation
HAZE_PX = 7.0
READ_NOISE = 0.47  # grey levels of 8-bit counts


def observe(layers: Sequence[Layer], defocus_px: float, haze: float) -> Floats:
    """Return the layers' light in the image plane, shape (height, width).

    Parameters
    ----------
    layers : sequence of Layer
        Fields of one shape, whose borders wrap.
    defocus_px : float
        Distance of the nucleus's middle from the focal plane, in px of blur.
    haze : float
        Share of the light spread widely, in [0, 1].
    """
    shape = layers[0].field.shape[0], layers[0].field.shape[1]
    spectra = scipy.fft.rfft2(np.stack([layer.field for layer in layers]))
    total = np.zeros(spectra.shape[1:], np.complex64)
    for layer, spectrum in zip(layers, spectra, strict=True):
        defocus = abs(defocus_px - layer.height_px)
        blur = math.sqrt(OPTICS_PX**2 + layer.grain_px**2 + defocus**2)
        total += spectrum * gaussian_transfer(shape, blur)
    total *= 1 - haze + haze * gaussian_transfer(shape, HAZE_PX)
    light: Floats = scipy.fft.irfft2(total, shape)
    return light


def expose(
    light: Floats, specimen: Specimen, content_bits: int, rng: np.random.Generator
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the camera's counts of an image.

    Parameters
    ----------
    light : numpy.ndarray
        Shape (height, width), in grey levels of 8-bit counts above the dark.
    specimen : Specimen
        Gives the dark level and the photoelectrons a grey level.
    content_bits : int
        Bits of a count: 8, or more in a 16-bit container. Brighter light saturates.
    rng : numpy.random.Generator
        Of the shot noise, whose variance in photoelectrons is their mean, and the read noise.
    """
    light = np.maximum(light, 0)
    # Poisson's law by its normal limit: where photons are so few that the two differ, read noise
    # hides it. One draw then serves both noises, which saves a tenth of a cell's time.
    noise = np.sqrt(light * (1 / specimen.electrons) + READ_NOISE**2)
    noise *= rng.standard_normal(light.shape, dtype=np.float32)
    levels = light + noise + specimen.offset
    counts = np.rint(levels * 2 ** (content_bits - 8)).clip(0, 2**content_bits - 1)
    return counts.astype(np.uint8 if content_bits == 8 else np.uint16)
