"""Every switch over every kind of call: off, its function does nothing; on, what its sentence says.

One office, one call of each kind. What they lead to while everything is on stands in `CALLS`; each
line of `CHANGES` says what is different because of a switch, and nothing more may differ.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from crm_app import clock, database
from crm_app.accounts.models import User
from crm_app.callbacks.models import CallBack, CallBackEvent, CallBackMiss
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.fold.listed import ROOT
from crm_app.calls.models import Call
from crm_app.calls.store import ledger
from crm_app.contacts.models import Contact, ContactPhone
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.leads.models import Lead
from crm_app.recordings.models import Recording, Transcript
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.models import BlockedCall, TelephonySettings
from crm_app.telephony.new_clients.models import NewClient
from crm_app.telephony.routing import black_list, phones
from crm_app.telephony.switches import Switches
from tests.owed import perform
from tests.recordings.conftest import note_in_pbx, pbx, store
from tests.telephony.conftest import Post, connected, key, start_fields

__all__ = ["connected", "key", "pbx", "store"]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RITA, JOAO, REFUSED, MOBILE = "+351910000001", "+351910000002", "+351910000003", "+351930000001"
TO_BOB = {"redirect": "101", "return_timeout": 15}
HTMX = {"HX-Request": "true"}
FOLLOW_UPS = (
    ("call_back", "no_call_back", "talked", "tried", "new_client", "number_has_contact"),
    ("recorded",),
    ("fetch_recording", "look_for_recordings"),
    ("ask_for_transcript",),
)
ON: Mapping[str, str] = {
    "caller_name": "on", "route_to_responsible": "on", "black_list": "busy",
    "new_client": "always", "new_client_makes": "both", "call_backs": "on", "ghost_seconds": "5",
    "record_copies": "on", "transcripts": "on",
}  # fmt: skip
OFF = {name: "0" if name == "ghost_seconds" else "off" for name in ON if "makes" not in name}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a call led to: our answer to its start, how it ended, and how many rows of each kind."""

    status: str
    answer: Mapping[str, Any] | None = None
    call_backs: int = 0
    contacts: int = 0
    leads: int = 0
    recordings: int = 0
    transcripts: int = 0


STRANGER = Seen("missed", {}, call_backs=1, contacts=1, leads=1)
UNHEARD = replace(STRANGER, answer=None)
RECORDED: Mapping[str, Any] = {"recordings": 1, "transcripts": 1}
CALLS: Mapping[str, Seen] = {
    "talk": Seen("answered", {}, contacts=1, leads=1, **RECORDED),
    "stranger": STRANGER,
    "ghost": replace(STRANGER, call_backs=0),
    "client": Seen("missed", {"caller_name": "Rita Gonçalves"}, call_backs=1),
    "client of Bob": Seen("missed", TO_BOB, call_backs=1),
    "refused": Seen("blocked", {"redirect": "blacklist"}),
    "own": Seen("missed", {}),
    "hidden": Seen("missed", {}),
    "outgoing": Seen("answered"),
    "listed": UNHEARD,
    "history": Seen("missed"),
    "old talk": Seen("answered", **RECORDED),
}
NO_CLIENT = {"contacts": 0, "leads": 0}
STRANGERS = ("talk", "stranger", "ghost", "listed")
MISSED = ("stranger", "client", "client of Bob", "listed")
TALKS = ("talk", "old talk")
JOAOS_NAME = {"caller_name": "João"}
# A switch, and what is another than in CALLS because of it.
CHANGES: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]] = {
    ("caller_name", "off"): {"client": {"answer": {}}},
    ("caller_name_letters", "plain"): {"client": {"answer": {"caller_name": "Rita Goncalves"}}},
    ("caller_name_with_redirect", "on"): {"client of Bob": {"answer": {**TO_BOB, **JOAOS_NAME}}},
    ("route_to_responsible", "off"): {"client of Bob": {"answer": JOAOS_NAME}},
    ("return_timeout", "0"): {"client of Bob": {"answer": {**TO_BOB, "return_timeout": 0}}},
    ("black_list", "hangup"): {"refused": {"answer": {"hangup": 1}}},
    ("black_list", "off"): {
        "refused": {"answer": {}, "status": "missed", "call_backs": 1, "contacts": 1, "leads": 1}
    },
    ("new_client", "off"): dict.fromkeys(STRANGERS, NO_CLIENT),
    ("new_client", "answered"): dict.fromkeys(("stranger", "ghost", "listed"), NO_CLIENT),
    ("new_client_makes", "contact"): {name: {"leads": 0} for name in STRANGERS},
    ("new_client_makes", "lead"): {name: {"contacts": 0} for name in STRANGERS},
    ("call_backs", "off"): {name: {"call_backs": 0} for name in MISSED},
    ("call_back_minutes", "40"): {},
    ("ghost_seconds", "0"): {"ghost": {"call_backs": 1}},
    ("record_copies", "off"): {name: {"recordings": 0, "transcripts": 0} for name in TALKS},
    ("transcripts", "off"): {name: {"transcripts": 0} for name in TALKS},
}
# Those that change different things are tried in one play.
PLAYS: Sequence[Mapping[str, str]] = (
    {},
    {"caller_name": "off", "new_client": "off", "call_backs": "off", "record_copies": "off"},
    {
        "caller_name_letters": "plain", "return_timeout": "0", "black_list": "hangup",
        "new_client": "answered", "new_client_makes": "lead", "transcripts": "off",
    },
    {"caller_name_with_redirect": "on", "new_client_makes": "contact", "ghost_seconds": "0"},
    {"route_to_responsible": "off", "black_list": "off", "call_back_minutes": "40"},
)  # fmt: skip
# Those that no call shows, and where they have their own test.
ELSEWHERE = {
    "retention_days": "recordings/test_deleting.py",
    "polling": "telephony/test_polling.py",
    "confirm_dialling": "telephony/test_browser_phone.py",
    "browser_phone": "telephony/test_browser_phone.py",
}


