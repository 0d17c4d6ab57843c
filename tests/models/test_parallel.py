from __future__ import annotations

import pytest
import torch

from cellquery.core import SettingsError
from cellquery.models import ParallelResNet, ResidualBlock, layer_table


def n_parameters(network: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())


def test_parameter_counts_are_those_of_figure_5() -> None:
    assert n_parameters(ParallelResNet(6)) == 391_750
    assert n_parameters(ParallelResNet(6, shortcut="zero-padding")) == 379_462
    assert n_parameters(ParallelResNet(5)) == 391_750 - 129


def test_logits_and_embedding_come_out() -> None:
    band = torch.rand(3, 2, 56, 56)
    logits, embedding, sides = ParallelResNet(4, n_channels=2)(band, band)
    assert logits.shape == (3, 4)
    assert embedding.shape == (3, 128)
    assert (embedding >= 0).all()
    assert sides == ()


def test_layers_have_the_sizes_of_figure_5() -> None:
    rows = {row.name: row for row in layer_table(ParallelResNet(5))}
    expected = {
        "approximation.early.0": (32, 56, 56),
        "approximation.early.1": (32, 28, 28),
        "details.early.2.conv2": (32, 28, 28),
        "details.early.3": (32, 14, 14),
        "approximation.late.conv2": (64, 14, 14),
        "fusion": (64, 14, 14),
        "late.conv2": (128, 14, 14),
        "norm": (128, 14, 14),
        "head": (5,),
    }
    assert {name: rows[name].output for name in expected} == expected
    assert sum(row.n_parameters for row in rows.values()) == n_parameters(ParallelResNet(5))


def test_table_leaves_the_network_as_it_was() -> None:
    network = ParallelResNet(3).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    layer_table(network)
    assert network.training
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_early_and_finish_together_are_the_network() -> None:
    network = ParallelResNet(6).eval()
    first, second = torch.rand(2, 1, 56, 56), torch.rand(2, 1, 56, 56)
    torch.testing.assert_close(
        network.finish(*network.early(first, second)).logits, network(first, second).logits
    )


def test_both_inputs_reach_the_logits() -> None:
    network = ParallelResNet(6).eval()
    bands = [torch.rand(1, 1, 56, 56, requires_grad=True) for _ in range(2)]
    network(*bands).logits.sum().backward()
    for band in bands:
        assert band.grad is not None
        assert band.grad.abs().sum() > 0


@pytest.mark.parametrize("shortcut", ["projection", "zero-padding"])
def test_a_block_whose_convolutions_are_zero_is_its_shortcut(shortcut: str) -> None:
    block = ResidualBlock(3, 5, shortcut)  # type: ignore[arg-type]
    torch.nn.init.zeros_(block.conv2.weight)
    features = torch.rand(2, 3, 4, 4)
    output = block(features)
    if shortcut == "projection":
        assert block.projection is not None
        torch.testing.assert_close(output, block.projection(features))
    else:
        torch.testing.assert_close(output[:, :3], features)
        assert not output[:, 3:].any()


@pytest.mark.parametrize(("n_patterns", "n_channels"), [(1, 1), (6, 0)])
def test_a_network_without_a_choice_or_an_input_is_refused(
    n_patterns: int, n_channels: int
) -> None:
    with pytest.raises(SettingsError, match="at least two patterns"):
        ParallelResNet(n_patterns, n_channels)
