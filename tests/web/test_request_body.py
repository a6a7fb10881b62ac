"""The body of a request: its size, its fields, and that nothing of the database waits for it."""

import io
import socket
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from sqlalchemy import event
from werkzeug.serving import make_server

from crm_app import create_app
from crm_app.accounts.models import User
from crm_app.config import Config
from crm_app.extensions import csrf, db
from crm_app.web.middleware import anonymous_forms, request_body
from crm_app.web.middleware.request_body import MOST_FIELDS, PAGE_BYTES, accepts_large_body
from tests.serving.wire import Line, form_head, status_of
from tests.signed_in import new_token

FILE_BYTES = 3 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"


class Watched(io.BytesIO):
    """A body that notes whether the database was asked before it was read to its end."""

    def __init__(self, body: bytes, asked: list[str]) -> None:
        super().__init__(body)
        self._asked = asked
        self.asked_before: list[str] = []

    def read(self, size: int | None = -1) -> bytes:
        self.asked_before = list(self._asked)
        return super().read(-1 if size is None else size)


@pytest.fixture
def asked(app: Flask) -> Iterator[list[str]]:
    """The statements that the database was asked, in their order."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield statements
    event.remove(db.engine, "before_cursor_execute", note)


def test_the_database_is_asked_after_the_body_is_there(
    app: Flask, bob: User, asked: list[str]
) -> None:
    db.session.commit()
    client = app.test_client(user=bob)
    asked.clear()
    body = Watched(b"name=Robert", asked)
    client.post("/account", input_stream=body, content_length=11, content_type=FORM)
    assert body.tell() == 11
    assert body.asked_before == []
    assert asked


@pytest.mark.parametrize("fields", [MOST_FIELDS, MOST_FIELDS + 1])
@pytest.mark.parametrize("is_multipart", [False, True])
def test_a_form_has_at_most_a_thousand_fields(
    visitor: FlaskClient, fields: int, is_multipart: bool
) -> None:
    data = {f"a{number}": "b" for number in range(fields)}
    kind = "multipart/form-data" if is_multipart else FORM
    answer = visitor.post("/login", data=data, content_type=kind)
    assert answer.status_code == (422 if fields == MOST_FIELDS else 413)


def test_a_form_of_empty_names_is_counted_as_well(visitor: FlaskClient) -> None:
    answer = visitor.post("/login", data=b"&" * PAGE_BYTES, content_type=FORM)
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=b", "text/plain", ""])
def test_a_page_takes_a_quarter_of_a_megabyte_whatever_it_is_called(
    app: Flask, bob: User, kind: str
) -> None:
    client = app.test_client(user=bob)
    answer = client.post("/account", data=b"a" * (PAGE_BYTES + 1), content_type=kind)
    assert answer.status_code == 413
    assert "too large" in answer.text
    assert client.post("/account", data=b"a" * PAGE_BYTES, content_type=kind).status_code != 413


@pytest.fixture
def filing(settings: Config) -> Iterator[Flask]:
    """An application with a view that takes files."""
    app = create_app(settings)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)

    @app.post("/a-file")
    @csrf.exempt
    @accepts_large_body(FILE_BYTES)
    def take_file() -> str:
        return " ".join(f"{name}={len(file.read())}" for name, file in request.files.items())

    yield app
    with app.app_context():
        db.engine.dispose()


def upload(size: int) -> bytes:
    """Write a form with a file of a size."""
    head = b'--b\r\nContent-Disposition: form-data; name="contacts"; filename="a.csv"\r\n\r\n'
    return head + b"a" * size + b"\r\n--b--\r\n"


def test_a_view_may_ask_for_more(app: Flask, filing: Flask, bob: User) -> None:
    client = filing.test_client()
    with client.session_transaction() as session:
        session.update({"_user_id": new_token(bob), "_fresh": True})
    kind = "multipart/form-data; boundary=b"
    answer = client.post("/a-file", data=upload(FILE_BYTES - 1000), content_type=kind)
    assert answer.text == f"contacts={FILE_BYTES - 1000}"
    answer = client.post("/a-file", data=upload(FILE_BYTES), content_type=kind)
    assert answer.status_code == 413
    # A form without a file is one, wherever it is sent.
    long = {"text": "a" * (PAGE_BYTES + 1)}
    assert client.post("/a-file", data=long).status_code == 413
    assert client.post("/a-file", data=long, content_type="multipart/form-data").status_code == 413


def test_a_strangers_file_is_refused_before_it_is_read(app: Flask, filing: Flask) -> None:
    body = Watched(b"a" * FILE_BYTES, [])
    answer = filing.test_client().post("/a-file", input_stream=body, content_length=FILE_BYTES)
    assert (answer.status_code, body.tell()) == (413, 0)


@pytest.fixture
def developing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The application behind the server of `flask run`, with little patience; gives its port."""
    monkeypatch.setitem(app.config, "BODY_SECONDS", 0.3)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(60)
    server.server_close()


@pytest.mark.parametrize("path", ["/login", "/zadarma", "/contacts"])
def test_the_server_for_developing_gives_a_stalled_body_up_as_well(
    developing: int, path: str
) -> None:
    with Line(socket.create_connection(("127.0.0.1", developing), timeout=30)) as line:
        line.say(form_head(path, 500) + b"text=")
        assert status_of(line.hear()) == 408
    with Line(socket.create_connection(("127.0.0.1", developing), timeout=30)) as line:
        line.say(form_head(path, 500))
        assert status_of(line.drip(b"a" * 400, 0.05)) == 408


def test_no_view_of_ours_reads_a_body_by_another_way(app: Flask) -> None:
    views = app.view_functions.items()
    own = {name for name, view in views if request_body.receives_by_itself(view)}
    assert own == {"zadarma.receive"}
    hooks = [hook.__name__ for hook in app.before_request_funcs[None]]
    assert hooks[hooks.index("take_in") :][1] == "require_sign_in"


def test_a_strangers_forms_are_counted_before_they_are_read(
    visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anonymous_forms, "PER_NETWORK", RateLimitItemPerMinute(2, 1, "few-forms"))
    for path in ("/login", "/invitation/x"):
        assert visitor.post(path, data={"email": "a"}).status_code in {410, 422}
    body = Watched(b"email=a", [])
    answer = visitor.post("/reset/x", input_stream=body, content_length=7, content_type=FORM)
    assert (answer.status_code, body.tell()) == (429, 0)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    elsewhere = visitor.post("/login", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert elsewhere.status_code == 422
    assert visitor.get("/login").status_code == 200


def test_the_pbx_and_people_who_are_signed_in_are_not_counted_as_strangers(
    app: Flask, visitor: FlaskClient, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anonymous_forms, "PER_NETWORK", RateLimitItemPerMinute(1, 1, "no-forms"))
    for _ in range(3):
        assert visitor.post("/zadarma", data={"event": "x"}).status_code == 403
        assert app.test_client(user=bob).post("/account").status_code != 429
