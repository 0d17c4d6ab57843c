"""A training shared by several processes of one machine, by Lightning Fabric's launcher (DDP).

All make the same batches from the same seed; each computes the gradient of its share of a batch,
and their average, which is that of the whole batch, moves the same weights in every process. With
batch norm frozen the result is that of one process but for rounding. Otherwise each share is
normalised by its own statistics (torch can share them on GPUs alone), as a smaller batch would be.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import threading
from copy import deepcopy
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor
from torch.multiprocessing.spawn import ProcessException

from cellquery.core import CellqueryError, Progress, SettingsError, TrainingError, silent
from cellquery.core.places import Place
from cellquery.models import Classifier
from cellquery.training.device import torch_device
from cellquery.training.fit import Cells, Epoch, Fit
from cellquery.training.precision import learning
from cellquery.training.settings import TrainSettings

# They tell how many processes there are, and of a lost one in lines beside ours. Here, because a
# new process imports this file before it says anything.
for _talker in ("lightning_fabric", "torch.multiprocessing.spawn"):
    logging.getLogger(_talker).setLevel(logging.ERROR)


def fit_together(
    classifier: Classifier,
    cells: Cells,
    settings: TrainSettings,
    seed: int,
    run: Place | None,
    accelerator: str,
    devices: int,
    progress: Progress,
) -> list[Epoch]:
    """Train a classifier in place by several processes, as `cellquery.training.fit` does by one.

    Process zero alone writes to the run directory. Every process holds all cells.

    Raises
    ------
    SettingsError
        When there are fewer cores or GPUs, or too few cells in a batch for each to have two.
    TrainingError
        As `cellquery.training.fit`; or when a process is lost or the processes disagree.
    """
    device = torch_device(accelerator)
    _check(devices, device, len(cells.training), settings)
    fabric = Fabric(
        accelerator=device.type,
        devices=devices,
        strategy=DDPStrategy(start_method="spawn"),
        precision=learning(settings.precision, device),
    )
    told = multiprocessing.get_context("spawn").SimpleQueue()
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(told, ended, progress), daemon=True)
    teller.start()
    where = run or "training"
    try:
        with TemporaryDirectory(prefix="cellquery-") as folder:
            result = Path(folder) / "result.pt"
            # A partial: the launcher looks into arguments, and does not know frozen ones.
            share = partial(
                _share,
                classifier=classifier,
                cells=cells,
                settings=settings,
                seed=seed,
                run=run,
                told=told,
                result=result,
            )
            fault = fabric.launch(share)
            if fault is not None:
                raise fault
            kept = torch.load(result, weights_only=True)
    except ProcessException as error:
        raise TrainingError(
            where,
            f"a process of the {devices} was lost ({str(error).strip().splitlines()[-1]})",
            "run the same command again: it goes on from the last epoch",
        ) from error
    finally:
        # Nothing is put: a process that was killed may have held the queue's lock.
        ended.set()
        teller.join()
    classifier.network.load_state_dict(kept["network"])
    classifier.network.requires_grad_(True).eval()
    return [Epoch(**epoch) for epoch in kept["epochs"]]


def _check(devices: int, device: torch.device, n_cells: int, settings: TrainSettings) -> None:
    there, kind = os.cpu_count() or 1, "cores"
    if device.type == "cuda":
        there, kind = torch.cuda.device_count(), "GPUs"
    if devices > there:
        raise SettingsError(
            f"--devices {devices}", f"this machine has {there} {kind}", "ask for no more"
        )
    least = n_cells * settings.augmentation.n_copies // settings.n_batches(n_cells)
    if least < 2 * devices:
        raise SettingsError(
            f"--devices {devices}",
            f"batches of {least} cells leave fewer than two for each",
            "ask for fewer, or raise batch_size",
        )


def _tell(told: Any, ended: threading.Event, progress: Progress) -> None:
    """Pass on what process zero tells of its progress."""
    while not ended.wait(0.02) or not told.empty():
        while not told.empty():
            progress(*told.get())


def _share(
    fabric: Fabric,
    classifier: Classifier,
    cells: Cells,
    settings: TrainSettings,
    seed: int,
    run: Place | None,
    told: Any,
    result: Path,
) -> CellqueryError | None:
    """Do one process's share; process zero leaves network and epochs in a file.

    What goes back through the launcher has to fit into a pipe that nobody reads before the end:
    an error does, weights do not.
    """

    def tell(task: str, done: int, total: int | None = None) -> None:
        told.put((task, done, total))

    # The processes are sent the same memory, which each would train.
    classifier = deepcopy(classifier)
    try:
        fit = Fit(classifier, cells, settings, seed, run, fabric)
        epochs = fit.go(tell if fabric.is_global_zero else silent)
        _check_same(fabric, classifier)
    except CellqueryError as error:
        return error
    # Threads of gloo outlive the interpreter, and now and then abort a process that has done its
    # share (github.com/pytorch/pytorch/pull/179291); to end them first may wait for ever.
    atexit.register(os._exit, 0)
    if fabric.is_global_zero:
        state = {key: value.cpu() for key, value in classifier.network.state_dict().items()}
        torch.save({"network": state, "epochs": [vars(epoch) for epoch in epochs]}, result)
    return None


def _check_same(fabric: Fabric, classifier: Classifier) -> None:
    """Raise TrainingError unless all processes hold the same network, bit for bit."""
    values = [value.double().flatten() for value in classifier.network.state_dict().values()]
    whole: Tensor = torch.cat(values).to(fabric.device)
    first: Any = fabric.broadcast(whole, src=0)
    apart: Any = fabric.all_reduce((whole != first).sum().double(), reduce_op="sum")
    if apart:
        raise TrainingError(
            "training", "the processes ended with different networks", "train with --devices 1"
        )
