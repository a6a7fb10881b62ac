"""Whoever stands in for somebody finds what that one has to do today."""

from collections.abc import Callable

from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.presence import services as presence
from crm_app.demo import make_task
from crm_app.extensions import db


def test_a_deputy_sees_the_due_tasks_of_who_is_away_until_they_are_back(
    bob: User, carol: User, client_of: Callable[[User], FlaskClient]
) -> None:
    make_task("Send the offer", due_on=clock.today(), assignee_id=bob.id)
    client = client_of(carol)
    assert "Send the offer" not in client.get("/").text
    presence.go_away(bob, bob, None, carol.id)
    db.session.commit()
    assert "Send the offer" in client.get("/").text
    presence.come_back(bob, bob)
    db.session.commit()
    assert "Send the offer" not in client.get("/").text
