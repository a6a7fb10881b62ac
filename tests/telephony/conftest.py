"""An office joined to a PBX that is played: keys, signed posts, and a server of the application."""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from crm_app import clock
from crm_app.config import Config
from crm_app.telephony import services
from crm_app.telephony.zadarma.signing import sign_webhook

SECRET = "0f1e2d3c4b5a69788796"
Post = Callable[..., TestResponse]
_keys = itertools.count(1)


@pytest.fixture
def key() -> str:
    """A key of its own for each test, so that the shared request budget is not used up."""
    return f"a1b2c3d4e5f6071829{next(_keys):04}"


@pytest.fixture
def connected(app: Flask, key: str) -> Iterator[Flask]:
    """The application with the keys of an account."""
    services.save_keys(key, SECRET, app.extensions["vault"])
    app.extensions["telephony_links"].forget()
    yield app
    app.extensions["telephony_links"].forget()


@pytest.fixture
def post(connected: Flask, visitor: FlaskClient) -> Post:
    """Post a notification as the PBX does, signed unless another signature is given."""

    def send(
        fields: Mapping[str, str], *, signature: str | None = "", path: str = "/zadarma"
    ) -> TestResponse:
        headers = {}
        if signature is not None:
            headers["Signature"] = signature or sign_webhook(fields, SECRET)
        return visitor.post(
            path,
            data=urlencode(fields, errors="surrogatepass"),
            headers=headers,
            content_type="application/x-www-form-urlencoded",
        )

    return send


@pytest.fixture
def served(connected: Flask) -> Iterator[str]:
    """The application behind a real server on this machine; gives its address."""
    server = make_server("127.0.0.1", 0, connected, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def start_fields(**changes: str) -> dict[str, str]:
    """Give the fields of a NOTIFY_START of this moment."""
    return {
        "event": "NOTIFY_START",
        "call_start": clock.now().strftime("%Y-%m-%d %H:%M:%S"),
        "pbx_call_id": "in_" + "6f1d" * 10,
        "caller_id": "+351910000042",
        "called_did": "351210000001",
    } | changes


def use_api(app: Flask, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the application ask another API."""
    settings: Config = app.extensions["settings"]
    changed = settings.model_copy(update={"zadarma_api_url": url})
    monkeypatch.setitem(app.extensions, "settings", changed)
