"""Work over many machines: the one place that knows Ray, which the extra ``ray`` installs."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cellquery import __version__
from cellquery.core.errors import CellqueryError, ProjectError, SettingsError
from cellquery.core.extras import from_extra
from cellquery.core.progress import Progress, silent
from cellquery.core.units import Unit

ANSWERS_WITHIN_S = 30
"""How long a cluster may take to answer before it counts as not there."""

RETRIES = 3
"""How often a unit is begun again when its worker is lost; it goes on where that one was."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to, and what each unit takes of it.

    Attributes
    ----------
    cpus : int
        Cores of a unit, which are its threads too.
    gpus : float
        GPUs of a unit; 0.5 lets two share one.
    """

    cpus: int = 1
    gpus: float = 0.0

    def run(self, units: Sequence[Unit], task: str, progress: Progress) -> None:
        """Do units as Ray tasks, as `cellquery.core.units.Engine` promises.

        Units that do not depend on one that fails are done all the same.

        Raises
        ------
        CellqueryError
            Of the first unit that failed, or naming a unit whose worker was lost time and again.
        """
        (ray,) = from_extra("ray", "ray")
        remote = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=RETRIES)(_on_worker)
        references: dict[str, Any] = {}
        for unit in units:
            before = [references[name] for name in unit.after]
            references[unit.name] = remote.options(name=unit.name).remote(
                unit, __version__, self.cpus, *before
            )
        names = {reference: name for name, reference in references.items()}
        waiting = list(names)
        failed: dict[str, CellqueryError] = {}
        progress(task, 0, len(units))
        while waiting:
            done, waiting = ray.wait(waiting)
            for reference in done:
                try:
                    ray.get(reference)
                except ray.exceptions.RayError as error:
                    failed[names[reference]] = _fault(names[reference], error)
            progress(task, len(units) - len(waiting), len(units))
        for unit in units:
            # In the order of the units: those that come after one that failed fail with it.
            if unit.name in failed:
                raise failed[unit.name]

    def map(
        self, function: Callable[[str], dict[str, Any]], items: Sequence[str], task: str
    ) -> Iterator[dict[str, Any]]:
        """Yield what a function answers for each item, as the answers come, through Ray Data.

        As many actors as the cluster has room for hold the function and what it has loaded. A lost
        actor is replaced, and the item that it had in hand is done again.

        Parameters
        ----------
        function : callable
            Can be pickled; its answers have values of Arrow's types.
        items : sequence of str
        task : str
            What is being done, for messages.

        Raises
        ------
        CellqueryError
            What the function raised, or that workers were lost time and again.
        """
        ray, data, logging = from_extra("ray", "ray", "ray.data", "logging")
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        room = ray.cluster_resources()
        n_actors = int(room.get("CPU", 0) // self.cpus)
        if self.gpus:
            n_actors = min(n_actors, int(room.get("GPU", 0) / self.gpus))
        blocks = data.from_items([{"item": item} for item in items], override_num_blocks=len(items))
        with warnings.catch_warnings():
            # `max_task_retries` is to have another place from Ray 2.64 on, which is not there yet.
            warnings.simplefilter("ignore")
            answers = blocks.map(
                _Held,
                fn_constructor_args=(function, __version__, self.cpus),
                compute=data.ActorPoolStrategy(size=max(1, min(n_actors, len(items)))),
                num_cpus=self.cpus,
                num_gpus=self.gpus or None,
                # Of an item: one that kills whoever touches it must not do so for ever.
                max_task_retries=RETRIES,
            )
        try:
            yield from answers.iter_rows()
        except (ray.exceptions.RayError, data.exceptions.UserCodeException) as error:
            raise _fault(task, error) from error


@contextmanager
def cluster(
    address: str | None = None, *, cpus: int = 1, gpus: float = 0.0, progress: Progress = silent
) -> Iterator[Cluster]:
    """Yield a cluster; what was started or connected here ends with the block.

    Parameters
    ----------
    address : str or None
        ``HOST:PORT`` of a running cluster, or ``auto`` for the one that this machine belongs to.
        None starts one of this machine's cores, which nobody else can use, or takes the one that
        this process is connected to already.
    cpus : int
    gpus : float
    progress : Progress

    Raises
    ------
    SettingsError
        When Ray is not installed, no cluster answers at the address, or it has less than one unit
        takes.
    """
    # Ray reads its settings when it is imported: it reports nothing to anyone, and a cluster of
    # this machine lets nobody in without a token: who reaches its ports can run code on it.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Its notes to its own developers would stand between ours; who wants them says so.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None and "ray" not in sys.modules:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    ray, logging = from_extra("ray", "ray", "logging")
    ours = not ray.is_initialized()
    if ours:
        progress("connecting to Ray", 0, 1)
        if address is None:
            ray.init(address="local", **_quietly(logging))
        else:
            _check_answers(address)
            ray.init(address=address, **_quietly(logging))
        progress("connecting to Ray", 1, 1)
    try:
        _check_room(ray, cpus, gpus, address)
        yield Cluster(cpus, gpus)
    finally:
        if ours:
            ray.shutdown()


def _quietly(logging: Any) -> dict[str, Any]:
    return {
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": False,
    }


def _check_answers(address: str) -> None:
    """Raise SettingsError unless a cluster answers in time.

    Asked by a process of its own: where nothing answers, Ray waits for minutes and then ends the
    process that asked.
    """
    ask = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ask, address],
            capture_output=True,
            text=True,
            timeout=ANSWERS_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        fault = f"no Ray cluster answers there within {ANSWERS_WITHIN_S} s"
    else:
        if not asked.returncode:
            return
        lines = asked.stderr.strip().splitlines()
        fault = f"no Ray cluster can be reached there ({lines[-1] if lines else 'no reason given'})"
    raise SettingsError(
        f"--address {address}",
        fault,
        "see that it runs (ray status), has this version of Ray and Python, and, where it asks for "
        "one, that RAY_AUTH_TOKEN holds its token",
    )


def _check_room(ray: Any, cpus: int, gpus: float, address: str | None) -> None:
    """Raise SettingsError when no node could ever take a unit, which would then wait for ever."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for name, wanted in (("CPU", cpus), ("GPU", gpus)):
        most = max((node.get(name, 0) for node in nodes), default=0)
        if wanted > most:
            raise SettingsError(
                f"--{name.lower()}s-per-task {wanted:g}",
                f"no machine of {address or 'this cluster'} has more than {most:g} {name}",
                "ask for less",
            )


