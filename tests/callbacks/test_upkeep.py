"""What the clock does: due by office hours, lent while the owner is away, late for the managers."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app import clock
from crm_app.accounts.models import BrowserSession, User
from crm_app.accounts.presence import services as presence
from crm_app.accounts.rights import Verb, find
from crm_app.accounts.services import change_office
from crm_app.callbacks import services as call_backs
from crm_app.callbacks import upkeep
from crm_app.callbacks.models import CallBack, CallBackEvent
from crm_app.callbacks.rules import Rules
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.live.screen_updates import screen_updates
from crm_app.office.hours import OpeningHours
from tests.callbacks.ended_calls import ANNA, STRANGER, call, open_call_backs
from tests.owed import perform

LISBON = ZoneInfo("Europe/Lisbon")
# A Monday, an hour after the office has opened.
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _monday() -> Iterator[None]:
    with time_machine.travel(MONDAY, tick=False):
        yield


def signs_in(user: User) -> None:
    now = clock.now()
    session = BrowserSession(
        token_hash=f"x{user.id}{now}"[:64], user_id=user.id, user_key="k", seen_at=now
    )
    db.session.add(session)
    db.session.commit()


@pytest.fixture
def owned(office: Flask, bob: User) -> CallBack:
    """A call-back of a client of Bob, who is signed in."""
    make_contact("Anna", phones=(ANNA,), responsible=bob)
    signs_in(bob)
    call("a", ANNA)
    return open_call_backs()[0]


def kinds() -> list[str]:
    perform("tend_call_backs")
    db.session.expire_all()
    return list(db.session.scalars(select(CallBackEvent.kind).order_by(CallBackEvent.id)))


class TestDue:
    def rules(self, minutes: int = 15) -> Rules:
        return Rules(MONDAY, minutes, 5, OpeningHours(LISBON), None, lambda _number: False)

    def test_within_minutes_of_working_time(self) -> None:
        assert self.rules().due(MONDAY) == MONDAY + timedelta(minutes=15)

    def test_in_the_evening_the_rest_counts_from_the_morning(self) -> None:
        evening = MONDAY.replace(hour=17, minute=50)
        assert self.rules().due(evening) == datetime(2026, 3, 3, 9, 5, tzinfo=UTC)

    def test_at_night_and_on_sunday_it_is_due_at_opening(self) -> None:
        for missed_at in (datetime(2026, 3, 1, 12, tzinfo=UTC), MONDAY.replace(hour=3)):
            assert self.rules().due(missed_at) == datetime(2026, 3, 2, 9, tzinfo=UTC)


class TestLending:
    def test_the_pool_gets_what_is_due_while_the_owner_is_away_and_gives_it_back(
        self, owned: CallBack, bob: User
    ) -> None:
        presence.go_away(bob, None)
        db.session.commit()
        owned.due_at = clock.now() + timedelta(minutes=1)
        assert "lent" not in kinds()
        owned.due_at = clock.now()
        db.session.commit()
        assert kinds()[-1] != "opened"
        assert (owned.holder_id, owned.owner_id) == (None, bob.id)
        presence.come_back(bob, None)
        db.session.commit()
        assert kinds()[-1] == "returned"
        assert owned.holder_id == bob.id

    def test_who_is_signed_out_for_long_lends_it_too(self, owned: CallBack, bob: User) -> None:
        owned.due_at = clock.now()
        for session in db.session.scalars(select(BrowserSession)):
            session.seen_at = clock.now() - timedelta(hours=9)
        db.session.commit()
        assert "lent_unseen" in kinds()
        assert owned.holder_id is None
        assert owned.contact is not None
        assert owned.contact.responsible_id == bob.id

    def test_a_deputy_gets_it_at_once(self, owned: CallBack, bob: User, dora: User) -> None:
        presence.go_away(bob, None, deputy_id=dora.id)
        db.session.commit()
        assert "lent" in kinds()
        assert owned.holder_id == dora.id

    def test_a_restricted_deputy_sees_it_until_the_owner_is_back(
        self, owned: CallBack, bob: User, carol: User, alice: User
    ) -> None:
        change_office("", restricts_agents=True, by=alice)
        presence.go_away(bob, None, deputy_id=carol.id)
        db.session.commit()
        assert find(CallBack, owned.id, carol, Verb.EDIT) is None
        kinds()
        assert find(CallBack, owned.id, carol, Verb.EDIT) == owned
        presence.come_back(bob, None)
        db.session.commit()
        kinds()
        assert find(CallBack, owned.id, carol, Verb.EDIT) is None

    def test_what_somebody_took_meanwhile_they_keep(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        presence.go_away(bob, None)
        owned.due_at = clock.now()
        db.session.commit()
        kinds()
        call_backs.take(owned.id, dora)
        presence.come_back(bob, None)
        db.session.commit()
        kinds()
        assert owned.holder_id == dora.id
        call_backs.release(owned.id, dora)
        assert owned.holder_id == bob.id


class TestTheDeputy:
    def lends_to(self, deputy: User, row: CallBack, bob: User) -> None:
        presence.go_away(bob, None, deputy_id=deputy.id)
        row.due_at = clock.now()
        db.session.commit()
        kinds()

    def test_one_who_is_away_too_gets_nothing_and_the_pool_all_that_is_due(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        signs_in(dora)
        presence.go_away(dora, None)
        presence.go_away(bob, None, deputy_id=dora.id)
        owned.due_at = clock.now() + timedelta(minutes=1)
        db.session.commit()
        assert "lent" not in kinds()
        owned.due_at = clock.now()
        db.session.commit()
        assert kinds()[-1] == "lent"
        assert owned.holder_id is None

    def test_when_they_go_away_later_the_pool_gets_it_and_they_again_when_they_are_back(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        signs_in(dora)
        self.lends_to(dora, owned, bob)
        assert owned.holder_id == dora.id
        presence.go_away(dora, None)
        db.session.commit()
        kinds()
        assert (owned.holder_id, owned.owner_id) == (None, bob.id)
        presence.come_back(dora, None)
        db.session.commit()
        found = kinds()
        assert owned.holder_id == dora.id
        assert kinds() == found

    def test_one_who_is_signed_out_for_long_keeps_nothing_that_is_late(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        self.lends_to(dora, owned, bob)
        assert owned.holder_id == dora.id
        owned.due_at = clock.now() - timedelta(minutes=15)
        db.session.commit()
        kinds()
        kinds()
        assert owned.holder_id is None
        signs_in(dora)
        kinds()
        assert owned.holder_id == dora.id

    def test_another_one_gets_it_in_their_place(
        self, owned: CallBack, bob: User, carol: User, dora: User
    ) -> None:
        signs_in(carol)
        signs_in(dora)
        self.lends_to(dora, owned, bob)
        presence.go_away(bob, None, deputy_id=carol.id)
        db.session.commit()
        kinds()
        assert owned.holder_id == carol.id

    def test_whoever_it_is_lent_to_is_reminded_although_the_owner_was(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        signs_in(dora)
        owned.due_at = clock.now()
        db.session.commit()
        kinds()
        reminded_at = owned.reminded_at
        with time_machine.travel(MONDAY + timedelta(minutes=1), tick=False):
            self.lends_to(dora, owned, bob)
        assert reminded_at is not None
        assert owned.reminded_at == reminded_at + timedelta(minutes=1)


class TestWhatWasTaken:
    def test_it_goes_to_the_deputy_of_who_goes_away_at_once(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        signs_in(dora)
        call_backs.take(owned.id, bob)
        presence.go_away(bob, None, deputy_id=dora.id)
        owned.due_at = clock.now() + timedelta(minutes=1)
        db.session.commit()
        assert kinds()[-2:] == ["left", "lent"]
        assert (owned.state, owned.holder_id) == ("open", dora.id)

    def test_without_a_deputy_it_is_released_when_it_is_due(
        self, owned: CallBack, bob: User
    ) -> None:
        call_backs.take(owned.id, bob)
        presence.go_away(bob, None)
        owned.due_at = clock.now() + timedelta(minutes=1)
        db.session.commit()
        assert kinds()[-1] == "taken"
        owned.due_at = clock.now()
        db.session.commit()
        assert kinds()[-2:] == ["left", "lent"]
        assert (owned.state, owned.holder_id) == ("open", None)

    def test_a_colleagues_goes_back_to_its_owner(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        call_backs.take(owned.id, dora)
        owned.due_at = clock.now()
        db.session.commit()
        assert kinds()[-1] == "taken"
        # Dora is here, but no browser of hers was seen since.
        owned.taken_at = clock.now() - timedelta(hours=9)
        db.session.commit()
        assert kinds()[-1] == "left_unseen"
        assert (owned.holder_id, owned.lent_at) == (bob.id, None)

    def test_what_a_deputy_took_reaches_the_pool_when_they_are_away_too(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        signs_in(dora)
        presence.go_away(bob, None, deputy_id=dora.id)
        db.session.commit()
        kinds()
        call_backs.take(owned.id, dora)
        presence.go_away(dora, None)
        owned.due_at = clock.now()
        db.session.commit()
        assert kinds()[-2:] == ["left", "lent"]
        assert owned.holder_id is None

    def test_who_takes_one_while_they_are_away_keeps_it(self, owned: CallBack, bob: User) -> None:
        owned.due_at = clock.now()
        presence.go_away(bob, None)
        db.session.commit()
        kinds()
        with time_machine.travel(MONDAY + timedelta(minutes=1), tick=False):
            call_backs.take(owned.id, bob)
            db.session.commit()
            assert kinds()[-1] == "taken"

    def test_who_cannot_sign_in_any_more_keeps_nothing_that_is_due(
        self, owned: CallBack, bob: User, dora: User
    ) -> None:
        signs_in(dora)
        call_backs.take(owned.id, dora)
        dora.active = False
        owned.due_at = clock.now()
        db.session.commit()
        kinds()
        assert owned.holder_id == bob.id


def test_the_page_says_why_it_is_lent(
    owned: CallBack, bob: User, client_of: Callable[[User], FlaskClient], alice: User
) -> None:
    owned.due_at = clock.now()
    for session in db.session.scalars(select(BrowserSession)):
        session.seen_at = clock.now() - timedelta(hours=9)
    db.session.commit()
    kinds()
    browser, address = client_of(alice), f"/callbacks/{owned.id}"
    page = browser.get(address).text
    assert f"In the pool while {bob.name} is not signed in" in page
    assert f"Lent while {bob.name} is not signed in" in page
    presence.go_away(bob, None)
    db.session.commit()
    assert f"In the pool while {bob.name} is away" in browser.get("/callbacks").text


class TestReminders:
    def heard(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[int], dict[str, int]]]:
        found: list[tuple[set[int], dict[str, int]]] = []
        monkeypatch.setattr(
            screen_updates, "enqueue", lambda users, message: found.append((set(users), message))
        )
        perform("tend_call_backs")
        return [one for one in found if "remind" in one[1]]

    def test_who_is_to_call_is_reminded_once_when_it_is_due(
        self, owned: CallBack, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owned.due_at = clock.now()
        db.session.commit()
        assert self.heard(monkeypatch) == [({bob.id}, {"remind": owned.id})]
        assert self.heard(monkeypatch) == []

    def test_of_the_pool_all_who_are_here_are_reminded(
        self, office: Flask, bob: User, dora: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call("a", STRANGER)
        (row,) = open_call_backs()
        presence.go_away(dora, None)
        row.due_at = clock.now()
        db.session.commit()
        assert self.heard(monkeypatch) == [({bob.id}, {"remind": row.id})]

    def test_late_ones_go_to_the_managers_after_as_much_working_time_again(
        self, owned: CallBack, dora: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owned.due_at = clock.now() - timedelta(minutes=14)
        db.session.commit()
        self.heard(monkeypatch)
        assert owned.escalated_at is None
        owned.due_at = clock.now() - timedelta(minutes=15)
        db.session.commit()
        assert self.heard(monkeypatch) == [({dora.id}, {"remind": owned.id})]
        db.session.expire_all()
        assert owned.escalated_at is not None

    def test_what_was_put_off_goes_to_the_managers_again_when_it_is_late_again(
        self, owned: CallBack, bob: User, dora: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        to_dora = ({dora.id}, {"remind": owned.id})
        owned.due_at = clock.now() - timedelta(minutes=15)
        db.session.commit()
        assert to_dora in self.heard(monkeypatch)
        call_backs.snooze(owned.id, clock.now() + timedelta(hours=1), bob)
        db.session.commit()
        with time_machine.travel(MONDAY + timedelta(hours=1, minutes=14), tick=False):
            assert to_dora not in self.heard(monkeypatch)
        with time_machine.travel(MONDAY + timedelta(hours=1, minutes=15), tick=False):
            assert to_dora in self.heard(monkeypatch)


def test_nothing_happens_while_it_is_switched_off(owned: CallBack) -> None:
    owned.due_at = clock.now() - timedelta(hours=1)
    db.session.commit()
    off = Rules(None, 15, 5, OpeningHours(LISBON), None, lambda _number: False)
    upkeep.tend(off)
    db.session.commit()
    assert (owned.reminded_at, owned.escalated_at, owned.lent_at) == (None, None, None)
