"""Choose cells from the scores of a pool that lie in parts, as from one table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellquery.acquisition import Candidates, Query, QueryStrategy, query_strategy
from cellquery.acquisition.merging import by_utility, merged, shortened, shortlist
from cellquery.core import Progress, ProjectError, SettingsError, generator, silent
from cellquery.training.pool_scores import ABOUT, score_parts

if TYPE_CHECKING:
    from cellquery.core.cluster import Cluster


def select_cells(
    scores: Sequence[Path],
    strategy: str,
    n: int,
    *,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    without: Iterable[str] = (),
    prefilter: int | None = None,
    cluster: Cluster | None = None,
    progress: Progress = silent,
) -> Query:
    """Return the cells that a query strategy would have labelled next.

    Candidates are the scored cells without a known pattern. A strategy that gives each cell a
    utility by itself sees one part at a time and keeps the best of each, which together choose
    exactly as all cells would. One that compares cells sees all of them at once, in this process.

    Parameters
    ----------
    scores : sequence of Path
        What `cellquery.training.pool_scores.score_project` wrote; several folders, of a network
        each, are a committee.
    strategy : str
        One of `cellquery.acquisition.STRATEGIES`.
    n : int
    options : mapping
        Of `cellquery.acquisition.query_strategy`.
    seed : int
    without : iterable of str
        More cells that are labelled already.
    prefilter : int or None
        Let a strategy that compares cells see only so many, those of smallest margin.
    cluster : Cluster or None
        Makes the shortlists of the parts side by side.
    progress : Progress

    Raises
    ------
    ProjectError
        When a part is missing, damaged or not of the same cells in all folders.
    SettingsError
        When the strategy or an option is not known, or needs what the scores do not hold.
    """
    chosen = query_strategy(strategy, **(options or {}))
    pool = _Pool(tuple(folder.resolve() for folder in scores), frozenset(without))
    pool.check(chosen)
    if by_utility(chosen) is not None:
        candidates = _shortlists(pool, chosen, n, cluster, progress)
    else:
        if prefilter is not None:
            margin = query_strategy("margin")
            least = _shortlists(pool, margin, prefilter, cluster, progress)
            ids = margin.query(least, prefilter, generator(seed, "prefilter")).ids
            pool = replace(pool, only=frozenset(ids.tolist()))
        candidates = pool.whole(chosen.needs, progress)
    return chosen.query(candidates, n, generator(seed, "select")).named(chosen.name)


def _shortlists(
    pool: _Pool, strategy: QueryStrategy, n: int, cluster: Cluster | None, progress: Progress
) -> Candidates:
    """Return what may be among n chosen cells, in one.

    On the way it holds at most twice as many, and one part's shortlist.
    """
    names, n_kept = pool.parts(), 0
    lists: list[Candidates] = []
    labelled: list[str | None] = []
    work = _Shortlist(pool, strategy, n)
    answers: Iterator[dict[str, Any]] = map(work, names)
    if cluster is not None:
        answers = cluster.map(work, names, "selecting")
    for n_done, answer in enumerate(answers, 1):
        if answer["fault"]:
            raise ProjectError(answer["where"], answer["fault"], answer["remedy"])
        lists.append(
            Candidates(
                _objects(answer["ids"]),
                groups=_objects(answer["groups"]),
                utilities=np.asarray(answer["utilities"], dtype=np.float64),
            )
        )
        labelled += list(answer["labelled"])
        if sum(map(len, lists)) > 2 * n_kept:
            lists = [shortened(strategy, merged(lists), n)]
            n_kept = len(lists[0])
        progress("selecting, shards", n_done, len(names))
    return merged(lists, _objects(labelled))


@dataclass(frozen=True)
class _Shortlist:
    """Makes the shortlist of a part, in whatever process it is called."""

    pool: _Pool
    strategy: QueryStrategy
    n: int

    def __call__(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = {"where": "", "fault": "", "remedy": ""}
        try:
            part, labelled = self.pool.part(name, self.strategy.needs)
        except ProjectError as error:
            answer |= {"where": error.where, "fault": error.fault, "remedy": error.remedy}
            return answer | {"ids": [], "groups": [], "utilities": [], "labelled": []}
        best = shortlist(self.strategy, part, self.n)
        assert best.groups is not None
        assert best.utilities is not None
        return answer | {
            "ids": best.ids.tolist(),
            "groups": best.groups.tolist(),
            "utilities": best.utilities,
            "labelled": [] if labelled.groups is None else labelled.groups.tolist(),
        }


@dataclass(frozen=True)
class _Pool:
    """Folders of scores of the same cells.

    Attributes
    ----------
    folders : tuple of Path
    without : frozenset of str
        Labelled cells, beside those whose pattern the scores tell.
    only : frozenset of str or None
        The candidates, where they are fewer than all others.
    """

    folders: tuple[Path, ...]
    without: frozenset[str]
    only: frozenset[str] | None = field(default=None)

    def parts(self) -> list[str]:
        """Return the names of the parts, the same in all folders."""
        names = [score_parts(folder) for folder in self.folders]
        for folder, each in zip(self.folders, names, strict=True):
            if each != names[0]:
                missing = sorted(set(each) ^ set(names[0]))[0]
                raise ProjectError(
                    folder, f"differs from {self.folders[0]} in {missing}", "score all cells anew"
                )
        return names[0]

    def check(self, strategy: QueryStrategy) -> None:
        """Raise SettingsError where the scores lack what a strategy needs."""
        self.parts()
        where = f"strategy {strategy.name}"
        if "committee" in strategy.needs and len(self.folders) < 2:
            raise SettingsError(
                where, "needs the scores of two networks or more", "name a folder of each"
            )
        if "committee" not in strategy.needs and len(self.folders) > 1:
            raise SettingsError(where, "takes the scores of one network", "name one folder")
        about = json.loads((self.folders[0] / ABOUT).read_text(encoding="utf-8"))
        if "embeddings" in strategy.needs and not about["embeddings"]:
            raise SettingsError(
                where,
                f"needs embeddings, which {self.folders[0]} has not",
                "score with --embeddings into another folder",
            )

    def whole(self, needs: frozenset[str], progress: Progress) -> Candidates:
        """Return all candidates with what a strategy needs, and the labelled cells."""
        names = self.parts()
        n_rows = sum(_n_rows(self.folders[0] / name) for name in names)
        found, labelled = _Stacked(n_rows), _Stacked(n_rows)
        for number, name in enumerate(names):
            part, known = self.part(name, needs)
            found.add(part)
            labelled.add(known)
            progress("reading scores", number + 1, len(names))
        return Candidates(
            found["ids"],
            probabilities=found["probabilities"],
            embeddings=found["embeddings"],
            groups=found["groups"],
            labelled_embeddings=labelled["embeddings"],
            labelled_groups=labelled["groups"],
        )

    def part(self, name: str, needs: frozenset[str]) -> tuple[Candidates, Candidates]:
        """Return the candidates of a part and its labelled cells.

        Raises
        ------
        ProjectError
            When a file is missing, damaged or of other cells than the first folder's.
        """
        tables = [_read(folder / name, needs) for folder in self.folders]
        ids = _objects(tables[0]["cell_id"].to_pylist())
        for folder, table in zip(self.folders, tables, strict=True):
            if table["cell_id"].to_pylist() != ids.tolist():
                raise ProjectError(
                    folder / name, f"is of other cells than {self.folders[0]}", "score them anew"
                )
        opinions = [_probabilities(table) for table in tables]
        known = np.array([each is not None for each in tables[0]["pattern"].to_pylist()], bool)
        known |= np.array([each in self.without for each in ids], bool)
        said = Candidates(
            ids,
            probabilities=opinions[0] if "probabilities" in needs else np.zeros((len(ids), 0)),
            embeddings=_embeddings(tables[0]),
            groups=_objects(tables[0]["specimen"].to_pylist()),
            committee=np.stack(opinions) if "committee" in needs else None,
        )
        left = ~known
        if self.only is not None:
            left &= np.array([each in self.only for each in ids], bool)
        return said.rows(np.flatnonzero(left)), said.rows(np.flatnonzero(known))


class _Stacked:
    """The arrays of parts, one below the other, each copied once into its place.

    Parameters
    ----------
    n_most : int
        As many rows as there may be; memory is taken by those that are written.
    """

    def __init__(self, n_most: int) -> None:
        self._n, self._n_most = 0, n_most
        self._arrays: dict[str, NDArray[Any]] = {}

    def add(self, part: Candidates) -> None:
        """Put a part below the others."""
        rows = slice(self._n, self._n + len(part))
        for name in ("ids", "probabilities", "embeddings", "groups"):
            values = getattr(part, name)
            if name not in self._arrays:
                shape = (self._n_most, *values.shape[1:])
                self._arrays[name] = np.empty(shape, values.dtype)
            self._arrays[name][rows] = values
        self._n += len(part)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name][: self._n]


def _n_rows(path: Path) -> int:
    with _readable(path):
        n_rows: int = pq.read_metadata(path).num_rows
        return n_rows


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise ProjectError where a part cannot be read within."""
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise ProjectError(
            path,
            f"missing or damaged ({str(error).splitlines()[0]})",
            "delete it and run cellquery predict again: the other parts are kept",
        ) from error


def _read(path: Path, needs: frozenset[str]) -> pa.Table:
    """Return the columns of a part that a strategy needs."""
    with _readable(path):
        names = pq.read_schema(path).names
        wanted = ["cell_id", "pattern", "specimen"]
        if needs & {"probabilities", "committee"}:
            wanted += [name for name in names if name.startswith("p_")]
        if "embeddings" in needs:
            wanted.append("embedding")
        return pq.read_table(path, columns=wanted)


def _probabilities(table: pa.Table) -> NDArray[np.float32]:
    columns = [table[name].to_numpy() for name in table.column_names if name.startswith("p_")]
    return np.stack(columns, axis=1) if columns else np.zeros((len(table), 0), np.float32)


def _embeddings(table: pa.Table) -> NDArray[np.float32]:
    if "embedding" not in table.column_names:
        return np.zeros((len(table), 0), np.float32)
    column = table["embedding"].combine_chunks()
    values: NDArray[np.float32] = column.flatten().to_numpy()
    return values.reshape(len(column), column.type.list_size)


def _objects(values: Iterable[Any]) -> NDArray[Any]:
    return np.array(list(values), dtype=object)