def _on_worker(unit: Unit, version: str, cpus: int, *before: object) -> None:
    """Do a unit in a worker process."""
    _check_version(version)
    _use_threads(cpus)
    unit.work(silent)


class _Held:
    """An actor: a function and, in its process, what that has loaded."""

    def __init__(self, function: Callable[[str], dict[str, Any]], version: str, cpus: int) -> None:
        _check_version(version)
        _use_threads(cpus)
        self._function = function

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return self._function(row["item"])


def _check_version(version: str) -> None:
    if version != __version__:
        raise SettingsError(
            "cluster",
            f"a machine of it has cellquery {__version__}, this one {version}",
            "install the same version on all",
        )


def _use_threads(cpus: int) -> None:
    import torch

    torch.set_num_threads(cpus)


def _fault(name: str, error: Exception) -> CellqueryError:
    """Return one line for what Ray raised: our own error where there is one beneath it."""
    beneath: BaseException | None = error
    while beneath is not None:
        for each in (getattr(beneath, "cause", None), beneath):
            if isinstance(each, CellqueryError):
                return type(each)(each.where, f"{each.fault} [{name}]", each.remedy)
        beneath = beneath.__cause__
    lost = f"its worker was lost {RETRIES + 1} times" if "Died" in type(error).__name__ else None
    if type(error).__name__ in ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError"):
        lost = f"its worker was lost {RETRIES + 1} times ({type(error).__name__})"
    reason = lost or f"failed: {str(error).strip().splitlines()[-1]}"
    return ProjectError(
        name,
        reason,
        "look at the memory of its machine and at Ray's log, then run the same command again: what "
        "is finished is kept",
    )
