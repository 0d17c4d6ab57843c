"""The wording that every surface and every report carries."""

RESEARCH_USE_ONLY = "For Research Use Only. Not for use in diagnostic procedures."
