"""As with real sera, cells of a specimen seen in training are easier than those of a new one."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from cellquery.data.synthetic import SyntheticCell, synthesize


def features(cell: SyntheticCell) -> list[float]:
    """Size, brightness, radial profile, and contrast of grains of four sizes at three depths."""
    image = cell.pixels.astype(np.float32)
    low, high = np.percentile(image, (2, 99.5))
    image = (image - low) / max(high - low, 1)
    depth = ndimage.distance_transform_edt(cell.mask)
    depth -= ndimage.distance_transform_edt(~cell.mask)
    values = [float(np.sqrt(cell.mask.sum())), float(np.log(high - low + 1)), float(low)]
    for first, last in ((-10, -6), (-6, -3), (-3, -1), (-1, 1), (1, 3), (3, 6), (6, 10), (10, 40)):
        values.append(float(image[(depth >= first) & (depth < last)].mean()))
    values += np.percentile(image[cell.mask], (5, 25, 50, 75, 95)).tolist()
    finer = image
    for sigma in (0.7, 1.2, 2.0, 3.2):
        coarser = ndimage.gaussian_filter(image, sigma)
        band, finer = finer - coarser, coarser
        for part in (depth > 3, (depth <= 3) & (depth > -2), depth <= -2):
            values += [float(band[part].std()), float(np.abs(band[part]).max())]
    return values


def test_unseen_specimens_are_harder_than_a_random_split() -> None:
    cells = list(synthesize(720, n_specimens=36, seed=2))
    x = np.array([features(cell) for cell in cells])
    y = np.array([cell.pattern for cell in cells])
    groups = np.array([cell.specimen for cell in cells])
    model = make_pipeline(StandardScaler(), SVC(C=20))

    random = cross_val_predict(model, x, y, cv=StratifiedKFold(4, shuffle=True, random_state=0))
    folds = StratifiedGroupKFold(4, shuffle=True, random_state=0)
    unseen = cross_val_predict(model, x, y, cv=folds, groups=groups)

    assert 0.85 < accuracy_score(y, random) < 0.99
    assert 0.6 < accuracy_score(y, unseen) < 0.9
    assert accuracy_score(y, random) > accuracy_score(y, unseen) + 0.05
