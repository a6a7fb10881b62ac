"""What comes in at the door: in time, within its size, and never read for nothing."""

import runpy
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from crm_app import create_app
from crm_app.accounts.models import User
from crm_app.config import Config
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.web.middleware.request_body import PAGE_BYTES
from tests.serving.impatient import BODY_SECONDS, FILE_BYTES
from tests.serving.running import ROOT
from tests.serving.wire import FORM, Line, Server, form_head, head_of, serving, status_of
from tests.signed_in import cookie_of

pytestmark = pytest.mark.processes
MEGABYTE = 1024 * 1024
HUGE = 40 * MEGABYTE
# What the system itself keeps of a connection on both sides, whatever the server reads.
BUFFERED = 12 * MEGABYTE
PAUSE_SECONDS = BODY_SECONDS / 10
# What a slow machine may take for the part of a body that does come.
PATIENT_SECONDS = 3.0


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, bus_url: str) -> Config:
    """An office on SQLite in which Bob has an account."""
    settings = Config(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path_factory.mktemp("office"),
        secret_key="a key for the tests that is long enough",
        redis_url=bus_url,
    )
    with create_app(settings).app_context():
        db.create_all()
        make_user("Bob")
        db.session.commit()
        db.engine.dispose()
    return settings


@pytest.fixture(scope="module")
def server(office: Config) -> Iterator[Server]:
    """The server that an office runs, with little patience."""
    with serving(office, "tests.serving.impatient:make_app()", "--keep-alive", "1") as running:
        yield running


@pytest.fixture(scope="module")
def patient(office: Config) -> Iterator[Server]:
    """The same with more patience, for bodies that come at once."""
    module = f"tests.serving.impatient:make_app({PATIENT_SECONDS})"
    with serving(office, module, "--keep-alive", "1") as running:
        yield running


@pytest.fixture(scope="module")
def cookie(office: Config) -> str:
    """The session cookie of Bob."""
    app = create_app(office)
    with app.app_context():
        made = cookie_of(app, db.session.query(User).one())
        db.session.remove()
        db.engine.dispose()
        return made


def chunked_head(path: str, cookie: str = "") -> bytes:
    """Write the head of a form that does not say how long it is."""
    return head_of("POST", path, FORM, "Transfer-Encoding: chunked", cookie=cookie)


def file_head(length: int, cookie: str = "") -> bytes:
    """Write the head of a file."""
    kind = "Content-Type: application/octet-stream"
    told = (kind, f"Content-Length: {length}", "Connection: close")
    return head_of("POST", "/a-file", *told, cookie=cookie)


