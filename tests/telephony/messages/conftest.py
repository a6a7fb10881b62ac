"""An office that sends and shows text messages, and the PBX that it does so by."""

import pytest
from flask import Flask
from sqlalchemy import select

from crm_app.extensions import db
from crm_app.simulator.office import Simulator
from crm_app.telephony.messages.models import Message
from tests.telephony.conftest import set_switches

CLIENT = "+351910000042"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def pbx(pbx: Simulator, connected: Flask) -> Simulator:
    """A played PBX, and the switch turned on."""
    set_switches(connected, sms="on")
    return pbx


def stored() -> list[Message]:
    """Give all messages in the order in which they were made."""
    db.session.rollback()
    return list(db.session.scalars(select(Message).order_by(Message.id)))
