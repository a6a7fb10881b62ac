"""The application with deadlines that a test can wait for or not, and a view that takes files."""

from flask import Flask, request

from crm_app import create_app
from crm_app.extensions import csrf
from crm_app.web.middleware.request_body import accepts_large_body

FILE_BYTES = 3 * 1024 * 1024
BODY_SECONDS = 0.8


@csrf.exempt
@accepts_large_body(FILE_BYTES)
def take_file() -> str:
    """Say how large the file was."""
    return f"{len(request.stream.read())} bytes"


def make_app(seconds: float = BODY_SECONDS) -> Flask:
    """Make it; gunicorn calls this. A form may take so many seconds."""
    app = create_app()
    app.config.update(BODY_SECONDS=seconds, FILE_BYTES_PER_SECOND=10_000)
    app.add_url_rule("/a-file", view_func=take_file, methods=["POST"])
    return app
