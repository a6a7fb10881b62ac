"""What scripts, other programs and the documentation rely on, word for word."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import Role, User
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.config import Config
from crm_app.demo import make_contact, make_lead, make_user
from crm_app.extensions import db
from crm_app.recordings import deleting
from crm_app.recordings.store import Store
from crm_app.simulator.account import CALL_FLAGS, OTHER_FLAGS
from crm_app.simulator.office import Simulator
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import commands
from crm_app.telephony.switches import Switches
from tests.owed import perform
from tests.reader import Element, elements_of
from tests.recordings.conftest import fetched, record
from tests.sleeping import sleep_by
from tests.telephony.conftest import SECRET, connected, key, served

__all__ = ["connected", "key", "served"]
CABINET = Path(__file__).parent.parent / "fixtures" / "zadarma" / "pbx_statistics.csv"
ANNA, STRANGER, REFUSED = "+351910000042", "+351910000043", "+351800123456"
LEAD = "Enquiry about a roof"

# Command: its arguments and options.
COMMANDS = {
    "serve": "",
    "worker": "",
    "db upgrade": "",
    "user create": "EMAIL --name --role --extension --password-stdin",
    "user list": "",
    "user reset-second-factor": "EMAIL",
    "telephony connect": "--key --secret-stdin",
    "telephony check": "--json",
    "telephony register": "--json",
    "telephony switches": "NAME VALUE --json",
    "telephony block": "NUMBER --reason --until",
    "telephony unblock": "NUMBER",
    "telephony black-list": "--json",
    "telephony preview": "NUMBER --line --at --json",
    "telephony reconcile": "--since --json",
    "telephony history": "--months --json",
    "telephony simulate": "SCENARIO --from --to-ext",
    "calls rebuild": "",
    "calls import": "FILE --json",
    "callbacks list": "--all --json",
    "recordings list": "--json",
    "recordings purge": "",
    "secret-key rotate": "",
    "demo load": "",
    "demo clear": "",
}
# Setting: its default; None where it follows from another or is made.
SETTINGS = {
    "SECRET_KEY": None, "DATABASE_URL": None, "REDIS_URL": "", "DATA_DIR": None,
    "BIND": "127.0.0.1:8000", "PUBLIC_URL": "", "TRUSTED_PROXIES": None,
    "ZADARMA_API_URL": "https://api.zadarma.com", "WEBHOOK_ALLOWED_NETWORKS": None,
    "DEFAULT_COUNTRY": "PT", "RECORDINGS_URL": None, "WEB_WORKERS": None, "METRICS_TOKEN": "",
    "SECRET_KEY_FALLBACKS": (), "SECRET_KEY_FILE": None, "METRICS_TOKEN_FILE": None,
    "DATABASE_URL_FILE": None,
}  # fmt: skip
DAYS = {"added": int, "difference": {0}, "days": [{"day": "day", "pbx": int, "crm": int, "difference": int}]}  # fmt: skip  # noqa: E501
# Command line, exit code, and the shape of its one JSON object: a set lists the values that occur,
# "time" is a moment with its zone, and a list has at least one example.
REPORTS: tuple[tuple[str, int, Any], ...] = (
    (
        "telephony check", 1,
        {"lamps": [{"lamp": str, "state": {"ok", "warn", "bad", "unknown"}, "says": str, "do": str}]},  # noqa: E501
    ),
    (
        "telephony register", 0,
        {
            "changed": {True},
            "callinfo": {"url": "address", "notifications": frozenset(CALL_FLAGS)},
            "webhooks": {"url": "address", "hooks": frozenset(OTHER_FLAGS)},
        },
    ),
    ("telephony switches", 0, dict.fromkeys(Switches.model_fields, str | int)),
    ("telephony switches ghost_seconds 7", 0, dict.fromkeys(Switches.model_fields, str | int)),
    (
        "telephony black-list", 0,
        {"numbers": [{"number": str, "reason": str, "by": str | None, "until": "time?", "count": int}]},  # noqa: E501
    ),
    (f"telephony preview {ANNA}", 0, {"rule": str, "why": str, "answer": {"caller_name": str}}),
    (
        f"telephony preview {REFUSED} --line 351210000001 --at 2026-03-02T12:00", 0,
        {"rule": {"black_list"}, "why": str, "answer": {"redirect": {"blacklist"}}},
    ),
    ("telephony reconcile", 0, DAYS),
    ("telephony reconcile --since 2026-03-01", 0, DAYS),
    ("telephony history --months 1", 0, DAYS),
    (
        "calls import {cabinet}", 0,
        {"rows": {7}, "new": {6}, "completed": int, "same": int, "refused": int, "refusals": list},
    ),
    (
        "calls import nowhere.csv", 1,
        {
            "import": {None}, "error": str, "rows": {0}, "new": {0}, "completed": {0}, "same": {0},
            "refused": {0}, "refusals": list,
        },
    ),
    (
        "callbacks list", 0,
        {
            "callbacks": [{
                "id": int, "contact": int | None, "number": str, "owner": str | None,
                "state": {"open", "taken", "done"}, "tries": int, "misses": int, "due_at": "time",
                "closed_by_call": int | None,
            }]
        },
    ),
    (
        "recordings list", 0,
        {
            "recordings": [{
                "call": int, "recording": str, "state": {"pending", "ready", "failed", "deleted"},
                "reason": str, "bytes": int | None, "sha256": str,
            }]
        },
    ),
)  # fmt: skip
# Command lines that are refused, and one of the words why.
REFUSALS = {
    "telephony switches ghost_seconds 61": "ghost_seconds",
    "telephony switches nothing on": "nothing",
    "telephony block 100": "",
    "telephony unblock +351911111111": "",
    "telephony preview abc": "",
    "telephony reconcile --since soon": "--since",
    "telephony simulate nothing": "nothing",
    "user reset-second-factor nobody@office.example": "nobody",
    "user create nobody --name N --role agent": "nobody",
}
# Address: who sees it besides the administrators, whom everything is shown.
ADDRESSES = {
    "/contacts": "agent manager",
    "/contacts/{contact}": "agent manager",
    "/leads": "agent manager",
    "/leads/{lead}": "agent manager",
    "/tasks": "agent manager",
    "/calls": "agent manager",
    "/calls/{call}": "agent manager",
    "/calls/{call}/recording": "agent manager",
    "/calls/{call}/recordings/1": "agent manager",
    "/callbacks": "agent manager",
    "/reports/calls": "agent manager",
    "/telephony/settings": "",
    "/telephony/setup": "",
    "/telephony/health": "manager",
    "/telephony/journal": "manager",
    "/recordings/listening": "manager",
    "/account/sessions": "agent manager",
    "/account/second-factor": "agent manager",
    "/security": "",
}
# Address: the status for somebody who is not signed in.
OPEN_ADDRESSES = {
    "/login": 200,
    "/zadarma?zd_echo=ramal": 200,
    "/live": 401,
    "/healthz": 200,
    "/readyz": 503,
    "/metrics": 401,
}
# Page, and what is on it: an element as `tag[attribute=value]`, where * is any value but "".
HOOKS = (
    ("/calls/tray", "*[role=alertdialog][data-call-id=in_rings][data-state=ringing|answered|ended]"),  # noqa: E501
    ("/calls/tray", "*[role=alertdialog] a[href=/contacts/{contact}]"),
    ("/calls/tray", "*[role=alertdialog] a[href=/leads/{lead}]"),
    ("/calls/tray", "*[role=alertdialog] *[data-action=block]"),
    ("/calls/{call}", "*[data-action=block]"),
    ("/contacts/{contact}", "*[data-action=block]"),
    ("/contacts/{contact}", f"button|a[data-call-number={ANNA}]"),
    ("/calls/{missed}", f"button|a[data-call-number={STRANGER}]"),
    ("/callbacks", "*[data-callback-id={open}][data-state=open]"),
    ("/callbacks", "*[data-callback-id={taken}][data-state=taken]"),
    ("/callbacks/{done}", "*[data-callback-id={done}][data-state=done]"),
    ("/callbacks", "*[data-callback-id={open}] *[data-action=take]"),
    ("/callbacks", f"*[data-callback-id={{open}}] *[data-action=take-and-call][data-call-number={STRANGER}]"),  # noqa: E501
    ("/callbacks", "*[data-callback-id={open}] *[data-action=done]"),
    ("/callbacks", "*[data-callback-id={taken}] *[data-action=release]"),
    ("/", "*[data-callbacks-open=2]"),
    ("/", "*[data-write-ups-open=4]"),
    ("/", "*[data-write-up={pending}]"),
    ("/calls/write-ups", "*[data-write-up={call}]"),
    ("/", "*[data-action=away]"),
    ("/calls/{call}", "*[data-recording-state=ready] audio"),
    ("/calls/{failing}", "*[data-recording-state=failed]"),
    ("/calls/{pending}", "*[data-recording-state=pending]"),
    ("/calls/{deleted}", "*[data-recording-state=deleted]"),
    ("/calls/{missed}", "*[data-recording-state=none]"),
    ("/telephony/setup", "*[data-lamp=keys][data-state=ok|warn|bad|unknown]"),
    *(("/telephony/settings", f"*[name={name}]") for name in Switches.model_fields),
)  # fmt: skip
# Selectors are of these only.
PART = re.compile(r"\[([\w-]+)(?:=([^\]]*))?\]")
JANUARY, MARCH = "2026-01-12 10:00:00+00:00", "2026-03-02 10:00:00+00:00"


@dataclass
class Office:
    """A small office in which everything has happened once."""

    app: Flask
    pbx: Simulator
    moment: time_machine.Traveller
    ids: dict[str, int]

    def run(self, line: str) -> tuple[int, str, str]:
        """Run a command; gives its exit code, standard output and standard error."""
        line = line.format(cabinet=CABINET)
        got = self.app.test_cli_runner().invoke(self.app.cli, line.split())
        db.session.rollback()
        return got.exit_code, got.stdout, got.stderr


@pytest.fixture
def office(
    connected: Flask, key: str, served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """An office that its PBX reaches, with users, clients, calls, call-backs and recordings."""
    folder = Store((tmp_path / "recordings").as_uri(), tmp_path)
    monkeypatch.setitem(connected.extensions, "recordings", folder)
    with (
        time_machine.travel(JANUARY, tick=False) as moment,
        Simulator(key, SECRET, extensions=("100", "101", "103")) as pbx,
    ):
        sleep_by(monkeypatch, commands, moment.shift)
        settings: Config = connected.extensions["settings"]
        reached = {"zadarma_api_url": pbx.url, "public_url": served}
        monkeypatch.setitem(connected.extensions, "settings", settings.model_copy(update=reached))
        TelephonySettings.for_change().connected_at = clock.now() - timedelta(days=1)
        db.session.commit()
        connected.extensions["telephony_links"].forget()
        yield Office(connected, pbx, moment, {**_people(), **_calls(pbx), **_call_backs()})
        assert pbx.errors == []


def _people() -> dict[str, int]:
    make_user("Alice Admin", role=Role.ADMIN, extension="100")
    make_user("Dora Manager", role=Role.MANAGER, extension="103")
    bob = make_user("Bob Agent", extension="101")
    anna = make_contact("Anna Known", phones=(ANNA,), responsible=bob)
    return {"contact": anna.id, "lead": make_lead(LEAD, contact=anna, responsible=bob).id}


def _calls(pbx: Simulator) -> dict[str, int]:
    made = {"call": record(pbx), "failing": record(pbx, "html"), "deleted": record(pbx)}
    for call in made.values():
        row = fetched(call)
    deleting.delete_by_hand(row, the("Alice Admin"))
    db.session.commit()
    perform(deleting.DELETE)
    made["pending"] = record(pbx, ready_after=timedelta(hours=1))
    fetched(made["pending"])
    for tail in ("43", "44", "45"):
        made[tail] = say(
            FactKind.ENDED, f"in_missed{tail}", caller=f"+3519100000{tail}",
            disposition=Disposition.NO_ANSWER,
        )  # fmt: skip
    made["missed"] = made["43"]
    return {name: call.id for name, call in made.items()}


def _call_backs() -> dict[str, int]:
    perform("call_back")
    found = db.session.scalars(select(CallBack).order_by(CallBack.number)).all()
    ids = dict(zip(("open", "taken", "done"), (row.id for row in found), strict=True))
    call_backs.take(ids["taken"], the("Bob Agent"))
    call_backs.done(ids["done"], "Wrote to them", the("Bob Agent"))
    db.session.commit()
    return ids


def say(kind: FactKind, call: str, **more: Any) -> Call:
    fact = Fact(kind, call, clock.now(), did="+351210000001", **more)
    call_id = ledger.record(db.session.connection(), fact, "").call_id
    db.session.commit()
    return db.session.get_one(Call, call_id)


def the(name: str) -> User:
    return db.session.scalars(select(User).where(User.name == name)).one()


def wrong_in(found: Any, wanted: Any, where: str = "") -> Iterator[str]:
    """Say in which places an answer has not its promised shape."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or found.keys() != wanted.keys():
            yield f"{where}: {found!r}, not the keys {sorted(wanted)}"
            return
        for name, inner in wanted.items():
            yield from wrong_in(found[name], inner, f"{where}.{name}")
    elif isinstance(wanted, list):
        if not isinstance(found, list) or not found:
            yield f"{where}: {found!r}, not a list with an example"
            return
        for place, one in enumerate(found):
            yield from wrong_in(one, wanted[0], f"{where}[{place}]")
    elif not _fits(found, wanted):
        yield f"{where}: {found!r}, not {wanted}"


