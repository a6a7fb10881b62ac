"""Serves the simulator from a command line until a signal ends it."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta

from crm_app.simulator.office import INTERACTIVE, RING_SECONDS, Simulator
from crm_app.simulator.scenarios import WALL_CLOCK

SECOND_NUMBER = "351220000001"
SECRET_VARIABLE = "SIMULATOR_SECRET"  # noqa: S105 (a name)


def run(arguments: Sequence[str] | None = None) -> int:
    """Serve an account with the page to ring the office; end on SIGINT or SIGTERM."""
    given = _parser().parse_args(arguments)
    clients = [_named(text) for text in given.client]
    try:
        pbx = Simulator(
            given.key,
            given.secret,
            given.webhook,
            extensions=given.extensions.split(","),
            did=given.did,
            speed=given.speed,
            ring_seconds=RING_SECONDS,
            port=given.port,
            clients=clients,
        )
    except OSError as error:
        sys.stderr.write(f"Port {given.port} cannot be used: {error.strerror}.\n")
        return 1
    pbx.account.callback = INTERACTIVE
    pbx.account.events_url = given.webhook
    # A second number, that somebody has forgotten to pay for.
    ends = pbx.account.wall_clock() + timedelta(days=9)
    pbx.account.other_numbers[SECOND_NUMBER] = {
        "number_name": "Porto", "stop_date": ends.strftime(WALL_CLOCK), "autorenew": "false",
    }  # fmt: skip
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    with pbx:
        sys.stdout.write(f"Ring the office: {pbx.url}/\n")
        sys.stdout.flush()
        ending.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--key", required=True, help="API key that the office uses")
    secret = os.environ.get(SECRET_VARIABLE)  # noqa: TID251 (a program of its own)
    parser.add_argument(
        "--secret",
        default=secret,
        required=secret is None,
        help=f"API secret that the office uses; better in the variable {SECRET_VARIABLE}",
    )
    parser.add_argument("--webhook", required=True, help="where the office takes notifications")
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    parser.add_argument("--extensions", default="101,102,103,104,105", help="with commas")
    parser.add_argument("--did", default="351210000001", help="number of the office")
    parser.add_argument("--speed", type=float, default=1.0, help="1 = pauses as in life, 0 = none")
    parser.add_argument(
        "--client", action="append", default=[], metavar="NAME=NUMBER", help="a known client"
    )
    return parser


def _named(text: str) -> tuple[str, str]:
    name, _, number = text.rpartition("=")
    return name or number, number


if __name__ == "__main__":
    sys.exit(run())
