"""Ramal below a path of its host: PUBLIC_URL=https://office.example/crm."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask

from crm_app.errors import ConfigError


class Mount:
    """Tells the application its public path, whether or not its proxy strips that path.

    Some proxies strip the path before they forward a request, others keep it; both work.
    """

    def __init__(self, app: Any, path: str) -> None:
        """Wrap a WSGI application; `path` is as PUBLIC_URL writes it, "" for none."""
        self._app = app
        # As WSGI encodes paths: percent-decoded, one character per byte.
        self._path = unquote(path, "latin-1")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        inside = environ.get("PATH_INFO", "")
        if inside == self._path or inside.startswith(f"{self._path}/"):
            inside = inside.removeprefix(self._path)
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = self._path, inside or "/"
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer


def register(app: Flask, public_url: str) -> None:
    """Keep an application and its addresses below the path of its public address.

    Raises ConfigError when a page of ours has that path, since nobody could tell them apart.
    """
    path = urlsplit(public_url).path.rstrip("/")
    if not path:
        return
    for rule in app.url_map.iter_rules():
        if f"{rule.rule}/".startswith(f"{path}/"):
            raise ConfigError(f"PUBLIC_URL: {path} is a page of Ramal itself; choose another path")
    app.config["APPLICATION_ROOT"] = path
    app.wsgi_app = Mount(app.wsgi_app, path)  # type: ignore[method-assign]
