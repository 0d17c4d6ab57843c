"""`cellquery backup` and `cellquery restore`: the whole history in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import DatabaseUrl, say
from cellquery.core.places import local_path


def backup(
    project: Annotated[
        Path, typer.Argument(parser=local_path, help="A project that is annotated.")
    ],
    file: Annotated[Path, typer.Argument(help="The file to write, such as labels.backup.")],
    database: DatabaseUrl = None,
) -> None:
    """Write accounts and the whole history of annotations to a file, also while others annotate.

    Example: cellquery backup cells labels.backup
    """
    from cellquery.annotation import open_database
    from cellquery.core.words import counted
    from cellquery.data import Project
    from cellquery.storage.backup import back_up

    n = back_up(open_database(Project.open(project), database), file)
    say(f"{counted(n, 'annotation')} in {file}")


def restore(
    project: Annotated[
        Path, typer.Argument(parser=local_path, help="The project, with no account or label yet.")
    ],
    file: Annotated[Path, typer.Argument(help="A file of cellquery backup.")],
    database: DatabaseUrl = None,
) -> None:
    """Put a backup into a database without accounts and annotations, SQLite or PostgreSQL.

    Example: cellquery restore cells labels.backup
    """
    from cellquery.annotation import open_database
    from cellquery.core.words import counted
    from cellquery.data import Project
    from cellquery.data.learnt import digests_of
    from cellquery.storage.backup import restore as put_back

    opened = Project.open(project)
    n = put_back(open_database(opened, database), file, digests_of(opened))
    say(f"{counted(n, 'annotation')} restored")
