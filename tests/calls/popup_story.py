"""A call as the PBX tells it, and what the screens show of it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.models import Call
from crm_app.calls.store.ledger import record
from crm_app.extensions import db
from tests.told import told

ClientOf = Callable[[User], FlaskClient]
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+351910000042"
LINE = "+351210000001"
HTMX = {"HX-Request": "true"}


def fact(kind: FactKind, pbx_call_id: str = "in_1", **told: Any) -> Call:
    """Let the PBX say one thing now; the screens are told as the webhook tells them."""
    if pbx_call_id.startswith("in_"):
        told = {"caller": ANA, "did": LINE} | told
    recorded = record(db.session.connection(), Fact(kind, pbx_call_id, clock.now(), **told), "")
    db.session.commit()
    call = db.session.get(Call, recorded.call_id)
    assert call is not None
    return call


def ring(*extensions: str, pbx_call_id: str = "in_1", **told: Any) -> Call:
    """Let somebody call, and some of our phones ring."""
    call = fact(FactKind.STARTED, pbx_call_id, **told)
    for extension in extensions:
        call = fact(FactKind.RANG, pbx_call_id, extension=extension, **told)
    return call


def answer(extension: str, pbx_call_id: str = "in_1", **told: Any) -> Call:
    return fact(FactKind.ANSWERED, pbx_call_id, called=extension, extension=extension, **told)


def end(pbx_call_id: str = "in_1", **told: Any) -> Call:
    told = {"disposition": Disposition.ANSWERED, "talk_seconds": 65} | told
    return fact(FactKind.ENDED, pbx_call_id, **told)


def card(client: FlaskClient, call: Call) -> str:
    """The open card of one call as the page asks for it, or its row; "" when it has none."""
    text = client.get(f"/calls/tray?open={call.id}", headers=HTMX).text
    begins = rf'<section class="call-(?:card|row)" id="call-{call.id}".*?</section>'
    found = re.search(begins, text, re.DOTALL)
    return found.group() if found else ""


def tray(client: FlaskClient) -> list[str]:
    """The states of all calls in the tray, rows and the open card, in their order."""
    text = client.get("/calls/tray", headers=HTMX).text
    return [part.partition('"')[0] for part in text.split('data-state="')[1:]]


def is_open(client: FlaskClient) -> bool:
    """Whether a card is open in the tray."""
    return 'class="call-card"' in client.get("/calls/tray", headers=HTMX).text


def heard(user: User) -> int:
    """How many messages about cards have reached the screens of a user."""
    return len([text for text in told(user.id) if "log" not in json.loads(text)])
