"""The start page: what is on the desk, and the first steps of a new office."""

import re
from datetime import timedelta

import time_machine

from crm_app import clock
from crm_app.calls.fold.lifecycle import CallPhase
from crm_app.calls.models import Call
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db
from tests.leads.pipeline import win
from tests.questions import questions


def section(page: str, name: str) -> str:
    return page[page.index(f'id="{name}"') :].partition("</section>")[0]


def make_call(call_id: str, **values) -> Call:
    defaults = {"direction": "inbound", "phase": CallPhase.ENDED, "status": "missed",
                "outside_number": "+351912345678", "started_at": clock.now()}  # fmt: skip
    call = Call(pbx_call_id=call_id, **(defaults | values))
    db.session.add(call)
    db.session.commit()
    return call


@time_machine.travel("2026-03-02 10:00:00Z", tick=False)
def test_it_shows_what_is_on_the_desk(client_of, bob, carol):
    today = clock.today()
    contact = make_contact("João Silva", phones=("912345678",), responsible_id=bob.id)
    make_task("Late", due_on=today - timedelta(days=3), assignee_id=bob.id)
    make_task("Today", due_on=today, assignee_id=bob.id)
    make_task("Tomorrow", due_on=today + timedelta(days=1), assignee_id=bob.id)
    make_task("Hers", due_on=today, assignee_id=carol.id)
    make_lead("Roof", responsible_id=bob.id, contact_id=contact.id)
    make_lead("Her roof", responsible_id=carol.id)
    win(make_lead("Sold", responsible_id=bob.id), bob)
    make_call("a", contact_id=contact.id, responsible_id=bob.id)
    make_call("b", outside_number="+351961111111", started_at=clock.now() - timedelta(days=3))
    make_call("c", outside_number="+351962222222", status="answered", user_id=bob.id)
    make_call("d", outside_number="+351963333333", status="answered", user_id=carol.id)
    page = client_of(bob).get("/").text
    assert re.findall(r'href="/tasks/\d+">([^<]+)<', page) == ["Late", "Today"]
    assert "Roof" in section(page, "today-leads")
    assert "Her roof" not in page
    assert "Sold" not in page
    assert "João Silva" in section(page, "today-missed")
    assert "961 111 111" not in page
    assert "962 222 222" in section(page, "today-calls")
    assert "963 333 333" not in page
    assert "/calls?result=missed" in page
    assert "First steps" not in page


def test_it_shows_an_administrator_of_a_new_office_what_comes_first(client_of, alice):
    page = client_of(alice).get("/").text
    for path in ("/telephony/settings", "/people", "/contacts/new"):
        assert f'href="{path}"' in section(page, "first-steps")
    assert "is-done" not in section(page, "first-steps")


def test_it_ticks_the_steps_that_are_done(client_of, alice, bob):
    make_contact("João Silva")
    page = client_of(alice).get("/").text
    assert section(page, "first-steps").count("is-done") == 2


def test_it_shows_an_agent_of_a_new_office_only_own_steps(client_of, bob):
    page = client_of(bob).get("/").text
    assert 'href="/contacts/new"' in section(page, "first-steps")
    assert "/people" not in section(page, "first-steps")


def test_it_asks_the_database_at_most_eleven_questions(client_of, alice):
    for number in range(20):
        contact = make_contact(f"Contact {number}")
        make_task(f"Task {number}", due_on=clock.today(), assignee_id=alice.id,
                  contact_id=contact.id)  # fmt: skip
        make_lead(f"Lead {number}", responsible_id=alice.id, contact_id=contact.id)
        make_call(f"call {number}", contact_id=contact.id, user_id=alice.id)
    client = client_of(alice)
    with questions() as asked:
        client.get("/")
    # One of them counts the call-backs of the navigation.
    assert len(asked) <= 11, asked
