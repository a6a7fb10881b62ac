"""An office that calls back whom it has missed since an hour ago, at any hour."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.office.models import DAYS, StoredHours
from crm_app.telephony import services
from crm_app.telephony.models import TelephonySettings


@pytest.fixture
def office(app: Flask) -> Iterator[Flask]:
    """Connected with its PBX since an hour, and without hours: it is always open."""
    services.save_keys("a1b2c3", "0f1e2d3c", app.extensions["vault"])
    TelephonySettings.for_change().connected_at = clock.now() - timedelta(hours=1)
    db.session.add(StoredHours(id=1, week="\n".join("" for _day in DAYS), holidays=""))
    db.session.commit()
    app.extensions["telephony_links"].forget()
    yield app
    app.extensions["telephony_links"].forget()


@pytest.fixture
def responsible(office: Flask, bob: User) -> User:
    """Bob gets what belongs to nobody."""
    services.set_default_responsible(bob.id)
    db.session.commit()
    return bob
