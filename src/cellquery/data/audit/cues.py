"""Technical properties that give a pattern away: what a network could learn instead of the cell.

For each property a small decision tree sees nothing but that one number of a cell and names its
pattern, in five-fold cross-validation. Where it does much better than guessing, the classes differ
in that property, and a network can use the difference too. With specimens known, the same is done
with folds that share no specimen: a property that works only at random marks the specimen (one
microscope setting, one slide), not the pattern, and is what makes random splits look so good.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from cellquery.core import integer_seed
from cellquery.data.audit.measurements import Measurements

Kind = Literal["file", "exposure", "size"]

FOLDS = 5
_MOST_LEAVES = 16
_FEWEST_CELLS = 10


@dataclass(frozen=True)
class Property:
    """A technical property of a cell's image.

    Attributes
    ----------
    name, title, unit : str
        Its name in ``audit.json``, for people, and its unit.
    kind : {"file", "exposure", "size"}
        "file": how the file was written, which has nothing to do with the cell; "exposure": the
        camera, mixed with how strongly the serum stains; "size": the crop, mixed with the cell's
        own size.
    meaning : str
        What it is and how much of it is biology, in one or two sentences.
    """

    name: str
    title: str
    unit: str
    kind: Kind
    meaning: str


PROPERTIES: tuple[Property, ...] = (
    Property("width", "width", "px", "size", "Width of the crop."),
    Property("height", "height", "px", "size", "Height of the crop."),
    Property(
        "area",
        "area",
        "px²",
        "size",
        "Width times height of the crop. Nuclei of some specimens really are larger, so part of it "
        "is biology; the magnification and the way of cropping are not.",
    ),
    Property(
        "aspect",
        "width / height",
        "",
        "size",
        "Shape of the crop. Cells lie in any direction, so a class of upright crops was cut or "
        "turned differently.",
    ),
    Property(
        "direction",
        "direction",
        "°",
        "file",
        "Angle of the axis along which the brightness reaches farthest, in square crops too: 0 "
        "lies, 90 stands upright. Cells lie in any direction, so a class that prefers one was "
        "turned, or cut along its cells; turning cells at random in training takes it away.",
    ),
    Property("bit_depth", "bit depth", "bit", "file", "Bits of a pixel in the file."),
    Property(
        "content_bits",
        "bits in use",
        "bit",
        "exposure",
        "Bits that the counts need. In 16-bit files a bright cell needs more than a dim one, and "
        "cameras differ.",
    ),
    Property("channels", "channels", "", "file", "Grey or colour."),
    Property(
        "file_type",
        "file type",
        "",
        "file",
        "The ending of the file name. JPEG leaves traces in the pixels that a network sees.",
    ),
    Property("mask", "mask present", "", "file", "Whether the cell came with a mask."),
    Property(
        "stretched",
        "contrast stretched",
        "",
        "file",
        "Whether the counts run from zero to full scale, as after automatic contrast: such a cell "
        "has lost its brightness, and others have not.",
    ),
    Property(
        "background",
        "background level",
        "counts",
        "exposure",
        "Median of the crop's outermost pixels: camera offset, stray light, serum. Stained "
        "cytoplasm and neighbours also reach there, so part of it is biology.",
    ),
    Property(
        "brightness",
        "mean brightness",
        "counts",
        "exposure",
        "Mean count. Patterns that fill the nucleus are brighter, and sera differ in strength, so "
        "part of it is biology; exposure time is not.",
    ),
    Property(
        "saturated",
        "saturated share",
        "",
        "exposure",
        "Share of the pixels at full scale, where the image is burnt out.",
    ),
)


@dataclass(frozen=True)
class Cue:
    """How far one property alone gives the pattern away.

    Attributes
    ----------
    measured : Property
        Which one.
    varies : bool
        False when all labelled cells have the same value; nothing is measured then.
    chance : float
        Balanced accuracy of guessing: 1 / number of patterns.
    balanced_accuracy : float
        Mean recall over patterns, from this property alone, folds at random.
    margin : float
        Half the width of its 95 % interval.
    unseen_accuracy : float or None
        The same with folds that share no specimen; None where too few are known.
    separation : dict of str to float
        For each pattern, the probability that the property ranks one of its cells as more like
        the pattern than a cell of another one (area under the ROC curve): 0.5 is chance, 1 a
        perfect give-away.
    medians : dict of str to float
        The property's median in each pattern.
    extremes : tuple of str
        Cells with the lowest and the highest values, four of each at most.
    """

    measured: Property
    varies: bool
    chance: float = 0.0
    balanced_accuracy: float = 0.0
    margin: float = 0.0
    unseen_accuracy: float | None = None
    separation: dict[str, float] | None = None
    medians: dict[str, float] | None = None
    extremes: tuple[str, ...] = ()

    @property
    def strength(self) -> float:
        """The way from guessing to certainty, 0 to 1, less the margin of error."""
        above = self.balanced_accuracy - self.margin - self.chance
        return max(0.0, above / (1 - self.chance)) if self.varies else 0.0

    def given_away(self, least: float) -> tuple[str, ...]:
        """Return the patterns whose separation is at least this."""
        return tuple(p for p, value in (self.separation or {}).items() if value >= least)

    def to_json(self) -> dict[str, Any]:
        """Return the cue as an entry of ``audit.json``."""
        facts: dict[str, Any] = {
            "name": self.measured.name,
            "kind": self.measured.kind,
            "varies": self.varies,
        }
        if not self.varies:
            return facts
        return facts | {
            "chance": _rounded(self.chance),
            "balanced_accuracy": _rounded(self.balanced_accuracy),
            "margin": _rounded(self.margin),
            "balanced_accuracy_unseen_specimens": _rounded(self.unseen_accuracy),
            "separation": {p: _rounded(v) for p, v in (self.separation or {}).items()},
            "medians": {p: _rounded(v) for p, v in (self.medians or {}).items()},
        }


def technical_cues(cells: Measurements, patterns: Sequence[str]) -> list[Cue]:
    """Return what each of ``PROPERTIES`` gives away, or nothing with fewer than two patterns.

    Patterns with fewer than ten labelled cells are left out.

    Parameters
    ----------
    cells : Measurements
        The cells.
    patterns : sequence of str
        The class list.
    """
    counted = [p for p in patterns if (cells.patterns == p).sum() >= _FEWEST_CELLS]
    if len(counted) < 2:
        return []
    rows = np.flatnonzero(np.isin(cells.patterns.astype(str), counted) & cells.labelled)
    place = {pattern: number for number, pattern in enumerate(counted)}
    labels = np.array([place[pattern] for pattern in cells.patterns[rows]])
    random_folds = StratifiedKFold(FOLDS, shuffle=True, random_state=integer_seed(0, "audit folds"))
    splits = list(random_folds.split(rows, labels))
    unseen = _specimen_folds(labels, cells.specimens[rows])
    cues = []
    for one in PROPERTIES:
        values = cells.properties[one.name][rows]
        if np.ptp(values) == 0:
            cues.append(Cue(one, varies=False))
            continue
        shares = _out_of_fold(values, labels, splits, len(counted))
        recall, margin = _balanced(shares, labels)
        unseen_accuracy = None
        if unseen:
            unseen_shares = _out_of_fold(values, labels, unseen, len(counted))
            unseen_accuracy = _balanced(unseen_shares, labels)[0]
        order = rows[np.argsort(values, kind="stable")]
        cues.append(
            Cue(
                one,
                varies=True,
                chance=1 / len(counted),
                balanced_accuracy=recall,
                margin=margin,
                unseen_accuracy=unseen_accuracy,
                separation={
                    pattern: float(roc_auc_score(labels == number, shares[:, number]))
                    for pattern, number in place.items()
                },
                medians={p: float(np.median(values[labels == n])) for p, n in place.items()},
                extremes=tuple(dict.fromkeys(cells.ids[[*order[:4], *order[-4:]]])),
            )
        )
    return cues


def _specimen_folds(
    labels: NDArray[np.int64], specimens: NDArray[np.object_]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return folds that share no specimen, or none when a pattern has fewer than two."""
    if any(specimen is None for specimen in specimens):
        return []
    groups = np.unique(specimens.astype(str), return_inverse=True)[1]
    fewest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    if fewest < 2:
        return []
    folds = StratifiedGroupKFold(min(FOLDS, fewest))
    with warnings.catch_warnings():
        # scikit-learn remarks on patterns with fewer cells than folds; here that is no fault
        warnings.simplefilter("ignore", UserWarning)
        return list(folds.split(labels, labels, groups))


def _out_of_fold(
    values: NDArray[np.float64],
    labels: NDArray[np.int64],
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    n_patterns: int,
) -> NDArray[np.float64]:
    """Return the tree's share of each pattern for each cell, (cells, patterns)."""
    shares = np.zeros((len(labels), n_patterns))
    for train, test in folds:
        tree = DecisionTreeClassifier(
            max_leaf_nodes=_MOST_LEAVES,
            min_samples_leaf=max(3, len(train) // 200),
            class_weight="balanced",
            random_state=integer_seed(0, "audit tree"),
        )
        tree.fit(values[train, None], labels[train])
        shares[np.ix_(test, tree.classes_)] = tree.predict_proba(values[test, None])
    return shares


def _balanced(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return the mean recall over patterns and half the width of its 95 % interval."""
    predicted = shares.argmax(axis=1)
    numbers = np.unique(labels)
    recall = np.array([(predicted[labels == n] == n).mean() for n in numbers])
    count = np.array([(labels == n).sum() for n in numbers])
    error = np.sqrt((recall * (1 - recall) / count).sum()) / len(numbers)
    return float(recall.mean()), float(1.96 * error)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
