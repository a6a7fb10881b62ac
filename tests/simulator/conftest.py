"""An office that takes notifications, a simulator that posts them, a client that asks it."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from crm_app.simulator import Simulator
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.signing import verify_webhook
from tests.patience import wait_until

KEY = "a1b2c3d4e5f60718293a"
SECRET = "0f1e2d3c4b5a69788796"


@dataclass
class Office:
    """What a real web application would be: takes posts, echoes, answers as told."""

    posts: list[dict[str, str]] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    is_signed: list[bool] = field(default_factory=list)
    expects: list[str] = field(default_factory=list)
    replies: dict[str, object] = field(default_factory=dict)
    status: int = 200
    echo: str | None = None
    url: str = ""

    @property
    def events(self) -> list[str]:
        return [post["event"] for post in self.posts]

    def wait_for(self, *events: str) -> None:
        wait_until(
            lambda: self.events[-len(events) :] == list(events),
            lambda: f"{events}, but {self.events}",
            seconds=10,
        )


def handler_of(office: Office) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            self.send(office.echo if office.echo is not None else query["zd_echo"])

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            content_type = self.headers["Content-Type"]
            fields = read_form(content_type, body)
            signature = self.headers.get("Signature")
            office.content_types.append(content_type.partition(";")[0])
            office.is_signed.append(verify_webhook(fields, signature, SECRET))
            office.expects.append(self.headers.get("Expect", ""))
            office.posts.append(fields)
            self.send(json.dumps(office.replies.get(fields["event"], {})))

        def send(self, text: str) -> None:
            body = text.encode()
            self.send_response(office.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(
            decode=True
        ).decode()
        for part in parts
    }


@pytest.fixture
def office() -> Iterator[Office]:
    taken = Office()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(taken))
    taken.url = f"http://127.0.0.1:{server.server_port}/zadarma"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pbx(office: Office) -> Iterator[Simulator]:
    with Simulator(KEY, SECRET, office.url) as simulator:
        yield simulator
    assert simulator.errors == []


@pytest.fixture
def client(pbx: Simulator) -> Iterator[ZadarmaClient]:
    asking = ZadarmaClient(KEY, SECRET, pbx.url)
    yield asking
    asking.close()
