"""An office joined to a PBX that is played: keys, signed posts, and a server of the application."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.patience import is_listening, wait_until
from tests.serving.running import ROOT, environment

SECRET = "0f1e2d3c4b5a69788796"
Post = Callable[..., TestResponse]
_keys = itertools.count(1)


@pytest.fixture
def key() -> str:
    """A key of its own for each test, so that the shared request budget is not used up."""
    return f"a1b2c3d4e5f6071829{next(_keys):04}"


def connect(app: Flask, key: str) -> None:
    """Store the keys of an account."""
    services.save_keys(key, SECRET, app.extensions["vault"])
    db.session.commit()
    app.extensions["telephony_links"].forget()


@pytest.fixture
def connected(app: Flask, key: str) -> Iterator[Flask]:
    """The application with the keys of an account."""
    connect(app, key)
    yield app
    app.extensions["telephony_links"].forget()


def set_switches(app: Flask, **values: str) -> None:
    """Turn switches; this process sees it at once."""
    services.set_switches(values)
    db.session.commit()
    app.extensions["telephony_links"].forget()


@pytest.fixture
def responsible(app: Flask, bob: User) -> User:
    """Bob gets what belongs to nobody."""
    services.set_default_responsible(bob.id)
    db.session.commit()
    return bob


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
def web_socket(connected: Flask, tmp_path: Path) -> Iterator[Path]:
    """Gunicorn as we run it, on the database of the test; gives the socket that it listens on."""
    settings: Config = connected.extensions["settings"]
    path = tmp_path / "web.sock"
    given = environment(
        settings.data_dir,
        DATABASE_URL=settings.sqlalchemy_url, REDIS_URL=settings.redis_url,
        SECRET_KEY=settings.secret_keys[0], WEBHOOK_ALLOWED_NETWORKS="*", LOG_LEVEL="ERROR",
    )  # fmt: skip
    config = ROOT / "crm_app" / "serving" / "processes" / "gunicorn_conf.py"
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", str(config), "--bind", f"unix:{path}"],
        cwd=ROOT, env=given, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: is_listening(path), "the server does not answer", process=server)
        yield path
    finally:
        server.terminate()
        server.wait(60)


def wait_until_drained(app: Flask) -> None:
    """Wait until what the database could not take at once is taken in."""
    spool = app.extensions["webhook_receiver"].spool
    wait_until(lambda: not spool.is_in_use(), "the spool stays full", seconds=20)


@pytest.fixture
def served(connected: Flask) -> Iterator[str]:
    """The application behind a real server on this machine; gives its address."""
    server = make_server("127.0.0.1", 0, connected, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(60)
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


@pytest.fixture
def pbx(
    connected: Flask, served: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """A played PBX that the application asks, and that posts to it."""
    with Simulator(key, SECRET, f"{served}/zadarma") as simulator:
        use_api(connected, simulator.url, monkeypatch)
        yield simulator
        # What a test has left open would keep the last posts from being written before the next.
        db.session.rollback()
    assert not simulator.errors