def _fits(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, set):
        return found in wanted
    if wanted in ("time", "time?"):
        return (found is None and wanted == "time?") or _is_moment(found)
    if wanted == "day":
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", found))
    if wanted == "address":
        return bool(re.fullmatch(r"http://127\.0\.0\.1:\d+/zadarma", found))
    if isinstance(wanted, frozenset):
        return isinstance(found, dict) and found == dict.fromkeys(wanted, True)
    return isinstance(found, wanted) and not (wanted is int and isinstance(found, bool))


def _is_moment(text: Any) -> bool:
    return isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None


def selected(page: list[Element], selector: str) -> list[Element]:
    """Find the elements of a page that a selector names."""
    *outer, last = selector.split()
    return [
        element
        for element in page
        if _is(element, last)
        and (not outer or any(_is(parent, outer[0]) for parent in element.parents))
    ]


def _is(element: Element, part: str) -> bool:
    tags, given = part.partition("[")[0].split("|"), PART.findall(part)
    return (tags == ["*"] or element.tag in tags) and all(
        element.get(name) in value.split("|") if value else name in element.attributes
        for name, value in given
    )


def test_every_command_is_there_with_its_arguments_and_options(app: Flask) -> None:
    wrong = []
    for line, given in COMMANDS.items():
        command: click.Command | None = app.cli
        context = click.Context(app.cli)
        for word in line.split():
            assert isinstance(command, click.Group)
            command = command.get_command(context, word)
        assert command is not None, line
        named = {
            option.make_metavar(context) if isinstance(option, click.Argument) else name
            for option in command.params
            for name in option.opts
        }
        known = {re.sub(r"\W", "", name) if name[0] != "-" else name for name in named}
        wrong += [f"{line}: {one}" for one in given.split() if one not in known]
        assert command.get_short_help_str(), line
    assert wrong == []


