"""Whoever stands in for somebody finds what that one has to do today."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.presence import services as presence
from crm_app.accounts.services import change_office
from crm_app.callbacks.models import CallBack
from crm_app.demo import make_contact, make_lead, make_task
from crm_app.extensions import db


@pytest.mark.parametrize("is_restricted", [False, True], ids=["all see all", "restricted"])
def test_a_deputy_sees_the_due_tasks_of_who_is_away_until_they_are_back(
    alice: User,
    bob: User,
    carol: User,
    client_of: Callable[[User], FlaskClient],
    is_restricted: bool,
) -> None:
    change_office("", restricts_agents=is_restricted, by=alice)
    task = make_task("Send the offer", due_on=clock.today(), assignee_id=bob.id)
    page = f"/tasks/{task.id}"
    client = client_of(carol)
    assert "Send the offer" not in client.get("/").text
    presence.go_away(bob, bob, None, carol.id)
    db.session.commit()
    today = client.get("/").text
    assert "Send the offer" in today
    assert f'href="{page}"' in today
    assert client.get(page).status_code == 200
    assert client.post(f"{page}/complete").status_code == 303
    assert client.post(f"{page}/reopen").status_code == 303
    # The words about what was just done are shown once.
    client.get("/")
    presence.come_back(bob, bob)
    db.session.commit()
    assert "Send the offer" not in client.get("/").text
    assert client.get(page).status_code == (404 if is_restricted else 200)


def test_a_restricted_deputy_opens_the_clients_of_who_is_away_until_they_are_back(
    alice: User, bob: User, carol: User, client_of: Callable[[User], FlaskClient]
) -> None:
    change_office("", restricts_agents=True, by=alice)
    anna = make_contact("Anna", phones=("+351910000042",), responsible=bob)
    others = make_contact("Zita", responsible=alice)
    lead = make_lead("Roof", contact_id=anna.id, responsible_id=bob.id)
    task = make_task("Offer", due_on=clock.today(), assignee_id=bob.id, contact_id=anna.id)
    call_back = CallBack(contact_id=anna.id, number="+351910000042", owner_id=bob.id)
    db.session.add(call_back)
    db.session.commit()
    page, client = f"/contacts/{anna.id}", client_of(carol)
    link = f'href="{page}"'
    pages = ("/", "/callbacks", f"/tasks/{task.id}", "/contacts")

    def opens() -> bool:
        """Say whether all that shows or opens the client agrees, and what it says."""
        db.session.commit()
        found = {client.get(page).status_code, client.get(f"{page}/edit").status_code}
        assert found in ({200}, {404})
        for path in (*pages, "/search?q=Anna"):
            assert (link in client.get(path).text) == (found == {200}), path
        return found == {200}

    assert not opens()
    presence.go_away(bob, bob, clock.now() + timedelta(hours=2), carol.id)
    call_back.lent_at, call_back.lent_to_id = clock.now(), carol.id
    assert opens()
    # Nobody else's clients, and nothing that is not the client.
    for path in (f"/contacts/{others.id}", f"/leads/{lead.id}"):
        assert client.get(path).status_code == 404
    text = "They want it on Friday."
    assert client.post(f"{page}/notes", data={"text": text}).status_code in (200, 303)
    assert text in client.get(page).text
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=False):
        assert client.get(page).status_code == 404
    presence.come_back(bob, bob)
    call_back.lent_at = call_back.lent_to_id = None
    assert not opens()
    # Who is disabled lends nothing.
    presence.go_away(bob, bob, None, carol.id)
    bob.active = False
    db.session.commit()
    assert client.get(page).status_code == 404
