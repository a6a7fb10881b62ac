"""Whose numbers are ours: extensions, the account's direct numbers, colleagues' mobiles."""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import Role, User
from crm_app.demo import make_user
from crm_app.extensions import db
from crm_app.simulator.account import FaultKind
from crm_app.simulator.office import Simulator
from crm_app.telephony import services
from crm_app.telephony.models import DirectNumber, PhoneState
from crm_app.telephony.routing import phones, refreshing
from crm_app.telephony.routing.own_numbers import is_own_number
from crm_app.telephony.zadarma.client import ZadarmaClient
from tests.telephony.conftest import SECRET, use_api


@pytest.fixture
def pbx(connected: Flask, key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """The PBX with three extensions, one phone of which is registered, and two numbers."""
    with Simulator(key, SECRET, extensions=("100", "101", "102"), online=("101",)) as played:
        played.account.other_numbers["442037691880"] = {"status": "parking", "autorenew": "false"}
        use_api(connected, played.url, monkeypatch)
        yield played


def is_own(number: str) -> bool:
    return is_own_number(db.session.connection(), number)


def test_extensions_numbers_of_the_account_and_mobiles_are_ours(
    app: Flask, alice: User, bob: User, pbx: Simulator
) -> None:
    refreshing.keep_numbers({}, refreshing.ask_numbers({}))
    services.keep(services.Probe(extensions=("100", "101", "102")))
    bob.mobile, alice.mobile = "+5511987654321", "+351912345678"
    alice.active = False
    db.session.commit()
    for number in ("100", "101", "102", "+351210000001", "+442037691880"):
        assert is_own(number), number
    # Brazilian mobiles are written with and without a ninth digit.
    assert is_own("+5511987654321")
    assert is_own("+551187654321")
    for number in ("", "103", "+351210000002", "+351912345678", "351210000001"):
        assert not is_own(number), number


def test_the_numbers_of_the_account_are_those_of_the_last_answer(pbx: Simulator) -> None:
    refreshing.keep_numbers({}, refreshing.ask_numbers({}))
    row = db.session.get_one(DirectNumber, "+442037691880")
    assert (row.status, row.renews_itself, row.name) == ("parking", False, "Lisbon")
    assert row.stops_at
    pbx.account.other_numbers = {}
    refreshing.keep_numbers({}, refreshing.ask_numbers({}))
    db.session.commit()
    assert db.session.scalars(select(DirectNumber.number)).all() == ["+351210000001"]
    services.disconnect()
    assert db.session.scalars(select(DirectNumber.number)).all() == []
    assert refreshing.ask_numbers({}) is not None


def test_the_worker_asks_which_phones_are_registered(
    alice: User, bob: User, carol: User, pbx: Simulator
) -> None:
    carol.extension = "109"
    db.session.commit()
    assert phones.due() == ["100", "101", "109"]
    refreshing.keep_phones({}, refreshing.ask_phones({}))
    db.session.commit()
    # The PBX does not know the last one.
    assert phones.registered() == {"100": False, "101": True, "109": False}
    assert phones.due() == []


def test_a_phone_that_was_not_asked_for_a_minute_is_unknown(bob: User, pbx: Simulator) -> None:
    refreshing.keep_phones({}, refreshing.ask_phones({}))
    (state,) = db.session.scalars(select(PhoneState)).all()
    assert phones.registered(state.asked_at + phones.KNOWN_FOR) == {"101": True}
    assert phones.registered(state.asked_at + phones.KNOWN_FOR * 1.01) == {}


def make_agents(count: int) -> None:
    for number in range(200, 200 + count):
        make_user(f"Agent {number}", extension=str(number))
    db.session.commit()


def look() -> None:
    """Do what the worker's job does."""
    refreshing.keep_phones({}, refreshing.ask_phones({}))
    db.session.commit()


def path_of(extension: str) -> str:
    return f"/v1/pbx/internal/{extension}/"


@pytest.mark.parametrize(
    ("fault", "first"), [("down", 3), ("limit", 1), ("limit200", 1), ("html", 3), ("error", 3)]
)
def test_an_api_in_trouble_is_soon_left_in_peace_and_nothing_is_made_up(
    app: Flask, pbx: Simulator, fault: FaultKind, first: int
) -> None:
    make_agents(6)
    pbx.inject(fault)
    with time_machine.travel(clock.now(), tick=False) as moment:
        # Several phones in a row without an answer are enough; the next time the first one is.
        for expected in (first, 1, 1):
            asked = len(pbx.api_calls)
            look()
            assert len(pbx.api_calls) == asked + expected
            assert phones.registered() == {}
            moment.shift(phones.ASKED_EVERY)
        pbx.heal()
        look()
        moment.shift(phones.ASKED_EVERY)
        look()
        assert phones.registered() == dict.fromkeys(map(str, range(200, 206)), False)
        assert phones.patience() == phones.PATIENCE


def test_wrong_keys_and_no_connection_end_a_round_at_once(
    app: Flask, key: str, pbx: Simulator
) -> None:
    make_agents(4)
    with contextlib.closing(ZadarmaClient(key, "wrong", pbx.url)) as stranger:
        asked = len(pbx.api_calls)
        assert phones.ask(stranger, phones.due()) == {}
        assert len(pbx.api_calls) == asked + 1
    tries = []
    nowhere = ZadarmaClient(
        key, SECRET, "http://127.0.0.1:1", budget=lambda kind: tries.append(kind) is None
    )
    with contextlib.closing(nowhere):
        assert phones.ask(nowhere, phones.due()) == {}
    assert len(tries) == 1


def test_phones_that_the_pbx_gives_no_answer_about_keep_nobody_from_their_turn(
    app: Flask, pbx: Simulator
) -> None:
    make_agents(8)
    # As many in a row as make the PBX look ill.
    for extension in ("200", "201", "202"):
        pbx.inject("error", path=path_of(extension))
    with time_machine.travel(clock.now(), tick=False) as moment:
        look()
        assert phones.registered() == {}
        for _ in range(6):
            moment.shift(phones.ASKED_EVERY)
            look()
            assert phones.registered() == dict.fromkeys(map(str, range(203, 208)), False)
        pbx.heal()
        moment.shift(phones.ASKED_EVERY)
        look()
        assert phones.registered().keys() == {str(number) for number in range(200, 208)}


def test_phones_are_asked_in_turn_when_there_are_many(app: Flask, pbx: Simulator) -> None:
    make_agents(phones.MOST_AT_ONCE + 5)
    first = phones.due()
    assert len(first) == phones.MOST_AT_ONCE
    phones.keep(dict.fromkeys(first, True))
    db.session.commit()
    assert len(phones.due()) == 5
    assert not set(phones.due()) & set(first)


def test_of_a_hundred_phones_each_is_asked_within_two_minutes(app: Flask, pbx: Simulator) -> None:
    db.session.add_all(
        User(
            name=f"Agent {number}", email=f"{number}@office.example", extension=str(number),
            fs_uniquifier=str(number), role=Role.AGENT,
        )
        for number in range(200, 300)
    )  # fmt: skip
    db.session.commit()
    asked: dict[str, datetime] = {}
    longest = timedelta()
    with time_machine.travel(clock.now(), tick=False) as moment:
        began = clock.now()
        while clock.now() < began + timedelta(minutes=5):
            now, some = clock.now(), phones.due()
            # Half of what the account may ask is left for all else.
            assert len(some) * (timedelta(minutes=1) / phones.ASKED_EVERY) <= 60
            for extension in some:
                longest = max(longest, now - asked.get(extension, began))
                asked[extension] = now
            phones.keep(dict.fromkeys(some, True))
            db.session.commit()
            moment.shift(phones.ASKED_EVERY)
    assert len(asked) == 100
    assert longest <= timedelta(seconds=100)


def test_without_a_connection_nobody_is_asked(app: Flask, bob: User) -> None:
    assert refreshing.ask_phones({}) == {}
    assert refreshing.ask_numbers({}) is None
