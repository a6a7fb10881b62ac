"""Two hands at the same call, or at two calls of one stranger, in the same moment."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.calls.wrapup import services as wrapup
from crm_app.contacts.models import Contact
from crm_app.demo import make_contact
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.leads.services import ensure_stages
from crm_app.tasks.models import Task
from tests.calls.popup_story import ANA, HTMX, ClientOf, answer, end, ring
from tests.overtaken import overtaken

pytestmark = pytest.mark.usefixtures("traveller")
WORDS = {"title": "Phone enquiry", "source": "Incoming call", "about": ""}


def test_it_makes_one_contact_of_a_stranger_who_rings_at_two_phones(
    client_of: ClientOf, bob: User, erin: User
) -> None:
    ensure_stages()
    first, second = ring("102", pbx_call_id="in_1"), ring("101", pbx_call_id="in_2")
    client, url = client_of(bob), f"/calls/{second.id}/new-lead"
    wrapup.make_lead(first, wrapup.Stranger("Rita Nova"), erin, **WORDS)
    got = overtaken(lambda: client.post(url, data={"name": "R. Nova"}, headers=HTMX))
    assert got.status_code == 200
    assert "The number belongs to Rita Nova" in got.text
    assert [contact.name for contact in db.session.scalars(select(Contact))] == ["Rita Nova"]
    lead = db.session.scalars(select(Lead)).one()
    db.session.expire_all()
    assert {call.lead_id for call in db.session.scalars(select(Call))} == {lead.id}


def test_it_makes_one_task_when_two_tabs_save_a_write_up(client_of: ClientOf, bob: User) -> None:
    make_contact("Ana Sousa", phones=(ANA,))
    ring("101")
    answer("101")
    call = end()
    client, url = client_of(bob), f"/calls/{call.id}/wrapup"
    written = wrapup.WrittenUp("done", "", "hour")
    wrapup.save(call, bob, written, ZoneInfo("Europe/Lisbon"), "Call Ana Sousa")
    data = {"outcome": "done", "chip": "hour"}
    assert overtaken(lambda: client.post(url, data=data, headers=HTMX)).status_code == 200
    assert db.session.scalars(select(Task)).one().title == "Call Ana Sousa"
