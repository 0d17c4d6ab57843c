from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from cellquery import __version__
from cellquery.core import RESEARCH_USE_ONLY, ProjectError
from cellquery.reports import Picture, render_page, write_page


def test_a_page_carries_the_wording_twice_the_version_and_its_provenance() -> None:
    page = render_page("base.html.j2", title="Cells", provenance={"seed": 7})
    assert page.count(RESEARCH_USE_ONLY) == 2
    assert f"cellquery {__version__}" in page
    assert re.search(r"seed</th><td>7</td>", page)


def test_a_page_escapes_whatever_it_is_given() -> None:
    page = render_page("base.html.j2", title="<script>x()</script>", provenance={"<b>": '"><img>'})
    assert "<script" not in page
    assert "<b>" not in page
    assert "<img>" not in page


def test_a_page_stands_alone_and_says_its_language_and_width() -> None:
    page = render_page("base.html.j2", title="Cells", provenance={})
    assert not re.search(r"https?://", page)
    assert '<html lang="en">' in page
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page


def test_a_page_that_lacks_something_its_template_needs_is_not_made() -> None:
    with pytest.raises(UndefinedError):
        render_page("training_report.html.j2", title="Cells", provenance={})


def test_a_picture_is_kept_inside_the_page() -> None:
    assert Picture(b"abc", "letters").uri == "data:image/png;base64,YWJj"
    assert Picture(b"abc", "letters", kind="svg").uri.startswith("data:image/svg+xml;base64,")


def test_a_page_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="file"):
        write_page(tmp_path / "file" / "page.html", "x")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_their_background_at_the_level_of_wcag_aa(theme: str) -> None:
    style = re.findall(
        r":root \{(.*?)\}", render_page("base.html.j2", title="", provenance={}), re.DOTALL
    )[theme == "dark"]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", style))
    for ink in ("ink", "soft", "accent"):
        for ground in ("paper", "panel"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, success criterion 1.4.3."""

    def luminance(colour: str) -> float:
        levels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
