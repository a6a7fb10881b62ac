"""The web server as we run it, for tests that speak to it byte by byte."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from crm_app.config import Config
from tests.patience import wait_until
from tests.ports import free_port
from tests.serving.running import ROOT, environment

START_SECONDS = 60
# Long enough for a busy machine, and far less than what a stalled body may take.
ANSWER_SECONDS = 10.0


class Server:
    """A running gunicorn on a port of its own."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self.process = process

    def connect(self) -> "Line":
        """Open a connection."""
        return Line(socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS))

    def ask(self, said: bytes) -> bytes:
        """Send a whole request and give the whole answer."""
        with self.connect() as line:
            line.say(said)
            return line.rest()


class Line:
    """One connection to the server."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_error: object) -> None:
        self.connection.close()

    def say(self, said: bytes) -> None:
        """Send all of this."""
        self.connection.sendall(said)

    def end(self) -> None:
        """Say that nothing more comes, and still listen."""
        self.connection.shutdown(socket.SHUT_WR)

    def hear(self, seconds: float = ANSWER_SECONDS) -> bytes:
        """Give what comes next; nothing when the server hung up."""
        self.connection.settimeout(seconds)
        try:
            return self.connection.recv(65536)
        except ConnectionError:
            return b""

    def rest(self) -> bytes:
        """Give everything until the server hangs up."""
        heard = b""
        while found := self.hear():
            heard += found
        return heard

    def is_waiting(self) -> bool:
        """Tell whether it is open and nothing was answered on it."""
        self.connection.setblocking(False)
        try:
            self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.connection.settimeout(ANSWER_SECONDS)
        return False

    def drip(self, said: bytes, pause: float) -> bytes:
        """Send byte after byte until there is an answer, and give its first part."""
        for number in range(len(said)):
            with suppress(ConnectionError):
                self.connection.sendall(said[number : number + 1])
            try:
                return self.hear(pause)
            except TimeoutError:
                continue
        return self.hear()


@contextmanager
def serving(settings: Config, module: str = "wsgi:app", *options: str) -> Iterator[Server]:
    """Run gunicorn as `flask serve` does, on the database and the bus of these settings."""
    port = free_port()
    given = environment(
        settings.data_dir,
        DATABASE_URL=settings.database_url, REDIS_URL=settings.redis_url,
        SECRET_KEY=settings.secret_key, WEBHOOK_ALLOWED_NETWORKS="*", LOG_LEVEL="ERROR",
    )  # fmt: skip
    config = ROOT / "crm_app" / "serving" / "processes" / "gunicorn_conf.py"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", str(config), "--workers", "1",
         "--bind", f"127.0.0.1:{port}", *options, module],
        cwd=ROOT, env=given,
    )  # fmt: skip
    server = Server(port, process)
    try:
        wait_until(
            lambda: b" 200 " in server.ask(b"GET /healthz HTTP/1.0\r\n\r\n"),
            "the server does not answer", seconds=START_SECONDS, process=process,
        )  # fmt: skip
        yield server
    finally:
        process.terminate()
        process.wait(60)


def head_of(method: str, path: str, *headers: str, cookie: str = "") -> bytes:
    """Write the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if cookie:
        lines.append(f"Cookie: session={cookie}")
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


FORM = "Content-Type: application/x-www-form-urlencoded"


def form_head(path: str, length: int, *headers: str, cookie: str = "") -> bytes:
    """Write the head of a form that is so many bytes long."""
    return head_of("POST", path, FORM, f"Content-Length: {length}", *headers, cookie=cookie)


def status_of(answer: bytes) -> int:
    """Give the status of an answer, 0 when there is none."""
    first = answer.partition(b"\r\n")[0].split(b" ")
    return int(first[1]) if len(first) > 1 else 0
