"""A drawn figure with its alternative text, and the look that all figures share.

Figures are Matplotlib ``Figure`` objects made directly: pyplot keeps global state, which a web
server or a test run would share. They are about as wide as a phone's screen, so that their text
stays readable when the page scales them down.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellquery.core import RESEARCH_USE_ONLY, CellqueryError
from cellquery.core.places import Place, path_or_url
from cellquery.reports.page import Picture, write_whole

INK = "#1A1F26"
SOFT = "#4D5661"
GRID = "#DDE2E7"
WIDTH_IN = 5.0
_PNG_DPI = 200


@dataclass(frozen=True)
class Plate:
    """A figure and what it shows in words.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        The drawing.
    alt : str
        The alternative text, with the figure's main numbers.
    """

    figure: Figure
    alt: str

    def render(self, kind: Literal["svg", "png"] = "svg") -> bytes:
        """Return the drawing as a file's content; the same figure gives the same bytes."""
        buffer = io.BytesIO()
        # Text stays text (it can be searched and read aloud), and ids do not change by chance.
        with (
            rc_context({"svg.fonttype": "none", "svg.hashsalt": "cellquery"}),
            warnings.catch_warnings(),
        ):
            # A laboratory's own class may be in a script that DejaVu Sans lacks; the SVG still
            # shows it, by the browser's fonts.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            metadata = {"Title": self.alt} if kind == "png" else {"Date": None, "Creator": None}
            self.figure.savefig(buffer, format=kind, dpi=_PNG_DPI, metadata=metadata)
        return buffer.getvalue()

    def picture(self, caption: str = "", kind: Literal["svg", "png"] = "svg") -> Picture:
        """Return the drawing for a page."""
        return Picture(self.render(kind), self.alt, caption, kind)

    def save(self, path: str | Place) -> Place:
        """Write the drawing as SVG or PNG, by the ending of the path, and return the path.

        Raises
        ------
        CellqueryError
            When the ending is neither, or the file cannot be written.
        """
        path = path_or_url(path)
        kind = path.suffix.lower().removeprefix(".")
        if kind not in ("svg", "png"):
            fault = f"'{path.suffix}' is not a kind of picture that can be written"
            raise CellqueryError(path, fault, "let the name end in .png or .svg")
        return write_whole(path, self.render("svg" if kind == "svg" else "png"))


def new_figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """Return an empty figure that carries the research-use wording."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")
    figure.supxlabel(RESEARCH_USE_ONLY, fontsize=6.5, color=SOFT)
    return figure


def dress(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: str = "") -> Axes:
    """Give axes the common look: `grid` is "x", "y", "both" or empty."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SOFT)
    axes.tick_params(colors=INK, labelsize=9, color=SOFT)
    if title:
        axes.set_title(plain(title), fontsize=10.5, color=INK, loc="left")
    axes.set_xlabel(x, fontsize=9.5, color=INK)
    axes.set_ylabel(y, fontsize=9.5, color=INK)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
        axes.set_axisbelow(True)
    return axes


def plain(text: str) -> str:
    """Return text that Matplotlib draws as it is: names from files may hold dollar signs."""
    return text.replace("$", r"\$")


def percent(share: float) -> str:
    """Return a share of one as a percentage with one decimal: 0.978 is "97.8"."""
    return f"{100 * share:.1f}"
