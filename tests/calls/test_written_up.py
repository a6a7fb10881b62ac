"""What was written up is seen: in every row of a call, in the filter, on the next pop-up."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.services import change_office
from crm_app.calls.models import Call, CallOutcome, CallWrapup
from crm_app.calls.popups.cards import last_write_up
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact, make_lead
from crm_app.extensions import db
from tests.calls.popup_story import ANA, ClientOf, answer, end, ring

pytestmark = pytest.mark.usefixtures("traveller")
Talk = Callable[..., Call]
NOTE = "Wants a quote by Friday\nand a visit"


@pytest.fixture
def ana(bob: User) -> Contact:
    return make_contact("Ana Sousa", phones=(ANA,), responsible_id=bob.id)


@pytest.fixture
def talk(bob: User) -> Talk:
    """A talk of Bob's; written up when an outcome or a note is given."""

    def talk(name: str, outcome: str = "", note: str = "", **told: str) -> Call:
        ring("101", pbx_call_id=name, **told)
        answer("101", name, **told)
        call = end(name, **told)
        if outcome or note:
            _write(call, bob, outcome, note)
        return call

    return talk


def _write(call: Call, user: User, outcome: str, note: str, *, is_draft: bool = False) -> None:
    row = db.session.query(CallWrapup).filter_by(call_id=call.id, user_id=user.id).one_or_none()
    row = row or CallWrapup(call_id=call.id, user_id=user.id)
    row.outcome, row.note = outcome, note
    row.saved_at = None if is_draft else clock.now()
    db.session.add(row)
    db.session.commit()


@pytest.mark.parametrize("place", ["log", "contact", "lead"])
def test_it_stands_in_the_rows_of_the(
    place: str, client_of: ClientOf, bob: User, ana: Contact, talk: Talk
) -> None:
    lead = make_lead("Garden wall", contact_id=ana.id, responsible_id=bob.id)
    pages = {
        "log": "/calls",
        "contact": f"/calls/for-contact/{ana.id}",
        "lead": f"/calls/for-lead/{lead.id}",
    }
    talk("in_1", "call_again", NOTE)
    html = client_of(bob).get(pages[place]).text
    assert '<span class="badge bg-azure-lt">Call again</span>' in html
    assert "Wants a quote by Friday" in html


def test_it_shows_what_each_of_two_colleagues_wrote(
    client_of: ClientOf, bob: User, erin: User, ana: Contact, talk: Talk
) -> None:
    call = talk("in_1", "interested", "First half")
    _write(call, erin, "done", "Second half")
    html = client_of(bob).get("/calls").text
    for words in ("Interested", "Done", "First half", "Second half"):
        assert f">{words}<" in html


def test_it_shows_no_draft_to_anybody(
    client_of: ClientOf, bob: User, erin: User, ana: Contact, talk: Talk
) -> None:
    _write(talk("in_1"), bob, "interested", "Half a sen", is_draft=True)
    for user in (bob, erin):
        page = client_of(user).get("/calls").text.partition('id="call-list"')[2]
        assert "Half a sen" not in page
        assert "bg-azure-lt" not in page


def test_it_keeps_the_name_of_an_outcome_that_is_offered_no_more(
    client_of: ClientOf, bob: User, talk: Talk
) -> None:
    db.session.add(CallOutcome(code="visit", label="Visit agreed", removed_at=clock.now()))
    talk("in_1", "visit")
    assert ">Visit agreed</span>" in client_of(bob).get("/calls").text


def test_it_narrows_the_log_to_an_outcome(
    client_of: ClientOf, bob: User, carol: User, talk: Talk
) -> None:
    wanted = talk("in_1", "call_again")
    for name, outcome in (("in_2", "done"), ("in_3", "")):
        talk(name, outcome, caller="+351910000077")
    _write(talk("in_4", caller="+351910000077"), bob, "call_again", "", is_draft=True)
    for asked in ("outcome=call_again", f"outcome=call_again&user={bob.id}"):
        html = client_of(bob).get(f"/calls?{asked}").text
        assert [part.partition('"')[0] for part in html.split('id="row-of-call-')[1:]] == [
            str(wanted.id)
        ]
        assert '<option value="call_again" selected' in html
    assert "No call matches" in client_of(bob).get("/calls?outcome=no-such-outcome").text


def test_it_narrows_a_restricted_agents_log_to_an_outcome_of_their_own_calls(
    client_of: ClientOf, alice: User, bob: User, carol: User, talk: Talk
) -> None:
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    talk("in_1", "call_again", "Ours")
    assert "Ours" in client_of(bob).get("/calls?outcome=call_again").text
    assert "Ours" not in client_of(carol).get("/calls?outcome=call_again").text


def test_it_stands_on_the_next_pop_up(
    client_of: ClientOf, bob: User, ana: Contact, talk: Talk, traveller: object
) -> None:
    talk("in_1", "interested", "Some other day")
    talk("in_2", "call_again", "Wants a quote by Friday")
    talk("in_3")
    call = ring("101", pbx_call_id="in_4")
    written = last_write_up(ana, call)
    assert written is not None
    assert (written.outcome, written.note) == ("call_again", "Wants a quote by Friday")
    html = client_of(bob).get("/calls/tray", headers={"HX-Request": "true"}).text
    assert "Call again" in html
    assert "Wants a quote by Friday" in html
    assert "Some other day" not in html


def test_it_says_on_a_pop_up_nothing_of_whom_one_may_not_open(
    client_of: ClientOf, alice: User, bob: User, erin: User, ana: Contact, talk: Talk
) -> None:
    talk("in_1", "call_again", "Between us")
    change_office("", restricts_agents=True, by=alice)
    db.session.commit()
    ring("102", pbx_call_id="in_2")
    html = client_of(erin).get("/calls/tray", headers={"HX-Request": "true"}).text
    assert "Ana Sousa" in html
    assert "Between us" not in html


def test_it_shows_a_note_as_text(
    visitor: FlaskClient, client_of: ClientOf, bob: User, talk: Talk
) -> None:
    talk("in_1", "", "<script>alert(1)</script>")
    html = client_of(bob).get("/calls").text
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
