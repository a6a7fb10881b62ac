"""What was written down, as the tests read it."""

from collections.abc import Callable

import pytest
from flask import Flask

from crm_app.extensions import db
from crm_app.security.models import SecurityEvent

Events = Callable[..., list[SecurityEvent]]


@pytest.fixture
def events(app: Flask) -> Events:
    """Read the security events, those of some kinds or all, in the order they came."""

    def read(*kinds: str) -> list[SecurityEvent]:
        db.session.commit()
        app.extensions["security_refusals"].write()
        found = db.session.scalars(db.select(SecurityEvent).order_by(SecurityEvent.id))
        return [event for event in found if not kinds or event.kind in kinds]

    return read
