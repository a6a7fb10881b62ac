"""Screens are told at once, and nobody waits for it."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from crm_app.accounts.models import User
from crm_app.calls.models import Call, CallFact
from crm_app.extensions import db
from crm_app.live import bus
from crm_app.live.messages import channel_of, missed
from crm_app.live.screen_updates import ScreenUpdates, screen_updates
from tests.patience import wait_until
from tests.telephony.conftest import Post, start_fields

RANG = {"event": "NOTIFY_INTERNAL", "internal": "101"}


@pytest.fixture
def silent_bus(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bus that accepts everything and says nothing."""
    monkeypatch.setattr(bus, "TIMEOUT_SECONDS", 4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        bus.configure(f"redis://127.0.0.1:{server.getsockname()[1]}")
        yield
        bus.configure(app.extensions["settings"].bus_url)
        assert screen_updates.wait_until_sent(60)


@pytest.mark.usefixtures("silent_bus")
def test_the_answer_does_not_wait_for_a_bus_that_is_silent(post: Post, bob: User) -> None:
    db.session.rollback()
    for number in range(3):
        began = time.monotonic()
        assert post(start_fields(**RANG, pbx_call_id=f"in_{number}")).status_code == 200
        assert time.monotonic() - began < 3
    assert db.session.scalar(select(func.count(CallFact.id))) == 3


def test_those_whose_phones_ring_are_told(post: Post, bob: User) -> None:
    bus.client().flushdb()
    channel = channel_of(bob.id)
    db.session.rollback()
    for number in range(3):
        post(start_fields(**RANG, pbx_call_id=f"in_{number}"))
    assert screen_updates.wait_until_sent(60)
    told = [text for _, text in missed(bus.client(), channel, (0, 0))]
    ids = db.session.scalars(select(Call.id).order_by(Call.pbx_call_id))
    assert told == [f'{{"call":{call_id}}}' for call_id in ids]


class Slow:
    """A way to the screens that is closed until it is opened; remembers what passed."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.told: list[tuple[set[int], dict[str, Any]]] = []

    def send(self, messages: list[Any]) -> None:
        self.is_open.wait(60)
        is_bad = any(message == {"call": 13} for _, message in messages)
        # Several leave in one step, or none of them.
        if not is_bad or len(messages) == 1:
            self.told += [(set(users), message) for users, message in messages]
        if is_bad:
            raise RuntimeError("bad luck")


def test_it_tells_in_order_and_each_thing_once_while_it_waits() -> None:
    slow = Slow()
    slow_updates = ScreenUpdates(slow.send)
    slow_updates.enqueue([7], {"call": 0})
    wait_until(lambda: not slow_updates._waiting, "the first does not leave")
    for call in (1, 13, 2, 1, 2):
        slow_updates.enqueue([7, 8], {"call": call})
    slow_updates.enqueue([], {"call": 99})
    assert not slow_updates.wait_until_sent(0.01)
    slow.is_open.set()
    assert slow_updates.wait_until_sent(60)
    assert [message["call"] for _, message in slow.told] == [0, 1, 13, 2]
    assert slow.told[1][0] == {7, 8}


def test_it_forgets_the_oldest_when_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm_app.live.screen_updates.MOST_WAITING", 2)
    slow = Slow()
    slow_updates = ScreenUpdates(slow.send)
    slow_updates.enqueue([7], {"call": 0})
    wait_until(lambda: not slow_updates._waiting, "the first does not leave")
    for call in (1, 2, 3):
        slow_updates.enqueue([7], {"call": call})
    slow.is_open.set()
    assert slow_updates.wait_until_sent(60)
    assert [message["call"] for _, message in slow.told] == [0, 2, 3]
