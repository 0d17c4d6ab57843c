from __future__ import annotations

import pytest
import torch

from cellquery.training import Augmentation
from cellquery.training.augment import augment, dihedral, n_views


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def disc(side: int = 32) -> torch.Tensor:
    axis = torch.arange(side) - (side - 1) / 2
    return ((axis[:, None] ** 2 + axis[None, :] ** 2) < (side / 4) ** 2).float()[None, None]


def test_no_augmentation_changes_nothing() -> None:
    images = torch.rand(3, 1, 8, 8)
    assert torch.equal(augment(images, Augmentation(), random()), images)


def test_quarter_turns_show_only_the_eight_views() -> None:
    image = torch.rand(1, 1, 8, 8)
    views = [dihedral(image, view)[0] for view in range(8)]
    shown = augment(
        image.expand(64, 1, 8, 8), Augmentation(rotation="quarter-turns", flips=True), random()
    )
    found = {next(i for i, view in enumerate(views) if torch.equal(one, view)) for one in shown}
    assert found == set(range(8))


def test_twenty_steps_of_18_degrees_come_back_to_the_start() -> None:
    settings = Augmentation(rotation="steps-of-18")
    images = torch.rand(1, 1, 16, 16).expand(4, 1, 16, 16)
    turned = augment(images, settings, random(), torch.tensor([0, 5, 10, 15]))
    torch.testing.assert_close(turned[0], images[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(turned[2], images[0].rot90(2, (-2, -1)), atol=1e-5, rtol=0)
    quarter = {k: images[0].rot90(k, (-2, -1)) for k in (1, 3)}
    assert min(float((turned[1] - quarter[k]).abs().max()) for k in (1, 3)) < 1e-5
    assert settings.n_copies == 20


@pytest.mark.parametrize(
    "settings", [Augmentation(rotation="any", flips=True), Augmentation(rotation="steps-of-18")]
)
def test_a_disc_looks_alike_from_every_side(settings: Augmentation) -> None:
    images = disc().expand(10, 1, 32, 32)
    turned = augment(images, settings, random(), torch.arange(10))
    assert (turned - images).abs().mean() < 0.02


def test_scale_changes_size_within_its_range() -> None:
    images = disc(64).expand(200, 1, 64, 64)
    areas = augment(images, Augmentation(scale=0.2), random()).sum(dim=(1, 2, 3)) / images[0].sum()
    assert 0.8**2 * 0.97 < areas.min() < 0.75
    assert 1.35 < areas.max() < 1.2**2 * 1.03


def test_gamma_leaves_black_and_white_where_they_are() -> None:
    images = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3).expand(20, 1, 3, 3)
    varied = augment(images, Augmentation(gamma=0.5), random())
    assert torch.equal(varied[..., 0], images[..., 0])
    assert torch.equal(varied[..., 2], images[..., 2])
    assert varied[:, 0, 0, 1].std() > 0.05


def test_blur_smooths_and_keeps_the_mean() -> None:
    images = torch.zeros(6, 1, 31, 31)
    images[..., 15, 15] = 1.0
    blurred = augment(images, Augmentation(blur_px=2.0), random())
    torch.testing.assert_close(blurred.sum(dim=(1, 2, 3)), torch.ones(6), atol=1e-4, rtol=0)
    assert (blurred[..., 15, 15] < 0.95).any()


def test_the_generator_decides() -> None:
    images = torch.rand(5, 1, 16, 16)
    settings = Augmentation(rotation="any", flips=True, scale=0.1)
    first = augment(images, settings, random())
    assert torch.equal(first, augment(images, settings, random()))
    assert not torch.equal(first, augment(images, settings, torch.Generator().manual_seed(1)))


def test_noise_varies_with_the_cell_and_spares_the_mask() -> None:
    images = torch.full((400, 2, 16, 16), 0.5)
    noisy = augment(images, Augmentation(noise=0.2), random())
    spread = (noisy[:, 0] - 0.5).std(dim=(1, 2))
    assert 0.0 <= spread.min() < 0.02
    assert 0.18 < spread.max() < 0.24
    assert float((noisy[:, 0] - 0.5).mean().abs()) < 0.003
    assert torch.equal(noisy[:, 1], images[:, 1])
    assert n_views(Augmentation(noise=0.1)) is None
