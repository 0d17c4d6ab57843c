"""Cell records, readers of every layout, the image store, projects and splits."""

from cellquery.data.images import RawImage, grey, read_image, read_mask
from cellquery.data.importing import ImportSummary, import_cells
from cellquery.data.project import Project
from cellquery.data.records import MANIFEST_SCHEMA, SourceCell
from cellquery.data.splits import k_folds, random_split, specimen_folds, specimen_split
from cellquery.data.store import ImageStore

__all__ = [
    "MANIFEST_SCHEMA",
    "ImageStore",
    "ImportSummary",
    "Project",
    "RawImage",
    "SourceCell",
    "grey",
    "import_cells",
    "k_folds",
    "random_split",
    "read_image",
    "read_mask",
    "specimen_folds",
    "specimen_split",
]