@dataclass
class Office:
    """An office and its PBX, which plays one call of each kind."""

    post: Post
    pbx: Simulator
    moment: time_machine.Traveller

    def play(self, **switches: str) -> dict[str, Seen]:
        """Set switches, let all calls come and what follows be done; gives what each led to."""
        services.set_switches({**ON, **switches})
        TelephonySettings.for_change().connected_at = clock.now() - timedelta(days=1)
        db.session.commit()
        self.moment.shift(timedelta(hours=1))
        answers = {
            "talk": self.call("talk", "+351920000001", talk=60),
            "stranger": self.call("stranger", "+351920000002"),
            "ghost": self.call("ghost", "+351920000003", rings=3),
            "client": self.call("client", RITA),
            "client of Bob": self.call("client of Bob", JOAO),
            "refused": self.call("refused", REFUSED),
            "own": self.call("own", MOBILE),
            "hidden": self.call("hidden", "0"),
        }
        self.call_out("outgoing", "+351920000004")
        self.list("listed", "+351920000005")
        self.list("history", "+351920000006", origin="history")
        self.list("old talk", "+351920000007", origin="history", talk=60)
        self.moment.shift(timedelta(minutes=2))
        for kinds in FOLLOW_UPS:
            perform(*kinds)
        return {name: seen(name, answers.get(name)) for name in CALLS}

    def call(self, name: str, number: str, *, rings: int = 20, talk: int = 0) -> Mapping[str, Any]:
        """Let a number ring at Bob's phone, and either talk or give up."""
        phones.keep({"101": True})
        db.session.commit()
        call = start_fields(pbx_call_id=id_of(name), caller_id=number)
        answer = self.post(call)
        self.post({**call, "event": "NOTIFY_INTERNAL", "internal": "101"})
        self.moment.shift(timedelta(seconds=rings))
        if answer.get_json().keys() & {"hangup"} or "blacklist" in answer.text:
            talk = 0
        end = {"duration": "0", "disposition": "cancel", "internal": "", "is_recorded": "0"}
        if talk:
            self.post({**call, "event": "NOTIFY_ANSWER", "internal": "101", "destination": "101"})
            self.moment.shift(timedelta(seconds=talk))
            recording = {"is_recorded": "1", "call_id_with_rec": recording_of(name)}
            end = {"duration": str(talk), "disposition": "answered", "internal": "101", **recording}
            note_in_pbx(self.pbx, id_of(name), recording_of(name))
        self.post({**call, "event": "NOTIFY_END", "status_code": "16", **end})
        found: Mapping[str, Any] = answer.get_json()
        return found

    def call_out(self, name: str, number: str) -> None:
        """Let Bob call a number and talk."""
        call = start_fields(pbx_call_id=id_of(name, "out"), destination=number, internal="101")
        call["caller_id"] = "101"
        self.post({**call, "event": "NOTIFY_OUT_START"})
        self.post({**call, "event": "NOTIFY_ANSWER"})
        self.moment.shift(timedelta(seconds=60))
        end = {"duration": "60", "disposition": "answered", "status_code": "16", "is_recorded": "0"}
        self.post({**call, "event": "NOTIFY_OUT_END", **end})

    def list(self, name: str, number: str, *, origin: str = "", talk: int = 0) -> None:
        """Let the statistics alone tell of a call."""
        recording = recording_of(name) if talk else ""
        fact = Fact(
            FactKind.LISTED, id_of(name), clock.now(), caller=number, did="+351210000001",
            extension="101" if talk else "", talk_seconds=talk, leg=ROOT, origin=origin,
            disposition=Disposition.ANSWERED if talk else Disposition.NO_ANSWER,
            recording_id=recording, is_recorded=bool(talk), happened_at=clock.now(),
        )  # fmt: skip
        if talk:
            note_in_pbx(self.pbx, id_of(name), recording)
        ledger.complete(db.session.connection(), [fact])
        db.session.commit()


