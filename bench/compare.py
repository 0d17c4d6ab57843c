"""Has anything become slower since a revision? What `make bench-compare BASE=v0.1` runs.

    python -m bench.compare BASE [ONLY ...] [--pairs 9]

Checks BASE out into a folder of its own and measures the small set of benchmarks of both revisions
in turns, in one run on one machine, with the same packages: what else the machine does touches
both. The ratio of a pair is processor time now over that of BASE; of nine pairs, the second
smallest and the second largest bound the median with 96 % confidence, whatever its distribution.
Where the lower of the two is above 1.1, that is a regression and the status is 1, as it is where a
benchmark no longer runs. One that BASE cannot run yet has nothing to be compared with.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.record import markdown
from bench.small import SET
from cellquery.core import CellqueryError

ROOT = Path(__file__).resolve().parents[1]
SLOWER = 1.1
PER_PROCESS = 3
"""Pairs measured by the same two processes: where their memory lies makes one a few per cent faster
for as long as it lives."""


@dataclass(frozen=True)
class Verdict:
    """What the pairs of one benchmark say.

    Attributes
    ----------
    median, low, high : float
        Of the ratio: above 1 is slower than before.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Verdict:
        """Return the verdict on ratios; of three pairs or fewer, the extremes are the bounds."""
        ordered = sorted(ratios)
        skipped = 1 if len(ordered) > 3 else 0
        return cls(statistics.median(ordered), ordered[skipped], ordered[-1 - skipped])

    @property
    def word(self) -> str:
        """What it means."""
        if self.low > SLOWER:
            return "slower"
        return "faster" if self.high < 1 / SLOWER else "-"


def main() -> int:
    """Compare; return 1 where something is slower or no longer runs, or nothing can be compared."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("base", help="a revision that git knows")
    parser.add_argument("only", nargs="*", help=f"some of {', '.join(SET)}; all if none")
    parser.add_argument("--pairs", type=int, default=9)
    asked = parser.parse_args()
    try:
        verdicts, broken, lacking = compare(asked.base, asked.only or list(SET), asked.pairs)
    except CellqueryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows = [
        [name, f"{each.median:.2f}", f"{each.low:.2f} to {each.high:.2f}", each.word]
        for name, each in verdicts.items()
    ]
    rows += [[name, "-", "-", f"does not run: {fault}"] for name, fault in broken.items()]
    rows += [[name, "-", "-", f"not compared: {fault}"] for name, fault in lacking.items()]
    print(markdown(["benchmark", f"time now / {asked.base}", "spread", ""], rows))
    slower = [name for name, each in verdicts.items() if each.word == "slower"]
    if slower:
        print(f"error: slower than {asked.base}: {', '.join(slower)}", file=sys.stderr)
    if broken:
        print(f"error: does not run: {', '.join(broken)}", file=sys.stderr)
    return 1 if slower or broken else 0


def compare(
    base: str, names: Sequence[str], n_pairs: int
) -> tuple[dict[str, Verdict], dict[str, str], dict[str, str]]:
    """Return a verdict on each benchmark, and why some do not run now, or did not then.

    Raises
    ------
    CellqueryError
        When there is no such revision or benchmark.
    """
    unknown = [name for name in names if name not in SET]
    if unknown:
        raise CellqueryError("ONLY", f"no benchmark '{unknown[0]}'", f"choose {', '.join(SET)}")
    ratios: dict[str, list[float]] = {name: [] for name in names}
    broken: dict[str, str] = {}
    lacking: dict[str, str] = {}
    with checked_out(base) as then:
        for started in range(0, n_pairs, PER_PROCESS):
            with worker(then) as old, worker(ROOT) as new:
                for name in names:
                    for number in range(started, min(started + PER_PROCESS, n_pairs)):
                        # Who goes first changes: a slow drift of the machine favours nobody.
                        order = (new, old) if number % 2 else (old, new)
                        said = {id(each): ask(each, name) for each in order}
                        now, before = said[id(new)], said[id(old)]
                        if "fault" in now:
                            broken[name] = str(now["fault"])
                            break
                        if "fault" in before:
                            lacking[name] = str(before["fault"])
                            break
                        ratios[name].append(float(now["seconds"]) / float(before["seconds"]))
            print(f"{min(started + PER_PROCESS, n_pairs)} of {n_pairs} pairs", file=sys.stderr)
    compared = [name for name in names if name not in broken and name not in lacking]
    return {name: Verdict.of(ratios[name]) for name in compared}, broken, lacking


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Yield a folder with a revision's files."""
    with TemporaryDirectory(prefix="cellquery-base-") as folder:
        path = Path(folder) / "base"
        added = _git("worktree", "add", "--detach", "--quiet", str(path), revision)
        if added.returncode:
            raise CellqueryError(
                f"BASE={revision}",
                "is no revision that git can check out here",
                "name a tag, a branch or a commit",
            )
        try:
            yield path
        finally:
            _git("worktree", "remove", "--force", str(path))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def worker(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that measures the cellquery of a checkout with today's benchmarks."""
    paths = os.pathsep.join([str(root / "src"), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "bench.small"],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def ask(process: subprocess.Popen[str], name: str) -> dict[str, float | str]:
    """Have a benchmark measured once."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(name, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        return {"fault": "the process ended"}
    answer: dict[str, float | str] = json.loads(line)
    return answer


if __name__ == "__main__":
    sys.exit(main())
