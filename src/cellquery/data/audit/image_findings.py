"""Findings about single images: unreadable, nearly empty, burnt out, with an empty mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from cellquery.core import CellqueryError
from cellquery.data.audit.findings import SHOWN_CELLS, Finding, concerning
from cellquery.data.audit.measurements import Measurements

_FEWEST_LEVELS = 4
_BURNT_SHARE = 0.02
_LEAST_MASK = 0.02


def image_findings(cells: Measurements, faults: Sequence[CellqueryError]) -> list[Finding]:
    """Return what is wrong with single images."""
    found = [_unreadable(faults)] if faults else []
    empty = cells.ids[cells.spread < _FEWEST_LEVELS]
    if len(empty):
        found.append(
            Finding(
                "nearly-empty",
                "warning",
                f"{_cells(len(empty))} nearly empty",
                f"99 % of the pixels lie within {_FEWEST_LEVELS - 1} grey levels: there is hardly "
                "a cell to see, and scaling such an image for a network shows noise.",
                "Look at them and leave them out, or export them again with the camera's full "
                "range of counts (16 bits).",
                **concerning(empty),
            )
        )
    burnt = cells.ids[cells.properties["saturated"] > _BURNT_SHARE]
    if len(burnt):
        share = len(burnt) / len(cells)
        found.append(
            Finding(
                "saturated",
                "warning" if share > 0.1 else "note",
                f"{_cells(len(burnt))} burnt out",
                f"More than {100 * _BURNT_SHARE:.0f} % of the pixels are at full scale: the "
                "texture there is lost.",
                "Nothing can bring it back. Expose less next time, and keep the share in mind when "
                "accuracy differs between specimens.",
                numbers={"share": round(share, 4)},
                **concerning(burnt),
            )
        )
    # NaN, a cell without a mask, compares false
    masked = cells.ids[cells.mask_share < _LEAST_MASK]
    if len(masked):
        found.append(
            Finding(
                "empty-mask",
                "warning",
                f"{_cells(len(masked))} under an empty mask",
                f"The mask covers less than {100 * _LEAST_MASK:.0f} % of the image: a training "
                "that uses masks sees nothing of the cell.",
                "Draw the masks again and import the cells again, or import them without masks "
                "into a new project.",
                **concerning(masked),
            )
        )
    depths = Counter(cells.properties["bit_depth"].astype(int).tolist())
    if len(depths) > 1:
        rarer = min(depths, key=lambda depth: depths[depth])
        found.append(
            Finding(
                "mixed-bit-depth",
                "note",
                "8-bit and 16-bit images are mixed",
                "Counts of different ranges come together. Where each cell is scaled by itself "
                "(the default) this does not matter; with one scale for all it does.",
                "Keep the scaling of each cell by itself.",
                numbers={str(depth): count for depth, count in sorted(depths.items())},
                **concerning(cells.ids[cells.properties["bit_depth"] == rarer]),
            )
        )
    return found


def _unreadable(faults: Sequence[CellqueryError]) -> Finding:
    kinds = Counter(fault.fault.split(":")[0] for fault in faults)
    common = "; ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common(4))
    return Finding(
        "unreadable",
        "warning",
        f"{len(faults):,} input{'s' * (len(faults) > 1)} could not be used",
        f"They are not in the project and will not be trained on. Faults: {common}. The list, with "
        "a remedy for each, is faults.csv in the project.",
        "Mend or remove them, then import again: what is there already is kept.",
        cells=tuple(fault.where for fault in faults[:SHOWN_CELLS]),
        n_cells=len(faults),
        numbers=dict(kinds.most_common(20)),
    )


def _cells(count: int | np.integer) -> str:
    return "1 cell is" if count == 1 else f"{count:,} cells are"
