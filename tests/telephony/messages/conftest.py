"""An office that sends and shows text messages, and the PBX that it does so by."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.messages.models import Message
from tests.telephony.conftest import SECRET, use_api

CLIENT = "+351910000042"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def pbx(
    connected: Flask, served: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """A played PBX, and the switch turned on."""
    with Simulator(key, SECRET, f"{served}/zadarma") as simulator:
        use_api(connected, simulator.url, monkeypatch)
        switch(connected, "on")
        yield simulator
        db.session.rollback()
    assert not simulator.errors


def switch(app: Flask, value: str) -> None:
    """Turn the switch; this process sees it at once."""
    services.set_switches({"sms": value})
    db.session.commit()
    app.extensions["telephony_links"].forget()


def stored() -> list[Message]:
    """Give all messages in the order in which they were made."""
    db.session.rollback()
    return list(db.session.scalars(select(Message).order_by(Message.id)))