@pytest.fixture
def office(post: Post, pbx: Simulator, bob: User) -> Iterator[Office]:
    bob.mobile = MOBILE
    make_contact("Rita Gonçalves", phones=(RITA,))
    make_contact("João", phones=(JOAO,), responsible=bob)
    black_list.block(REFUSED, "PT", None)
    db.session.commit()
    with time_machine.travel(NOON, tick=False) as moment:
        yield Office(post, pbx, moment)


def id_of(name: str, way: str = "in") -> str:
    return f"{way}_{name.replace(' ', '_')}"


def recording_of(name: str) -> str:
    return f"1772442000.{sorted(CALLS).index(name)}"


def seen(name: str, answer: Mapping[str, Any] | None) -> Seen:
    """Read from the database what a call led to."""
    ids = (id_of(name), id_of(name, "out"))
    call = db.session.scalars(select(Call).where(Call.pbx_call_id.in_(ids))).one()
    owed = select(CallBackMiss.call_back_id).where(CallBackMiss.call_id == call.id)
    made = select(ContactPhone.contact_id).where(ContactPhone.number == call.outside_number)
    named = select(Contact.id).where(Contact.name.in_(("Rita Gonçalves", "João")))
    of_leads = Lead.contact_id.in_(made) | (Lead.number == (call.outside_number or "none"))
    recorded = select(Recording.id).where(Recording.call_id == call.id)
    return Seen(
        call.status, answer,
        call_backs=count(CallBack, CallBack.done_at.is_(None), CallBack.id.in_(owed)),
        contacts=count(Contact, Contact.id.in_(made), Contact.id.not_in(named)),
        leads=count(Lead, of_leads),
        recordings=count(Recording, Recording.id.in_(recorded), Recording.state == "ready"),
        transcripts=count(Transcript, Transcript.recording_id.in_(recorded)),
    )  # fmt: skip


def count(model: Any, *conditions: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


@pytest.mark.parametrize("switches", PLAYS, ids=lambda one: "-".join(one) or "all_on")
def test_a_switch_changes_what_its_sentence_says_and_nothing_else(
    office: Office, switches: Mapping[str, str]
) -> None:
    wanted = dict(CALLS)
    for switch in switches.items():
        for name, changes in CHANGES[switch].items():
            wanted[name] = replace(wanted[name], **changes)
    found = office.play(**switches)
    assert {name: (found[name], one) for name, one in wanted.items() if found[name] != one} == {}
    # Nothing was made of anything else either.
    rows = {name: sum(getattr(one, name) for one in wanted.values()) for name in COUNTED}
    assert {name: count(model) - before for name, (model, before) in COUNTED.items()} == rows
    minutes = timedelta(minutes=int(switches.get("call_back_minutes", "15")))
    for row in db.session.scalars(select(CallBack)):
        assert row.due_at == row.first_missed_at + minutes


COUNTED: Mapping[str, tuple[Any, int]] = {
    "call_backs": (CallBack, 0), "contacts": (Contact, 2), "leads": (Lead, 0),
    "recordings": (Recording, 0), "transcripts": (Transcript, 0),
}  # fmt: skip


def test_with_everything_off_calls_are_logged_and_that_is_all(office: Office) -> None:
    found = office.play(**OFF)
    quiet = {
        name: Seen(one.status, None if one.answer is None else {}) for name, one in CALLS.items()
    }
    assert found == quiet | {"refused": Seen("missed", {})}
    for model in (CallBack, CallBackEvent, NewClient, Lead, Recording, Transcript, BlockedCall):
        assert count(model) == 0, model
    # The statistics bring calls that a new switch might want; a notification owes no such job.
    assert count(Job, Job.kind == "new_client") == 1
    assert office.pbx.api_calls == []


def test_only_what_the_pbx_says_while_it_rings_pops_up(
    office: Office, bob: User, client_of: Callable[[User], FlaskClient]
) -> None:
    browser = client_of(bob)
    for name, origin in (("listed", ""), ("history", "history"), ("old talk", "history")):
        office.list(name, RITA, origin=origin, talk=60 * (name == "old talk"))
    assert "data-call-id" not in browser.get("/calls/tray", headers=HTMX).text
    db.session.rollback()
    database.set_reads_only(False)
    call = start_fields(pbx_call_id="in_rings", caller_id=RITA)
    office.post(call)
    office.post({**call, "event": "NOTIFY_INTERNAL", "internal": "101"})
    assert 'data-call-id="in_rings"' in browser.get("/calls/tray", headers=HTMX).text


def test_every_switch_is_tried_here_or_elsewhere(app: Flask) -> None:
    played = {switch for switches in PLAYS for switch in switches.items()}
    assert played == set(CHANGES)
    known = {name for name, _ in CHANGES} | set(ELSEWHERE)
    assert known <= set(Switches.model_fields)
    assert set(Switches.model_fields) - known <= {"sms", "call_back_email"}
