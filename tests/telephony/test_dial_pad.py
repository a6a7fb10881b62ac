"""The numbers that a user called last are one click away."""

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Fact, FactKind
from crm_app.calls.store.ledger import record
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.telephony.dialling import services
from crm_app.telephony.dialling.models import DialRequest, DialState

ANA, RUI = "+351910000042", "+351910000043"
ClientOf = Callable[[User], FlaskClient]


def asked_for(user: User, number: str, minutes_ago: int) -> None:
    at = clock.now() - timedelta(minutes=minutes_ago)
    request = DialRequest(
        user_id=user.id, extension="101", number=number, state=DialState.CONNECTED, created_at=at
    )
    db.session.add(request)
    db.session.commit()


def dialled_by_keys(number: str, minutes_ago: int, extension: str = "101") -> None:
    at = clock.now() - timedelta(minutes=minutes_ago)
    fact = Fact(
        FactKind.OUTGOING_STARTED, f"out_{minutes_ago}", at, called=number, extension=extension
    )
    record(db.session.connection(), fact, "")
    db.session.commit()


def test_each_number_is_listed_once_with_the_newest_first(bob: User, carol: User) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    asked_for(bob, ANA, 30)
    dialled_by_keys(RUI, 20)
    dialled_by_keys(ANA, 10)
    asked_for(carol, "+351910000044", 5)
    assert [(one.number, one.name) for one in services.called_last(bob)] == [
        (ANA, "Ana Sousa"),
        (RUI, ""),
    ]


def test_only_the_last_ones_are_listed(bob: User) -> None:
    for place in range(12):
        asked_for(bob, f"+3519100000{place:02}", place)
    called = services.called_last(bob)
    assert [one.number[-2:] for one in called] == [f"{place:02}" for place in range(8)]


def test_the_pad_and_the_page_of_the_dialler_offer_them(bob: User, client_of: ClientOf) -> None:
    asked_for(bob, ANA, 30)
    browser = client_of(bob)
    db.session.rollback()
    for path, headers in (
        ("/telephony/dials", {}),
        ("/telephony/dials/pad", {"HX-Request": "true"}),
    ):
        page = browser.get(path, headers=headers)
        db.session.rollback()
        assert f'data-call-number="{ANA}"' in page.text
    assert browser.get("/telephony/dials/pad").status_code == 303
