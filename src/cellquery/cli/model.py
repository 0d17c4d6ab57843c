"""`cellquery model`: the layers of a network, read off the real one."""

from __future__ import annotations

from typing import Annotated

import typer

from cellquery.cli.console import say
from cellquery.core.notice import RESEARCH_USE_ONLY
from cellquery.core.places import Place, path_or_url


def model(
    weights: Annotated[
        Place | None,
        typer.Argument(
            parser=path_or_url, help="A trained model.safetensors; none shows a fresh network."
        ),
    ] = None,
    network: Annotated[
        str, typer.Option(help="Kind of a fresh network; a wrong one lists them all.")
    ] = "parallel",
    n_patterns: Annotated[int, typer.Option("--patterns", help="Classes of a fresh network.")] = 6,
    n_channels: Annotated[int, typer.Option("--channels", help="Channels of a cell image.")] = 1,
    side_px: Annotated[int, typer.Option("--side", help="Side of the cell image in pixels.")] = 112,
    shortcut: Annotated[
        str | None,
        typer.Option(help="Where channels of branches change: projection or zero-padding."),
    ] = None,
) -> None:
    """Print the layers of a network: of the parallel one, Figure 5 of the paper.

    Example: cellquery model --patterns 5
    """
    from cellquery.core import SettingsError
    from cellquery.models import (
        Classifier,
        build_network,
        layer_table,
        network_options,
        side_fault,
    )
    from cellquery.models.layers import outside_torch

    if weights is None:
        options = network_options(network, {"shortcut": shortcut} if shortcut else {})
        if fault := side_fault(network, side_px):
            raise SettingsError("--side", fault, "choose another")
        shown = build_network(network, n_patterns, n_channels, options)
        title = f"{n_patterns} patterns"
    else:
        classifier = Classifier.load(weights)
        shown, side_px = classifier.network, classifier.inputs.side_px
        title = ", ".join(classifier.patterns)
    rows = layer_table(shown, side_px)
    say(f"{shown.title}, on {side_px} x {side_px} px")
    say(f"{'layer':<32}{'kind':<10}{'filter':<8}{'output':<16}{'parameters':>11}{'madds':>15}")
    for row in rows:
        output = " x ".join(map(str, (*row.output[1:], row.output[0])))
        say(
            f"{row.name:<32}{row.kind:<10}{row.kernel or '-':<8}{output:<16}"
            f"{row.n_parameters:>11,}{row.n_multiply_adds:>15,}"
        )
    if outside_torch(shown):
        say("features are computed outside torch and are not counted")
    n_multiply_adds = sum(row.n_multiply_adds for row in rows)
    say(f"{shown.n_parameters:,} parameters, {n_multiply_adds:,} multiply-adds a cell; {title}.")
    say(RESEARCH_USE_ONLY)
