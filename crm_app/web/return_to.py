"""The page to return to after a button on it was pressed."""

from urllib.parse import urlsplit

from flask import has_request_context, request


def this_page() -> str:
    """Return the path and query of the request itself, as the browser knows them."""
    return request.script_root + request.full_path.rstrip("?")


def here(default: str) -> str:
    """Return the path and query of the page that the request came from, else `default`.

    Only a page of this host counts, so that nobody can be sent elsewhere.
    """
    parts = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if parts.netloc != request.host:
        return default
    return local(f"{parts.path}?{parts.query}" if parts.query else parts.path, default)


def local(path: str, default: str) -> str:
    """Return a path that was sent to us if it leads to a page of ours, else `default`."""
    # Browsers treat //host and /\host as another site.
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    # On a shared host, only addresses below our own path are ours.
    inside = path.partition("?")[0].partition("#")[0]
    root = request.script_root if has_request_context() else ""
    is_ours = is_local and (inside == root or inside.startswith(f"{root}/"))
    has_controls = any(ord(sign) < 32 for sign in path)
    return path if is_ours and not has_controls else default