def test_every_setting_is_read_under_its_name(app: Flask) -> None:
    fields = {name.upper(): field for name, field in Config.model_fields.items()}
    assert SETTINGS.keys() - fields.keys() == set()
    known = {name: fields[name].default for name, value in SETTINGS.items() if value is not None}
    assert known == {name: value for name, value in SETTINGS.items() if value is not None}


def test_every_report_is_one_json_object_with_its_keys(office: Office) -> None:
    office.run(f"telephony block {REFUSED} --reason Silent --until 2026-12-31T18:00")
    office.moment.move_to(MARCH)
    wrong = []
    for line, code, shape in REPORTS:
        got, output, error = office.run(f"{line} --json")
        if got != code or output.count("\n") != 1:
            wrong.append(f"{line}: exit {got}, {output!r}, {error!r}")
            continue
        wrong += wrong_in(json.loads(output), shape, line)
    assert wrong == []


def test_what_is_refused_is_one_clear_line_and_a_code(office: Office) -> None:
    wrong = []
    for line, word in REFUSALS.items():
        code, output, error = office.run(line)
        last = error.strip().splitlines()[-1] if error else ""
        if code == 0 or output or not last.startswith("Error: ") or word not in last:
            wrong.append(f"{line}: exit {code}, {output!r}, {error!r}")
    assert wrong == []


