"""A modern backbone as it was learnt elsewhere, and a linear head on its features."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from cellquery.core import Progress, SettingsError, WeightsError
from cellquery.models.extras import optional
from cellquery.models.gathering import gathered
from cellquery.models.linear import set_linear
from cellquery.models.logistic import learn_logistic
from cellquery.models.network import Network, NetworkOutput, Show
from cellquery.models.pretrained import RANDOM, PretrainedOptions, pretrained_state
from cellquery.models.remembered import Remembered
from cellquery.models.weights import load_state
from cellquery.wavelets import InputSettings

_remembered = Remembered(room_mb=200)


class FrozenOptions(PretrainedOptions):
    """Options of `FrozenBackbone`.

    Attributes
    ----------
    architecture : str
        The name of a model in timm, with the tag of its weights.
    weights : str
        ``published``: those that timm has for this name; ``random``: none; else a local file, as
        for `PretrainedOptions`.
    side_px : int
        Cells are stretched to squares of this side, which the architecture must take: for a
        vision transformer a multiple of its patch.
    c : float or None
        The inverse of the penalty on the head's weights; None chooses it by cross-validation.
    """

    published: ClassVar[str] = "published"

    # Not timm's "hf-hub:NAME" and the like: reading a file of weights must not lead elsewhere.
    architecture: str = Field(default="vit_small_patch14_dinov2.lvd142m", pattern=r"^[\w.-]+$")
    weights: str = "published"
    side_px: int = Field(default=224, ge=16, le=1024)
    c: float | None = Field(default=None, gt=0, le=1e6)


class FrozenBackbone(Network):
    """Features of a frozen backbone from timm and logistic regression on them.

    The default is the small vision transformer of DINOv2, learnt without labels. The backbone sees
    the grey level alone, brought to the mean and standard deviation of its own training images;
    its first layer has one channel of weights, as timm sums them over the colours. A mask channel
    is not used. Nothing of the backbone is trained: augmentation gives more cells to the head, and
    ``views`` averages over turned cells. The embedding is the backbone's pooled feature.

    References
    ----------
    Oquab et al. 2024, DINOv2, arXiv:2304.07193; Wightman, timm, doi:10.5281/zenodo.4414861.
    """

    name = "frozen-backbone"
    title = "Frozen backbone of timm, linear head"
    Options = FrozenOptions
    learns_at_once = True

    head: nn.Linear

    def __init__(self, n_patterns: int, n_channels: int, options: FrozenOptions) -> None:
        super().__init__(n_patterns, n_channels)
        self.options = options
        self.body, self.n_embedding = _backbone(options)
        self.body.requires_grad_(False)
        configuration = self.body.pretrained_cfg
        self.grey_mean = float(np.mean(configuration["mean"]))
        self.grey_std = float(np.mean(configuration["std"]))
        self.head = nn.Linear(self.n_embedding, n_patterns)
        self._digest: bytes | None = None
        # Not of this one alone: a copy keeps the hook and is handed to it.
        self.register_load_state_dict_post_hook(lambda loaded, _: loaded._forget())

    @classmethod
    def build(cls, n_patterns: int, n_channels: int, options: Any) -> Self:
        """Return a backbone of random weights."""
        return cls(n_patterns, n_channels, options)

    def start(self, options: FrozenOptions) -> None:
        """Load the weights that options name into the backbone."""
        if options.weights == RANDOM:
            return
        what = f"weights of {options.architecture}"
        state = pretrained_state(options, lambda: _published(options), what)
        if options.sha256 is not None:
            state = _fitted(options, state)
        load_state(self.body, state, what if options.sha256 is None else options.weights)
        self._forget()

    def inputs(self, images: Tensor, settings: InputSettings) -> tuple[Tensor, ...]:
        """Return the grey levels as the backbone's own training images have them."""
        grey = images[:, :1]
        if settings.normalisation != "dataset":  # which has such ones already
            grey = (grey - self.grey_mean) / self.grey_std
        return (grey,)

    def finish(self, *features: Tensor) -> NetworkOutput:
        """Return logits and the backbone's features of grey images."""
        (images,) = features
        if torch.compiler.is_exporting():  # to ONNX, where nothing is remembered
            embedding = self._pooled(images)
        else:
            embedding = torch.from_numpy(np.stack(self._features(images))).to(images.device)
        return NetworkOutput(self.head(embedding), embedding)

    def _features(self, images: Tensor) -> list[NDArray[np.floating]]:
        return _remembered(images, lambda rows: self._computed(images[rows]), self._maker())

    def _computed(self, images: Tensor) -> NDArray[np.float32]:
        return self._pooled(images).float().cpu().numpy()

    def _pooled(self, images: Tensor) -> Tensor:
        side = self.options.side_px
        stretched = F.interpolate(images, (side, side), mode="bicubic", align_corners=False)
        pooled: Tensor = self.body.eval()(stretched)
        return pooled

    def _maker(self) -> bytes:
        """Return the digest of the backbone's weights."""
        if self._digest is None:
            digest = blake2b(repr(self.options).encode(), digest_size=16)
            for name, value in sorted(self.body.state_dict().items()):
                digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
            self._digest = digest.digest()
        return self._digest

    def _forget(self) -> None:
        self._digest = None

    def learn(
        self,
        show: Show,
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        *,
        seed: int,
        progress: Progress,
    ) -> None:
        """Learn the head from the features of the training cells."""
        embeddings = np.stack(gathered(show, len(labels), self._features, progress))
        set_linear(
            self.head,
            *learn_logistic(
                embeddings,
                labels,
                weights,
                n_patterns=self.n_patterns,
                c=self.options.c,
                seed=seed,
            ),
        )


def _backbone(options: FrozenOptions) -> tuple[Any, int]:
    """Return timm's module of random weights, for one channel, and its number of features."""
    try:
        made = _made(options).eval()
        # Some architectures find out only here which sides they do not take.
        with torch.no_grad():
            (pooled,) = made(torch.zeros(1, 1, options.side_px, options.side_px))
        return made, len(pooled)
    except (AttributeError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise SettingsError(
            f"network {FrozenBackbone.name}",
            f"timm cannot make '{options.architecture}' for {options.side_px} px ({_line(error)})",
            "choose one of timm.list_models() and a side that it takes",
        ) from error


def _made(options: FrozenOptions, **more: Any) -> Any:
    timm = optional("timm")
    known = timm.get_pretrained_cfg(options.architecture)
    if known is not None and known.fixed_input_size:
        more["img_size"] = options.side_px
    return timm.create_model(options.architecture, in_chans=1, num_classes=0, **more)


def _published(options: FrozenOptions) -> dict[str, Tensor]:
    return _loaded(options, {})


def _fitted(options: FrozenOptions, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of a file as timm fits them to one channel and to the positions of a side."""
    try:
        return _loaded(options, {"pretrained_cfg_overlay": {"state_dict": state}})
    except (AssertionError, KeyError, RuntimeError, ValueError) as error:
        raise WeightsError(
            options.weights,
            f"does not fit {options.architecture} ({_line(error)})",
            "name the architecture that it is of",
        ) from error


def _loaded(options: FrozenOptions, more: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights of a backbone that timm has loaded.

    Raises
    ------
    RuntimeError
        When a layer was left at random, which timm allows where the last layer is cut off. Two
        random beginnings tell: what was loaded is the same after both.
    """
    states = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            states.append(_made(options, pretrained=True, **more).state_dict())
    left = [name for name, value in states[0].items() if not torch.equal(value, states[1][name])]
    if left:
        raise RuntimeError(f"it has nothing for {left[0]}")
    return states[0]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
