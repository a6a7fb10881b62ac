"""An extension gets another owner: the calls of the old one stay theirs."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.accounts.services import change_office, set_extension
from crm_app.calls.fold.facts import Disposition, FactKind
from crm_app.calls.models import Call
from crm_app.contacts.models import Contact
from crm_app.extensions import db
from tests.calls.popup_story import ANA, HTMX, ClientOf, fact

pytestmark = pytest.mark.usefixtures("traveller")
GETS = ("", "/people?q=ana")
POSTS = ("/popup/close", "/identify", "/new-lead", "/wrapup", "/wrapup/draft")


def bob_calls_ana() -> Call:
    """Let 101 call a client and talk."""
    fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=ANA)
    return fact(
        FactKind.OUTGOING_ENDED, "out_1", extension="101", called=ANA,
        disposition=Disposition.ANSWERED, talk_seconds=5,
    )  # fmt: skip


def hand_over(extension: str, old: User, new: User, admin: User) -> None:
    """Give an extension to somebody else in an office where agents see only their own."""
    set_extension(old, None)
    set_extension(new, extension)
    change_office("", restricts_agents=True, by=admin)
    db.session.commit()


def status(client: FlaskClient, method: str, url: str) -> int:
    data = {"name": "Taken", "note": "Taken"} if method == "POST" else None
    return client.open(url, method=method, headers=HTMX, data=data).status_code


def test_the_new_owner_of_an_extension_has_no_part_in_the_calls_that_were_made_with_it(
    client_of: ClientOf, alice: User, bob: User, carol: User
) -> None:
    call_id = bob_calls_ana().id
    hand_over("101", bob, carol, alice)
    theirs, old = client_of(carol), client_of(bob)
    for method, ends in (("GET", GETS), ("POST", POSTS)):
        for end in ends:
            assert status(theirs, method, f"/calls/{call_id}{end}") == 404, end
    assert db.session.scalars(select(Contact)).all() == []
    assert status(old, "POST", f"/calls/{call_id}/wrapup/draft") == 204


def test_the_new_owner_sees_the_calls_that_are_made_from_now_on(
    client_of: ClientOf, alice: User, bob: User, carol: User
) -> None:
    hand_over("101", bob, carol, alice)
    call_id = bob_calls_ana().id
    assert status(client_of(carol), "POST", f"/calls/{call_id}/wrapup/draft") == 204
    assert status(client_of(bob), "POST", f"/calls/{call_id}/wrapup/draft") == 404


def test_who_made_a_call_and_passed_it_on_can_still_write_it_up(
    client_of: ClientOf, alice: User, bob: User, erin: User
) -> None:
    fact(FactKind.OUTGOING_STARTED, "out_1", extension="101", called=ANA)
    fact(FactKind.ANSWERED, "out_1", caller="101", called=ANA)
    fact(FactKind.RANG, "out_1", extension="102", transfer_from="101", called=ANA)
    fact(FactKind.ANSWERED, "out_1", extension="102", called="102", transfer_from="101")
    call = fact(
        FactKind.OUTGOING_ENDED, "out_1", extension="101", last_extension="102", called=ANA,
        disposition=Disposition.ANSWERED, talk_seconds=65,
    )  # fmt: skip
    assert call.user == erin
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    for user in (bob, erin):
        assert status(client_of(user), "POST", f"/calls/{call.id}/wrapup/draft") == 204
        assert f'href="/calls/{call.id}"' in client_of(user).get("/calls").text