def chunk(data: bytes) -> bytes:
    """Write one piece of such a form."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def asked_beside(server: Server) -> float:
    """Ask whether the server lives, and give the seconds that the answer took."""
    began = time.monotonic()
    assert status_of(server.ask(b"GET /healthz HTTP/1.0\r\n\r\n")) == 200
    return time.monotonic() - began


@pytest.mark.parametrize("path", ["/login", "/setup/x", "/contacts", "/nowhere", "/static/x"])
@pytest.mark.parametrize("writing", [form_head("{}", 500), chunked_head("{}")])
def test_a_body_that_stalls_is_given_up_and_its_connection_closed(
    server: Server, path: str, writing: bytes
) -> None:
    with server.connect() as line:
        line.say(writing.replace(b"{}", path.encode()))
        answer = line.rest()
    assert status_of(answer) == 408
    assert b"\r\nConnection: close\r\n" in answer


def test_a_body_that_drips_does_not_get_more_time_with_each_byte(server: Server) -> None:
    with server.connect() as line:
        line.say(form_head("/login", 500))
        assert status_of(line.drip(b"a" * 400, PAUSE_SECONDS)) == 408
    with server.connect() as line:
        line.say(chunked_head("/login"))
        assert status_of(line.drip(chunk(b"a") * 400, PAUSE_SECONDS)) == 408


@pytest.mark.parametrize("said", [b"", b"POST /login HT", b"POST /login HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_stalls_is_hung_up_on(server: Server, said: bytes) -> None:
    with server.connect() as line:
        line.say(said)
        assert line.rest() == b""


def test_a_head_that_drips_is_hung_up_on(server: Server) -> None:
    with server.connect() as line:
        line.say(b"GET /login HTTP/1.1\r\nX-Long: ")
        assert line.drip(b"a" * 400, PAUSE_SECONDS) == b""


def test_a_body_that_breaks_off_is_refused(patient: Server) -> None:
    cut = [form_head("/login", 50) + b"email=bob", chunked_head("/login") + b"50\r\nemail=bob"]
    for said in cut:
        with patient.connect() as line:
            line.say(said)
            line.end()
            assert status_of(line.rest()) == 400


def test_no_page_is_drawn_for_a_sender_that_has_gone(patient: Server) -> None:
    with patient.connect() as line:
        line.say(form_head("/login", 50) + b"email=bob")
        line.end()
        head, _, page = line.rest().partition(b"\r\n\r\n")
    assert (status_of(head), page) == (400, b"")


@pytest.mark.parametrize(
    "told",
    [
        ["Content-Length: abc"],
        ["Content-Length: -5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip"],
        ["Content-Length: 99999999999999999999"],
    ],
)
def test_a_length_that_makes_no_sense_is_refused_at_once(patient: Server, told: list[str]) -> None:
    began = time.monotonic()
    with patient.connect() as line:
        line.say(head_of("POST", "/login", FORM, *told) + b"email")
        assert status_of(line.rest()) in {400, 413}
    assert time.monotonic() - began < 5
    assert asked_beside(patient) < 5


def test_a_chunk_that_makes_no_sense_is_refused_at_once(patient: Server) -> None:
    for broken in (b"zz\r\n", b"-1\r\na\r\n", b"5\r\nabcdefgh\r\n", b"5;" + b"x" * 9_000):
        with patient.connect() as line:
            line.say(chunked_head("/login") + broken)
            assert status_of(line.rest()) == 400


def test_a_sender_that_asks_first_is_asked_for_a_form_and_not_for_too_much(
    server: Server, patient: Server
) -> None:
    with patient.connect() as line:
        line.say(form_head("/login", HUGE, "Expect: 100-continue"))
        assert status_of(line.rest()) == 413
    body = b"email=bob"
    with patient.connect() as line:
        line.say(form_head("/nowhere", len(body), "Expect: 100-continue"))
        assert line.hear() == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.say(body)
        assert status_of(line.hear()) == 404
    with server.connect() as line:
        line.say(form_head("/nowhere", len(body), "Expect: 100-continue"))
        assert line.rest().count(b"408") >= 1


@pytest.mark.parametrize("path", ["/login", "/zadarma", "/a-file", "/contacts", "/nowhere"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_not_read_to_its_end(
    patient: Server, path: str, is_chunked: bool
) -> None:
    with patient.connect() as line:
        line.say(chunked_head(path) if is_chunked else form_head(path, HUGE))
        sent = pour(line, is_chunked)
        answer = line.rest()
    assert sent < BUFFERED
    assert status_of(answer) == 413
    assert b"\r\nConnection: close\r\n" in answer


def pour(line: Line, is_chunked: bool) -> int:
    """Send as much as the server takes, forty megabytes at most; gives how much that was."""
    piece = b"a" * 65536
    said = chunk(piece) if is_chunked else piece
    sent = 0
    with suppress(OSError):
        while sent < HUGE:
            line.say(said)
            sent += len(piece)
    return sent


def test_what_is_a_little_too_large_is_answered_to_somebody_who_reads_only_then(
    patient: Server,
) -> None:
    body = b"a" * (PAGE_BYTES + 1)
    assert status_of(patient.ask(form_head("/login", len(body)) + body)) == 413
    chunks = chunk(body) + b"0\r\n\r\n"
    assert status_of(patient.ask(chunked_head("/login") + chunks)) == 413


FIELDS = b"&".join(b"a%d" % number for number in range(300_000))[:2_000_000]
FLOODS = {
    "fields": form_head("/login", len(FIELDS)) + FIELDS,
    "as many fields as fit": form_head("/login", PAGE_BYTES) + FIELDS[:PAGE_BYTES],
    "chunks of a byte": chunked_head("/login") + chunk(b"a") * PAGE_BYTES * 2,
    "chunks with remarks": chunked_head("/login") + (b"1;" + b"x=y;" * 500 + b"x\r\na\r\n") * 9000,
    "parts": head_of(
        "POST", "/login", "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {PAGE_BYTES}",
    ) + (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 9_000)[:PAGE_BYTES],
    "megabytes": form_head("/login", HUGE) + b"a" * HUGE,
    "megabytes in chunks": chunked_head("/login") + chunk(b"a" * 65536) * 640,
    "megabytes with a page": head_of("GET", "/login", f"Content-Length: {HUGE}") + b"a" * HUGE,
}  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
def test_the_server_answers_others_while_four_floods_come_in(
    server: Server, patient: Server, flood: str
) -> None:
    # Many small chunks would keep a patient server busy for long.
    flooded = server if "chunks" in flood else patient
    answers: list[bytes] = []

    def attack() -> None:
        with flooded.connect() as line, suppress(OSError):
            with suppress(OSError):
                line.say(FLOODS[flood])
            answers.append(line.rest())

    threads = [threading.Thread(target=attack) for _ in range(4)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads):
        waits.append(asked_beside(flooded))
    for thread in threads:
        thread.join()
    # Something else may keep the machine busy, but not again and again.
    assert statistics.median(waits or [0]) < 1
    assert max(waits, default=0) < 5
    # What comes in many small chunks may take longer than this server waits.
    expected = {200} if "page" in flood else {413, 408} if "chunks" in flood else {413}
    assert {status_of(answer) for answer in answers if answer} <= expected


def test_a_file_may_take_long_as_long_as_it_keeps_coming(patient: Server, cookie: str) -> None:
    # Four times as much as is wanted, for more than twice as long as a form may take.
    pause = PATIENT_SECONDS / 10
    piece, pieces = b"a" * round(40_000 * pause), 25
    began = time.monotonic()
    with patient.connect() as line:
        line.say(file_head(len(piece) * pieces, cookie))
        for _ in range(pieces):
            with pytest.raises(TimeoutError):
                line.hear(pause)
            line.say(piece)
        answer = line.rest()
    assert time.monotonic() - began > 2 * PATIENT_SECONDS
    assert answer.endswith(b"%d bytes" % (len(piece) * pieces))


def test_a_file_that_falls_silent_or_drips_is_given_up(server: Server, cookie: str) -> None:
    with server.connect() as line:
        line.say(file_head(FILE_BYTES, cookie) + b"a" * MEGABYTE)
        # Long before a minute and a half, in which as much might come at the pace that is wanted.
        assert status_of(line.hear()) == 408
    with server.connect() as line:
        line.say(file_head(10_000, cookie))
        assert status_of(line.drip(b"a" * 400, PAUSE_SECONDS)) == 408


def test_a_strangers_file_is_a_form_to_us(patient: Server, cookie: str) -> None:
    body = b"a" * FILE_BYTES
    assert status_of(patient.ask(file_head(len(body)))) == 413
    answer = patient.ask(file_head(len(body), cookie) + body)
    assert answer.endswith(b"%d bytes" % FILE_BYTES)


def test_two_forms_behind_one_another_are_both_answered(patient: Server) -> None:
    body = b"email=bob"
    one = form_head("/nowhere", len(body)) + body
    last = form_head("/nowhere", len(body), "Connection: close") + body
    assert patient.ask(one + one + last).count(b"HTTP/1.1 404") == 3


def test_a_hundred_stalled_connections_are_all_closed(server: Server) -> None:
    with ExitStack() as held:
        lines = [held.enter_context(server.connect()) for _ in range(100)]
        for line in lines:
            line.say(form_head("/login", 500) + b"email=")
        assert {status_of(line.rest()) for line in lines} == {408}


def test_a_connection_whose_other_side_has_gone_does_not_stay_for_hours() -> None:
    ours = runpy.run_path(str(ROOT / "crm_app" / "serving" / "processes" / "gunicorn_conf.py"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours["notice_who_has_gone"](listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            waits = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert 0 < waits <= 120_000