def test_every_address_shows_its_page_to_those_for_whom_it_is(
    office: Office, client_of: Callable[[User], FlaskClient], visitor: FlaskClient
) -> None:
    browsers = {
        word: client_of(the(name))
        for word, name in (("agent", "Bob Agent"), ("manager", "Dora Manager"), ("admin", "Alice Admin"))  # noqa: E501
    }  # fmt: skip
    wrong = []
    for address, who in ADDRESSES.items():
        path = address.format(**office.ids)
        for role, browser in browsers.items():
            wanted = 200 if role in f"{who} admin" else 403
            status = browser.get(path).status_code
            db.session.rollback()
            if status != wanted:
                wrong.append(f"{address} answers {role} with {status}")
        status = visitor.get(path).status_code
        if status not in (302, 303, 401):
            wrong.append(f"{address} answers a visitor with {status}")
    for address, wanted in OPEN_ADDRESSES.items():
        status = visitor.get(address).status_code
        if status != wanted:
            wrong.append(f"{address} answers a visitor with {status}")
    assert wrong == []
    assert visitor.get("/zadarma?zd_echo=ramal").text == "ramal"
    sound = browsers["agent"].get("/calls/{call}/recording".format(**office.ids))
    asked = {"Range": "bytes=5-9"}
    part = browsers["agent"].get("/calls/{call}/recordings/1".format(**office.ids), headers=asked)
    assert (part.status_code, part.data) == (206, sound.data[5:10])
    names = [one.get("name") for one in elements_of(visitor.get("/login").text)]
    assert {"email", "password"} <= set(names)


