"""Where the user is: the page to go back to after a button on it was pressed."""

from urllib.parse import urlsplit

from flask import request


def here(default: str) -> str:
    """Give the path and query of the page that the request came from, else `default`.

    Only a page of this host counts, so that nobody can be sent elsewhere.
    """
    came_from = request.headers.get("HX-Current-URL") or request.referrer or ""
    parts = urlsplit(came_from)
    is_ours = parts.netloc == request.host and parts.path.startswith("/")
    if not is_ours or parts.path.startswith("//") or "\\" in parts.path:
        return default
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
