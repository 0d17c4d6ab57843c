"""A real PostgreSQL server for tests: found, or installed from Debian's packages, and started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import debian


def programs() -> Path:
    """The folder of PostgreSQL's programs; the test is skipped where it cannot be installed."""
    return debian.program(_installed, "postgresql")


def _installed() -> Path | None:
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if servers:
        return servers[-1].parent
    server = shutil.which("postgres")
    return Path(server).resolve().parent if server else None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a server of its own in a folder, reached by a socket there; yields its URL."""
    where = programs()
    data = folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    as_user: list[str] = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
        for above in folder.parents:
            if above.stat().st_uid == 0 and above.is_relative_to("/tmp") and above != Path("/tmp"):
                above.chmod(0o755)

    def run(*command: str | Path) -> None:
        subprocess.run(
            [*as_user, *map(str, command)], check=True, capture_output=True, timeout=120, cwd="/"
        )

    run(where / "initdb", "-D", data, "-U", "cellquery", "--auth=trust", "--no-sync")
    options = f"-c fsync=off -c listen_addresses='' -c unix_socket_directories={folder}"
    run(where / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://cellquery@/postgres?host={folder}"
    finally:
        run(where / "pg_ctl", "-D", data, "-m", "immediate", "stop")
