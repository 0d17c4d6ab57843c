"""The options of commands whose work can be spread over many machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cellquery.core import Progress
    from cellquery.core.cluster import Cluster

EngineName = Annotated[str, typer.Option("--engine", help="local, or ray: many machines.")]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        help="HOST:PORT of a Ray cluster, or auto; left out, Ray takes this machine alone.",
    ),
]
CpusPerTask = Annotated[
    int, typer.Option(min=1, help="Cores, and threads, of each task of --engine ray.")
]
GpusPerTask = Annotated[float, typer.Option(min=0.0, help="GPUs of each; 0.5 shares one.")]


@contextmanager
def spread_over(
    engine: str, address: str | None, cpus: int, gpus: float, progress: Progress
) -> Iterator[Cluster | None]:
    """Yield the cluster that the options name, or None for this process."""
    from cellquery.core import SettingsError

    if engine not in ("local", "ray"):
        raise SettingsError("--engine", f"'{engine}' is not known", "choose local or ray")
    if engine == "local":
        yield None
        return
    from cellquery.core.cluster import cluster

    with cluster(address, cpus=cpus, gpus=gpus, progress=progress) as connected:
        yield connected
