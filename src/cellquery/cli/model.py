"""`cellquery model`: the layer table of Figure 5, read off the real network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellquery.cli.console import say
from cellquery.core.notice import RESEARCH_USE_ONLY


def model(
    weights: Annotated[
        Path | None, typer.Argument(help="A trained model.safetensors; none shows a fresh network.")
    ] = None,
    n_patterns: Annotated[int, typer.Option("--patterns", help="Classes of a fresh network.")] = 6,
    n_channels: Annotated[int, typer.Option("--channels", help="Channels of a cell image.")] = 1,
    shortcut: Annotated[
        str, typer.Option(help="Where channels change: projection or zero-padding.")
    ] = "projection",
) -> None:
    """Print the layers of the parallel residual network (Figure 5 of the paper).

    Example: cellquery model --patterns 5
    """
    from cellquery.core import SettingsError
    from cellquery.models import Classifier, ParallelResNet, layer_table

    if shortcut not in ("projection", "zero-padding"):
        raise SettingsError("--shortcut", f"'{shortcut}' is not known", "projection, zero-padding")
    side_px, title = 112, f"{n_patterns} patterns"
    if weights is None:
        network = ParallelResNet(n_patterns, n_channels, shortcut)  # type: ignore[arg-type]
    else:
        classifier = Classifier.load(weights)
        network, side_px = classifier.network, classifier.inputs.side_px
        title = ", ".join(classifier.patterns)
    rows = layer_table(network, side_px)
    say(f"{'layer':<32}{'kind':<10}{'filter':<8}{'output':<16}{'parameters':>11}{'madds':>13}")
    for row in rows:
        output = " x ".join(map(str, (*row.output[1:], row.output[0])))
        say(
            f"{row.name:<32}{row.kind:<10}{row.kernel or '-':<8}{output:<16}"
            f"{row.n_parameters:>11,}{row.n_multiply_adds:>13,}"
        )
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    n_multiply_adds = sum(row.n_multiply_adds for row in rows)
    say(f"{n_parameters:,} parameters, {n_multiply_adds:,} multiply-adds a cell; {title}.")
    say(RESEARCH_USE_ONLY)
