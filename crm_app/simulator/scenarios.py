"""The documented sequences of notifications, ready to be played."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal

WALL_CLOCK = "%Y-%m-%d %H:%M:%S"
Channel = Literal["pbx", "events"]
Fault = Literal["", "wrong", "absent", "raw-digest"]
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


class UnknownScenarioError(LookupError):
    """No scenario has this id, or none has this placeholder."""


@dataclass(frozen=True, slots=True)
class Post:
    """One notification to send, `delay` seconds after the one before."""

    fields: Mapping[str, str]
    channel: Channel = "pbx"
    delay: float = 0.0
    fault: Fault = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A sequence of notifications and what must have come of it in the end."""

    id: str
    title: str
    needs_reply: bool
    expect: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]


def scenario_ids() -> tuple[str, ...]:
    """List the ids of all scenarios, in the order of their file."""
    return tuple(_scenarios())


def scenario(scenario_id: str) -> Scenario:
    """Find a scenario; raises UnknownScenarioError."""
    try:
        return _scenarios()[scenario_id]
    except KeyError:
        raise UnknownScenarioError(f"There is no scenario {scenario_id!r}.") from None


def placeholders(wall_clock: datetime, given: Mapping[str, str]) -> dict[str, str]:
    """Fill every placeholder: new call ids, the present time, what was given.

    A given `client` or `did` also sets the placeholders that repeat it in another form.
    Raises UnknownScenarioError for a name that no scenario uses.
    """
    values = {name: str(entry["default"]) for name, entry in _document()["placeholders"].items()}
    unknown = set(given) - set(values)
    if unknown:
        known = ", ".join(sorted(values))
        raise UnknownScenarioError(f"No placeholder {sorted(unknown)[0]!r}; there are: {known}.")
    values |= {name: new_call_id("in") for name in ("in_id", "in_id2")}
    values |= {name: new_call_id("out") for name in ("out_id", "out_id2")}
    values |= {name: new_recording_id(wall_clock) for name in ("rec1", "rec2")}
    values["t0"] = wall_clock.strftime(WALL_CLOCK)
    values["t1"] = (wall_clock + timedelta(seconds=93)).strftime(WALL_CLOCK)
    if "client" in given:
        values["client_digits"] = given["client"].lstrip("+")
    if "did" in given:
        values["cli"] = given["did"].lstrip("+")
    return values | dict(given)


def posts(played: Scenario, values: Mapping[str, str]) -> list[Post]:
    """Write out the notifications of a scenario."""
    return [_post(event, values) for event in played.events]


def new_call_id(way: Literal["in", "out"]) -> str:
    """Make up the id of a call."""
    return f"{way}_{secrets.token_hex(20)}"


def new_recording_id(at: datetime) -> str:
    """Make up the id of a recording: seconds, a dot and a counter."""
    return f"{int(at.timestamp())}.{100000 + secrets.randbelow(899990)}0"


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in the places of a text."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _post(event: Mapping[str, Any], values: Mapping[str, str]) -> Post:
    fault, _, _ = str(event.get("signature", "")).partition(" ")
    fields: dict[str, str] = {}
    for name, value in event["fields"].items():
        if isinstance(value, Mapping):
            fields |= {f"{name}[{inner}]": fill(text, values) for inner, text in value.items()}
        else:
            fields[name] = fill(value, values)
    return Post(fields, event["channel"], float(event["delay_s"]), fault)  # type: ignore[arg-type]


@cache
def _document() -> dict[str, Any]:
    text = files(__package__).joinpath("scenarios.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@cache
def _scenarios() -> dict[str, Scenario]:
    return {
        entry["id"]: Scenario(
            id=entry["id"],
            title=entry["title"],
            needs_reply=bool(entry.get("needs_reply")),
            expect=entry["expect"],
            events=entry["events"],
        )
        for entry in _document()["scenarios"]
    }