@pytest.mark.parametrize(("call", "status"), [("missed", 404), ("pending", 404), ("deleted", 410)])
def test_no_sound_is_404_and_a_deleted_one_410(
    office: Office, client_of: Callable[[User], FlaskClient], call: str, status: int
) -> None:
    answer = client_of(the("Alice Admin")).get(f"/calls/{office.ids[call]}/recording")
    assert answer.status_code == status


def test_every_page_has_the_hooks_that_scripts_look_for(
    office: Office, client_of: Callable[[User], FlaskClient]
) -> None:
    say(FactKind.STARTED, "in_rings", caller=ANNA)
    say(FactKind.RANG, "in_rings", caller=ANNA, extension="101")
    bob, alice = client_of(the("Bob Agent")), client_of(the("Alice Admin"))
    pages: dict[str, list[Element]] = {}
    wrong = []
    for address, selector in HOOKS:
        path = address.format(**office.ids)
        if path not in pages:
            browser = alice if path.startswith("/telephony") else bob
            headers = {"HX-Request": "true"} if path == "/calls/tray" else {}
            answer = browser.get(path, headers=headers)
            assert answer.status_code == 200, path
            pages[path] = elements_of(answer.text)
            db.session.rollback()
        if not selected(pages[path], selector.format(**office.ids)):
            wrong.append(f"{address}: {selector}")
    assert wrong == []
