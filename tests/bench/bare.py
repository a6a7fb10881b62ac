"""The yardstick: one bare Flask route, served by the same server with the same settings."""

from flask import Flask

app = Flask(__name__)


@app.post("/hello")
@app.get("/hello")
def hello() -> str:
    """Say hello."""
    return "hello"
