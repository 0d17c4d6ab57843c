"""`cellquery select`: which cells of a scored pool to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cellquery.cli.console import progress_bar, say
from cellquery.cli.engine import Address, CpusPerTask, EngineName, GpusPerTask, spread_over
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import local_path
from cellquery.core.words import counted


def select(
    scores: Annotated[
        list[Path],
        typer.Argument(
            parser=local_path,
            help="A folder that cellquery predict wrote; several are a committee.",
        ),
    ],
    n: Annotated[int, typer.Option(min=1, help="How many cells.")],
    strategy: Annotated[str, typer.Option(help="A query strategy: margin, entropy, ...")] = (
        "margin"
    ),
    out: Annotated[Path, typer.Option(help="File to write, .csv or .parquet.")] = Path(
        "chosen.csv"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
    without: Annotated[
        Path | None,
        typer.Option(help="A table, .csv or .parquet, whose cell_id are labelled already."),
    ] = None,
    per_specimen_cap: Annotated[
        int | None, typer.Option(min=1, help="At most so many cells of a specimen.")
    ] = None,
    round_robin: Annotated[
        bool, typer.Option("--round-robin", help="Take from the specimens in turn.")
    ] = False,
    random_share: Annotated[float, typer.Option(help="Share of them drawn at random.")] = 0.0,
    prefilter: Annotated[
        int | None,
        typer.Option(min=1, help="Let a diverse strategy see the so many smallest margins alone."),
    ] = None,
    engine: EngineName = "local",
    address: Address = None,
    cpus_per_task: CpusPerTask = 1,
    gpus_per_task: GpusPerTask = 0.0,
) -> None:
    """Choose cells from scores that lie in parts, exactly as if they lay in one table.

    Candidates are the scored cells without a known pattern.

    Example: cellquery select scores --strategy margin --n 1000 --out chosen.csv
    """
    import pyarrow as pa

    from cellquery.campaign.selecting import select_cells
    from cellquery.core import InputError
    from cellquery.data.readers.tables import open_table
    from cellquery.training.bulk import writing_table

    options: dict[str, Any] = {"per_specimen_cap": per_specimen_cap, "round_robin": round_robin}
    options["random_share"] = random_share
    labelled: list[str | None] = []
    if without is not None:
        table = open_table(without)
        column = table.column("id")
        if column is None:
            raise InputError(without, "no column of cell ids", "name it cell_id")
        labelled = [row[column] for _, row in table.rows()]
    with (
        writing_table(out) as write,
        progress_bar() as progress,
        spread_over(engine, address, cpus_per_task, gpus_per_task, progress) as cluster,
    ):
        query = select_cells(
            scores,
            strategy,
            n,
            options=options,
            seed=seed,
            without=filter(None, labelled),
            prefilter=prefilter,
            cluster=cluster,
            progress=progress,
        )
        columns = {
            "cell_id": pa.array(query.ids.tolist(), pa.string()),
            "utility": query.utilities,
            "chosen_by": pa.array([] if query.chosen_by is None else query.chosen_by.tolist()),
        }
        write(pa.table(columns))
    say(f"{out}: {counted(len(query), 'cell')}.")
    say(RESEARCH_USE_ONLY)
