"""Any number of synthetic cells, one after the other, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from cellquery.core import SIX_PATTERNS, SettingsError
from cellquery.core.workers import in_order
from cellquery.data.synthetic.cells import SyntheticCell, synthetic_cell
from cellquery.data.synthetic.settings import SyntheticSettings, synthetic_settings
from cellquery.data.synthetic.specimen import draw_specimen

_BLOCK_CELLS = 128

Block = tuple[int, int, int]
"""Index of a specimen, its first cell and the one after the last."""


def synthesize(
    n_cells: int,
    *,
    patterns: Sequence[str] = SIX_PATTERNS,
    n_specimens: int = 24,
    seed: int = 0,
    bit_depth: int = 8,
    spread: float = 1.0,
) -> Iterator[SyntheticCell]:
    """Return an iterator over synthetic cells, specimen after specimen.

    A cell depends on the seed, the patterns and its place within its specimen alone: asking for
    more cells or more specimens leaves it as it is, and any of them can be made on its own with
    :func:`synthetic_cell`.

    Parameters
    ----------
    n_cells : int
        How many in all; specimens share them evenly.
    patterns : sequence of str
        Any spelling of patterns that can be synthesised.
    n_specimens : int
        At least one a pattern.
    seed : int
        Zero or more.
    bit_depth : {8, 16}
        Of the images.
    spread : float
        How far specimens differ, in [0, 1].

    Returns
    -------
    iterator of SyntheticCell
        Cells are made as they are asked for.

    Raises
    ------
    SettingsError
        When a setting is out of range or a pattern cannot be synthesised.

    See Also
    --------
    SyntheticSettings : what the settings mean.

    Examples
    --------
    >>> [cell.cell_id for cell in synthesize(3, patterns=["golgi"], n_specimens=2)]
    ['S001-00001', 'S001-00002', 'S002-00001']
    """
    settings = synthetic_settings(
        patterns=patterns, n_specimens=n_specimens, seed=seed, bit_depth=bit_depth, spread=spread
    )
    return synthetic_cells(n_cells, settings)


def synthetic_cells(
    n_cells: int,
    settings: SyntheticSettings,
    *,
    held: Mapping[str, int] | None = None,
    workers: int = 1,
) -> Iterator[SyntheticCell]:
    """Return an iterator over the cells of :func:`synthesize`, made by several processes.

    Parameters
    ----------
    n_cells : int
        How many in all.
    settings : SyntheticSettings
        See there.
    held : mapping of str to int
        How many of the first cells of each specimen, by name, are not wanted.
    workers : int
        Processes that make cells; with 1, this one does. The cells are the same.

    Raises
    ------
    SettingsError
        When a number is negative or there is no worker.
    """
    if n_cells < 0:
        raise SettingsError("cells", f"{n_cells} is negative", "ask for zero cells or more")
    if workers < 1:
        raise SettingsError("workers", f"{workers} cannot work", "ask for one or more")
    blocks = _blocks(n_cells, settings, held or {})
    # What one process makes comes as it is asked for; between processes go lists.
    make = partial(_made if workers == 1 else _sent, settings)
    return chain.from_iterable(in_order(make, blocks, workers, task="synthetic cells"))


def _blocks(n_cells: int, settings: SyntheticSettings, held: Mapping[str, int]) -> Iterator[Block]:
    each, rest = divmod(n_cells, settings.n_specimens)
    for index in range(min(settings.n_specimens, n_cells)):
        end = each + (index < rest)
        for first in range(held.get(draw_specimen(settings, index).name, 0), end, _BLOCK_CELLS):
            yield index, first, min(first + _BLOCK_CELLS, end)


def _made(settings: SyntheticSettings, block: Block) -> Iterator[SyntheticCell]:
    index, first, end = block
    specimen = draw_specimen(settings, index)
    for number in range(first, end):
        yield synthetic_cell(settings, specimen, number)


def _sent(settings: SyntheticSettings, block: Block) -> list[SyntheticCell]:
    return list(_made(settings, block))
