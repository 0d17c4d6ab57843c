"""Image batch -> sub-bands -> the two inputs of the parallel network.

Sub-bands follow PyWavelets: *approximation* is low-passed along both axes; *horizontal* is
high-passed along the rows' axis (height) and shows horizontal edges; *vertical* is high-passed
along the columns' axis (width) and shows vertical edges; *diagonal* is high-passed along both.
"""

from cellquery.wavelets.normalise import per_image_limits, standardise
from cellquery.wavelets.settings import InputSettings
from cellquery.wavelets.texture import texture
from cellquery.wavelets.transform import SubBands, dwt2, idwt2, network_inputs, sum_of_details

__all__ = [
    "InputSettings",
    "SubBands",
    "dwt2",
    "idwt2",
    "network_inputs",
    "per_image_limits",
    "standardise",
    "sum_of_details",
    "texture",
]
