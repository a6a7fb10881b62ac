"""Days of calls that a played PBX sends to the application, some notifications of them lost."""

import json
import random
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from crm_app import clock
from crm_app.calls.models import Call
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.simulator import Simulator, office
from crm_app.simulator.posting import Delivery
from crm_app.simulator.scenarios import Post, placeholders, posts, scenario
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.zadarma.signing import sign_webhook
from tests.telephony.conftest import connect

KINDS = (
    *("in-answered-5", "in-answered-5", "in-answered-internal-absent", "in-second-group"),
    *("in-missed-cancel", "in-missed-no-answer", "in-missed-end-with-internal", "in-busy"),
    *("in-line-limit", "in-cancel-in-menu", "in-transfer-blind", "in-pickup", "in-voicemail"),
    *("out-answered", "out-busy", "out-no-answer", "out-plus", "internal-call"),
    *("callback-single", "callback-two-legs-one-id"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a person reads of a call."""

    direction: str
    status: str
    number: str
    did: str
    answered_by: str
    placed_by: str
    user: str
    contact: str
    talk_seconds: int | None
    has_recordings: bool
    phones: tuple[str, ...]


def told() -> dict[str, Told]:
    """Read what the log says of each call."""
    calls = db.session.scalars(
        select(Call).options(selectinload(Call.legs), selectinload(Call.recordings))
    )
    found = {call.pbx_call_id: _told(call) for call in calls}
    db.session.commit()
    return found


def _told(call: Call) -> Told:
    return Told(
        call.direction, call.status, call.outside_number, call.did, call.answered_by_extension,
        call.placed_by_extension, call.user.name if call.user else "",
        call.contact.name if call.contact else "", call.talk_seconds,
        bool(call.recordings),
        tuple(sorted({leg.extension for leg in call.legs})),
    )  # fmt: skip


def open_office(app: Flask, key: str) -> None:
    """Make an office with five phones, whose PBX is connected, and a contact."""
    connect(app, key)
    for number in range(101, 106):
        make_user(f"Agent {number}", extension=str(number))
    settings = TelephonySettings.for_change()
    settings.extensions_json = json.dumps([str(number) for number in range(101, 106)])
    settings.extensions_at = clock.now()
    for number in range(0, 300, 3):
        make_contact(f"Client {number}", phones=(f"+3519100{number:05}",))
    db.session.commit()


def deliver_to(browser: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the played PBX post to the application in this process."""

    def deliver(post: Post, url: str, secret: str) -> Delivery:
        answer = browser.post(
            "/zadarma",
            data=urlencode(post.fields),
            headers={"Signature": sign_webhook(post.fields, secret)},
            content_type="application/x-www-form-urlencoded",
        )
        return Delivery(post.fields["event"], post.fields, answer.status_code, answer.text, 0.0)

    monkeypatch.setattr(office, "deliver", deliver)


def play_day(
    pbx: Simulator, moment: time_machine.Traveller, calls: int, every: timedelta, first: int = 0
) -> None:
    """Play calls of all kinds one after the other; the same calls for the same numbers."""
    rng = random.Random(5)
    for number in range(first, first + calls):
        began = clock.now()
        kind = KINDS[number % len(KINDS)]
        tag = f"{number:08x}" * 5
        values = placeholders(
            pbx.account.wall_clock(),
            {
                **{f"ext{place}": one for place, one in enumerate(pbx.account.extensions, 1)},
                "client": f"+3519100{rng.randrange(300):05}",
                "did": pbx.account.did,
                "in_id": f"in_{tag}", "in_id2": f"in_{tag[1:]}f",
                "out_id": f"out_{tag}", "out_id2": f"out_{tag[1:]}f",
                "rec1": f"{1772442000 + number}.1", "rec2": f"{1772442000 + number}.2",
            },
        )  # fmt: skip
        for post in posts(scenario(kind), values):
            moment.shift(timedelta(seconds=post.delay))
            pbx.send(post)
        moment.move_to(began + every)
