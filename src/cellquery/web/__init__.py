"""The annotation app: an app factory, routes that translate HTTP to one call, the built page."""

from cellquery.web.app import create_app

__all__ = ["create_app"]
