"""More of the cast, and a clock that stands still."""

from collections.abc import Iterator

import pytest
import time_machine
from flask import Flask

from crm_app.accounts.models import User
from crm_app.demo import make_user
from crm_app.live import bus
from crm_app.live.screen_updates import screen_updates
from tests.calls.popup_story import NOON


@pytest.fixture
def traveller(app: Flask) -> Iterator[time_machine.Traveller]:
    """Time stands still at noon until a test moves it."""
    assert screen_updates.wait_until_sent(60)
    bus.client().flushdb()
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def erin(app: Flask) -> User:
    return make_user("Erin Agent", extension="102")
