"""One self-contained HTML page: no script, no outside file, readable on a phone and in the dark.

Every page extends ``templates/base.html.j2``, which holds the style, the research-use wording and
the table of provenance. Everything put into a page is escaped: class names and cell ids come from
other people's files.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from cellquery import __version__
from cellquery.core import RESEARCH_USE_ONLY
from cellquery.core.durable import make_folder, replacing
from cellquery.core.places import Place, path_or_url

if TYPE_CHECKING:
    from jinja2 import Environment

_MEDIA_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Picture:
    """A figure or a photograph, kept inside the page.

    Attributes
    ----------
    data : bytes
        The file's content.
    alt : str
        What the picture shows, for those who cannot see it.
    caption : str
        The line below the picture.
    kind : {"png", "svg"}
        The format of `data`.
    """

    data: bytes
    alt: str
    caption: str = ""
    kind: Literal["png", "svg"] = "png"

    @property
    def uri(self) -> str:
        """The content as a ``data:`` address, so that the page needs no other file."""
        return f"data:{_MEDIA_TYPES[self.kind]};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True)
class Table:
    """A table of text; columns after the first are aligned as numbers unless `text` names them.

    Attributes
    ----------
    head : sequence of str
        The column headings.
    rows : sequence of sequence of str
        One sequence a row, as long as `head`.
    caption : str
        What the table holds.
    text : sequence of int
        Positions of the columns, other than the first, that hold words.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    text: Sequence[int] = ()


@dataclass(frozen=True)
class Tile:
    """A headline figure: what it is, its value, and what is needed to read it rightly."""

    label: str
    value: str
    note: str = ""
    first: bool = False


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # autoescape for every template whatever its ending: "page.html.j2" does not end in .html
    environment = Environment(
        loader=PackageLoader("cellquery.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(notice=RESEARCH_USE_ONLY, version=__version__)
    return environment


def render_page(
    template: str, *, title: str, provenance: Mapping[str, object], **content: object
) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        A file of ``reports/templates`` that extends ``base.html.j2``.
    title : str
        The page's title.
    provenance : mapping of str to object
        What the page was made from: versions, seeds, dates, sources. It is printed as a table at
        the end, below the version of cellquery.
    **content : object
        What the template needs. A name that the template uses and is not given is an error.

    Examples
    --------
    >>> page = render_page("base.html.j2", title="<b>", provenance={"seed": 1})
    >>> "&lt;b&gt;" in page
    True
    """
    shown = {"cellquery": __version__} | {name: str(value) for name, value in provenance.items()}
    return _environment().get_template(template).render(title=title, provenance=shown, **content)


def write_page(path: str | Place, page: str) -> Place:
    """Write a page whole or not at all, and return its path.

    Raises
    ------
    ProjectError
        When the file cannot be written.
    """
    return write_whole(path, page.encode())


def write_whole(path: str | Place, content: bytes) -> Place:
    """Write a file whole or not at all, and return its path.

    Raises
    ------
    ProjectError
        When the file cannot be written.
    """
    path = path_or_url(path)
    make_folder(path.parent)
    with replacing(path) as file:
        file.write(content)
    return path
