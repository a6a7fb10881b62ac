"""Whoever stands in for somebody finds what that one has to do today."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.presence import services as presence
from crm_app.accounts.services import change_office
from crm_app.demo import make_task
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
