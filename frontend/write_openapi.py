"""Writes openapi.json, from which the page's typed client is generated; run by `make page`."""

import json
from pathlib import Path

from cellquery.web.app import openapi

text = json.dumps(openapi(), indent=1, sort_keys=True) + "\n"
Path(__file__).with_name("openapi.json").write_text(text, encoding="utf-8")
