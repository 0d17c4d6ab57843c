"""One training, from weights to better weights; stopped and started again it ends the same."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cellquery.core import Progress, SettingsError, TrainingError, generator, integer_seed, silent
from cellquery.core.durable import replacing
from cellquery.core.places import Place, on_disk
from cellquery.models import FORWARD_CELLS, Classifier, NetworkOutput
from cellquery.models.remembered import Remembered
from cellquery.training.cells import LabelledCells
from cellquery.training.device import torch_device
from cellquery.training.early import CachedCells
from cellquery.training.precision import learning
from cellquery.training.settings import Augmentation, TrainSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training cells came to.

    Losses are mean cross-entropies, Eq. 2, in nats; accuracies are shares of cells. Training
    figures are averages over the pass, on augmented cells; validation figures are NaN without
    validation cells.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


def fit(
    classifier: Classifier,
    training: LabelledCells | CachedCells,
    settings: TrainSettings,
    *,
    seed: int,
    validation: LabelledCells | CachedCells | None = None,
    rehearsed: LabelledCells | CachedCells | None = None,
    run: Place | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    progress: Progress = silent,
) -> list[Epoch]:
    """Train a classifier in place and return its epochs.

    Parameters
    ----------
    classifier : Classifier
        Fresh or pretrained; ends with the best validation weights where ``patience`` is set,
        with the averaged weights where ``averaging`` is set, else with the last. A network that
        learns at once learns anew.
    training : LabelledCells or CachedCells
        Cached cells train the late layers alone.
    settings : TrainSettings
    seed : int
        Decides order and augmentation, and what a network that learns at once draws. The same
        seed, thread count and machine give identical weights on a CPU.
    validation : LabelledCells or None
        Required when ``settings.patience`` is set.
    rehearsed : LabelledCells, CachedCells or None
        Cells learnt earlier; ``settings.rehearsal`` of them join each labelled cell of a batch.
    run : Path, UPath or None
        A directory for ``epochs.jsonl`` and the state that an interrupted training resumes from.
    accelerator : str
        As Lightning Fabric names them: auto, cpu, cuda, ...
    devices : int
        Processes that share each batch: see `cellquery.training.together`.
    progress : Progress

    Returns
    -------
    list of Epoch

    Raises
    ------
    TrainingError
        When a loss is not finite, or cells are missing.
    """
    if len(training) < 2:
        raise TrainingError("training", f"{len(training)} labelled cells", "label two or more")
    if settings.patience is not None and not validation:
        raise TrainingError("training", "no validation cells to stop on", "set patience = 'none'")
    if settings.rehearsal and not rehearsed:
        raise TrainingError(
            "training",
            "rehearsal without cells to rehearse",
            "name some with --rehearse, or set it to 0",
        )
    cells = Cells(training, validation, rehearsed if settings.rehearsal else None)
    if classifier.network.learns_at_once:
        if devices > 1:
            name = classifier.network.name
            raise SettingsError(
                f"--devices {devices}", f"{name} learns in one process", "leave it out"
            )
        return _learn_at_once(classifier, cells, settings, seed, run, progress)
    if devices > 1:
        # Imported here: it trains by what stands below.
        from cellquery.training.together import fit_together

        return fit_together(classifier, cells, settings, seed, run, accelerator, devices, progress)
    # Imported here: it takes a second, which what only judges or predicts need not wait for.
    from lightning_fabric import Fabric

    device = torch_device(accelerator).type
    fabric = Fabric(accelerator=device, devices=1, precision=learning(settings.precision, device))
    return Fit(classifier, cells, settings, seed, run, fabric).go(progress)


@dataclass(frozen=True)
class Cells:
    """The cells of one training, all of one kind: images, or cached early features."""

    training: LabelledCells | CachedCells
    validation: LabelledCells | CachedCells | None
    rehearsed: LabelledCells | CachedCells | None


class Fit:
    """The moving parts of one training, in one process or in each of several.

    Several make the same batches from the same seed, and each shows the network its share of
    them. Gradients are those of the whole batch; batch norm normalises each share by itself, and
    what it has seen is averaged over the processes after every epoch.
    """

    def __init__(
        self,
        classifier: Classifier,
        cells: Cells,
        settings: TrainSettings,
        seed: int,
        run: Place | None,
        fabric: Fabric,
    ) -> None:
        self.classifier, self.cells, training = classifier, cells, cells.training
        self.settings, self.seed, self.run = settings, seed, run
        self.fabric = fabric
        network = classifier.channels_last("cpu")
        self.freezes = settings.freeze_early or training.early
        if self.freezes:
            for module in network.early_modules():
                module.requires_grad_(False)
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(
            weights, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.n_batches = settings.n_batches(len(training))
        self.n_epochs = settings.n_epochs(len(training))
        self.schedule = (
            torch.optim.lr_scheduler.OneCycleLR(
                self.optimiser,
                max_lr=settings.learning_rate,
                total_steps=self.n_batches * self.n_epochs,
            )
            if settings.schedule == "one-cycle"
            else None
        )
        self.average = (
            AveragedModel(
                network, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging), use_buffers=True
            )
            if settings.averaging
            else None
        )
        self.network, self.fabric_optimiser = self.fabric.setup(network, self.optimiser)
        self.network.mark_forward_method("finish")
        self.pattern_weights = _pattern_weights(training.labels, classifier, settings)
        self.mine = slice(fabric.global_rank, None, fabric.world_size)
        self.best: dict[str, Tensor] | None = None
        self.best_loss, self.waited = math.inf, 0
        self.epochs: list[Epoch] = []

    def go(self, progress: Progress) -> list[Epoch]:
        """Train to the end, from where an interrupted training was, and return the epochs."""
        self._resume()
        while not self._over():
            number = len(self.epochs) + 1
            started = time.perf_counter()
            gpus = [self.fabric.device] if self.fabric.device.type == "cuda" else []
            with torch.random.fork_rng(devices=gpus):
                # Dropout knows no other generator than the global one.
                rank = self.fabric.global_rank
                purpose = ("dropout", number, rank) if rank else ("dropout", number)
                torch.manual_seed(integer_seed(self.seed, *purpose))
                train_loss, train_accuracy = self._pass(number, progress)
            self._average_statistics()
            loss, accuracy = math.nan, math.nan
            if self.cells.validation is not None:
                loss, accuracy = self._validate(self.cells.validation)
            rate = self.optimiser.param_groups[0]["lr"]
            seconds = time.perf_counter() - started
            epoch = Epoch(number, train_loss, train_accuracy, loss, accuracy, rate, seconds)
            self._keep(epoch)
        if self.best is not None:
            self.classifier.network.load_state_dict(self.best)
        elif self.average is not None:
            self.classifier.network.load_state_dict(self.average.module.state_dict())
        self.classifier.network.requires_grad_(True).eval()
        return self.epochs

    def _over(self) -> bool:
        patience, n_steps = self.settings.patience, len(self.epochs) * self.n_batches
        waited = patience is not None and self.waited >= patience
        stops = waited and n_steps >= self.settings.min_steps
        return stops or len(self.epochs) >= self.n_epochs

    def _pass(self, number: int, progress: Progress) -> tuple[float, float]:
        settings, classifier = self.settings, self.classifier
        copies = settings.augmentation.n_copies
        training, rehearsed = self.cells.training, self.cells.rehearsed
        order = generator(self.seed, "epoch", number).permutation(len(training) * copies)
        random = torch.Generator().manual_seed(integer_seed(self.seed, "augment", number))
        joining = self._joining(number)
        self.network.train()
        if self.freezes:
            for module in classifier.network.early_modules():
                module.eval()
        total_loss, n_right, n_shown = 0.0, 0, 0
        for step, shown in enumerate(np.array_split(order, self.n_batches)):
            inputs, labels = self._inputs(training, shown, random)
            if rehearsed is not None:
                more, more_labels = self._inputs(rehearsed, joining[step], random)
                inputs = tuple(torch.cat(pair) for pair in zip(inputs, more, strict=True))
                labels = torch.cat([labels, more_labels])
            mine = tuple(each[self.mine] for each in inputs)
            # By itself Fabric lets `forward` compute in the chosen precision, but not `finish`.
            with self.fabric.autocast():
                output = _output(self.network, training, mine)
            loss = self._loss(output.logits, labels)
            for side in output.sides:
                loss = loss + classifier.network.side_weight * self._loss(side, labels)
            right = (output.logits.argmax(dim=1) == labels[self.mine]).sum()
            value, n_right_of_all = self._over_processes(loss.detach(), right)
            if not math.isfinite(value):
                raise TrainingError(
                    self.run or "training",
                    f"the loss became {value} in epoch {number}",
                    "lower learning_rate, or look for damaged cells with cellquery audit",
                )
            self.fabric_optimiser.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            self.fabric_optimiser.step()
            if self.schedule is not None:
                self.schedule.step()
            if self.average is not None:
                self.average.update_parameters(classifier.network)
            total_loss += value * len(labels)
            n_shown += len(labels)
            n_right += n_right_of_all
            done = (number - 1) * self.n_batches + step + 1
            progress("training", done, self.n_batches * self.n_epochs)
        return total_loss / n_shown, n_right / n_shown

    def _joining(self, number: int) -> list[NDArray[np.int64]]:
        """Return what joins each batch of an epoch: rehearsed cells, all equally often."""
        settings, cells = self.settings, self.cells.rehearsed
        if cells is None:
            return []
        copies = settings.augmentation.n_copies
        n_each = max(1, round(settings.rehearsal * settings.batch_size))
        random = generator(self.seed, "rehearsal", number)
        n_rounds = math.ceil(self.n_batches * n_each / (len(cells) * copies))
        order = np.concatenate([random.permutation(len(cells) * copies) for _ in range(n_rounds)])
        return np.split(order[: self.n_batches * n_each], self.n_batches)

    def _inputs(
        self, cells: LabelledCells | CachedCells, shown: NDArray[np.int64], random: torch.Generator
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return inputs and labels of a batch; `shown` numbers the copies of all cells."""
        augmentation, device = self.settings.augmentation, self.fabric.device
        inputs = _shown(self.classifier, cells, shown, augmentation, random, device)
        labels = cells.labels[shown // augmentation.n_copies]
        return inputs, torch.from_numpy(labels).to(device)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of this process's share of a batch, whose labels are all given."""
        weights, n_processes = self.pattern_weights.to(logits.device), self.fabric.world_size
        loss = F.cross_entropy(
            logits.float(),
            labels[self.mine],
            weight=weights,
            label_smoothing=self.settings.label_smoothing,
            reduction="mean" if n_processes == 1 else "sum",
        )
        # Gradients are averaged over processes: this makes that the mean over the whole batch.
        return loss if n_processes == 1 else loss * n_processes / weights[labels].sum()

    def _over_processes(self, loss: Tensor, n_right: Tensor) -> tuple[float, int]:
        """Return the mean of a loss and the sum of a count over the processes."""
        if self.fabric.world_size == 1:
            return float(loss), int(n_right)
        totals: Any = self.fabric.all_reduce(
            torch.stack([loss.double(), n_right.double()]), reduce_op="sum"
        )
        return float(totals[0]) / self.fabric.world_size, int(totals[1])

    @torch.no_grad()
    def _average_statistics(self) -> None:
        """Make what batch norm has seen the same in all processes, its mean over them."""
        if self.fabric.world_size == 1:
            return
        averaged = self.average.module.buffers() if self.average else ()
        for buffer in chain(self.classifier.network.buffers(), averaged):
            if buffer.is_floating_point():
                mean: Any = self.fabric.all_reduce(buffer, reduce_op="mean")
                buffer.copy_(mean)

    def _validate(self, cells: LabelledCells | CachedCells) -> tuple[float, float]:
        network: nn.Module = self.average.module if self.average else self.network
        mine = np.arange(len(cells))[self.mine]
        total, n_right = _judge(network.eval(), self.classifier, cells, mine, self.fabric.device)
        mean, n_right_of_all = self._over_processes(
            torch.tensor(total * self.fabric.world_size, dtype=torch.float64), torch.tensor(n_right)
        )
        loss, accuracy = mean / len(cells), n_right_of_all / len(cells)
        if loss < self.best_loss:
            self.best_loss, self.waited = loss, 0
            if self.settings.patience is not None:
                source = self.average.module if self.average else self.classifier.network
                self.best = {name: value.clone() for name, value in source.state_dict().items()}
        else:
            self.waited += 1
        return loss, accuracy

    def _keep(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)
        if self.run is None or not self.fabric.is_global_zero:
            return
        if not self._over():
            self._keep_state(self.run)
        _write_epochs(self.run, self.epochs)

    def _keep_state(self, run: Place) -> None:
        """Write what an interrupted training goes on from."""
        state = {
            "network": self.classifier.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else None,
            "average": self.average.state_dict() if self.average else None,
            "best": self.best,
            "best_loss": self.best_loss,
            "waited": self.waited,
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }
        with replacing(run / "state.pt") as file:
            torch.save(state, file)

    def _resume(self) -> None:
        if self.run is None or not (self.run / "state.pt").exists():
            return
        try:
            with on_disk(self.run / "state.pt") as file:
                state = torch.load(file, weights_only=True)
            self.classifier.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            if self.schedule:
                self.schedule.load_state_dict(state["schedule"])
            if self.average:
                self.average.load_state_dict(state["average"])
            self.best, self.best_loss = state["best"], state["best_loss"]
            self.waited = state["waited"]
            self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        except (KeyError, TypeError, ValueError, RuntimeError, EOFError) as error:
            raise TrainingError(
                self.run / "state.pt",
                f"cannot go on from it ({str(error).splitlines()[0]})",
                "remove this file alone to start the training anew",
            ) from error


def _learn_at_once(
    classifier: Classifier,
    cells: Cells,
    settings: TrainSettings,
    seed: int,
    run: Place | None,
    progress: Progress,
) -> list[Epoch]:
    """Teach a network that is not taught by gradient descent; it has one epoch."""
    started, spared_s = time.perf_counter(), Remembered.spared_s
    training, augmentation, cpu = cells.training, settings.augmentation, torch.device("cpu")
    network = classifier.channels_last(cpu).eval()
    random = torch.Generator().manual_seed(integer_seed(seed, "augment", 1))
    labels = np.repeat(training.labels, augmentation.n_copies)
    n, shares = len(labels), np.ones(len(labels), np.float32)
    if cells.rehearsed is not None:
        more = np.repeat(cells.rehearsed.labels, augmentation.n_copies)
        share = settings.rehearsal * n / len(more)
        labels = np.concatenate([labels, more])
        shares = np.concatenate([shares, np.full(len(more), share, np.float32)])

    def show(rows: NDArray[np.int64]) -> tuple[Tensor, ...]:
        parts = ((training, rows[rows < n]), (cells.rehearsed, rows[rows >= n] - n))
        shown = [
            _shown(classifier, each, some, augmentation, random, cpu)
            for each, some in parts
            if each is not None and len(some)
        ]
        return tuple(torch.cat(same) for same in zip(*shown, strict=True))

    with torch.no_grad():
        network.learn(
            show,
            labels,
            shares * _pattern_weights(training.labels, classifier, settings).numpy()[labels],
            seed=integer_seed(seed, "learn"),
            progress=progress,
        )
    learnt, learnt_spared_s = time.perf_counter(), Remembered.spared_s
    loss, accuracy = _means(network, classifier, training, cpu)
    if not math.isfinite(loss):
        raise TrainingError(
            run or "training",
            f"the loss became {loss}",
            "look for damaged cells with cellquery audit",
        )
    judged = (math.nan, math.nan)
    if cells.validation is not None:
        judged = _means(network, classifier, cells.validation, cpu)
    seconds = learnt - started + learnt_spared_s - spared_s
    epoch = Epoch(1, loss, accuracy, *judged, 0.0, seconds)
    if run is not None:
        _write_epochs(run, [epoch])
    return [epoch]


def _shown(
    classifier: Classifier,
    cells: LabelledCells | CachedCells,
    shown: NDArray[np.int64],
    augmentation: Augmentation,
    random: torch.Generator,
    device: torch.device,
) -> tuple[Tensor, ...]:
    """Return the network inputs of copies of cells, numbered a cell after the other."""
    copies = torch.from_numpy(shown % augmentation.n_copies)
    rows = shown // augmentation.n_copies
    return cells.inputs(classifier, rows, augmentation, copies, random, device)


def _output(
    network: nn.Module, cells: LabelledCells | CachedCells, inputs: tuple[Tensor, ...]
) -> NetworkOutput:
    forward: Any = network.finish if cells.early else network
    output: NetworkOutput = forward(*inputs)
    return output


def _judge(
    network: nn.Module,
    classifier: Classifier,
    cells: LabelledCells | CachedCells,
    chosen: NDArray[np.int64],
    device: torch.device,
) -> tuple[float, int]:
    """Return summed cross-entropy and number right of a network on chosen cells as they are."""
    random, total_loss, n_right = torch.Generator(), 0.0, 0
    with torch.no_grad():
        for start in range(0, len(chosen), FORWARD_CELLS):
            rows = chosen[start : start + FORWARD_CELLS]
            inputs = cells.inputs(classifier, rows, None, None, random, device)
            labels = torch.from_numpy(cells.labels[rows]).to(device)
            logits = _output(network, cells, inputs).logits
            total_loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            n_right += int((logits.argmax(dim=1) == labels).sum())
    return total_loss, n_right


def _means(
    network: nn.Module,
    classifier: Classifier,
    cells: LabelledCells | CachedCells,
    device: torch.device,
) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy of a network on all cells."""
    total, n_right = _judge(network, classifier, cells, np.arange(len(cells)), device)
    return total / len(cells), n_right / len(cells)


def _write_epochs(run: Place, epochs: list[Epoch]) -> None:
    lines = "".join(json.dumps(_finite(asdict(epoch))) + "\n" for epoch in epochs)
    with replacing(run / "epochs.jsonl") as file:
        file.write(lines.encode())


def _pattern_weights(
    labels: NDArray[np.int64], classifier: Classifier, settings: TrainSettings
) -> Tensor:
    n_patterns = len(classifier.patterns)
    if settings.class_weights == "none":
        return torch.ones(n_patterns)
    counts = np.bincount(labels, minlength=n_patterns)
    # Rehearsed cells may be of a pattern without labels, which then counts as one of even share.
    weights = np.where(counts > 0, len(labels) / (n_patterns * np.maximum(counts, 1)), 1.0)
    return torch.tensor(weights, dtype=torch.float32)


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN, which JSON has no word for, by null."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in record.items()
    }
