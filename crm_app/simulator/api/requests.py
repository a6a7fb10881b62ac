"""Requests to the API as they were written on the wire, and how they are hung up."""

import contextlib
import socket
from urllib.parse import parse_qsl, urlsplit

from flask import Request, Response


def path_of(request: Request) -> str:
    """The path as it was written, for the signature covers it so."""
    return urlsplit(request.environ["RAW_URI"]).path


def params(request: Request) -> dict[str, str]:
    """Read the query or the form, whatever type the form is said to have."""
    return dict(parse_qsl(written(request), keep_blank_values=True))


def written(request: Request) -> str:
    """Return the parameters as they were written, not decoded."""
    if request.method == "GET":
        return request.query_string.decode("utf-8", "replace")
    return request.get_data().decode("utf-8", "replace")


def hang_up(request: Request) -> Response:
    """End the connection; the response that Flask needs never leaves."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    return Response()
