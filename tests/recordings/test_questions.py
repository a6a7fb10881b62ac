"""Pages that list recordings ask the database as often for many as for a few."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.demo import make_contact, make_user
from crm_app.extensions import db
from crm_app.recordings.models import Listening, ListeningKind, Recording, State, Transcript
from tests.questions import questions
from tests.recordings.conftest import CLIENT, record

ClientOf = Callable[[User], FlaskClient]


def keep(count: int, users: list[User]) -> None:
    """Keep some recordings in different states, of different people, and let all be heard."""
    for place in range(count):
        user = users[place % len(users)]
        call = record(extension=user.extension or "", ago=timedelta(minutes=place + 2))
        row = Recording(
            call_id=call.id, recording_id=f"{call.id}", recorded_at=call.started_at, seconds=2.0,
            state=(State.READY, State.FAILED, State.DELETED, State.READY)[place % 4],
            transcript=Transcript(),
        )  # fmt: skip
        if row.state == State.DELETED:
            row.deleted_by, row.deleted_at, row.deletion = user, clock.now(), "by_hand"
        elif place % 4 == 3:
            row.held_by, row.held_at = user, clock.now()
        db.session.add(row)
        db.session.flush()
        db.session.add(Listening(user=user, recording=row, kind=ListeningKind.LISTENED))
    db.session.commit()


@pytest.mark.parametrize(
    "path",
    ["/recordings", "/recordings/listening", "/calls", "/calls/for-contact/1", "/contacts/1"],
)
def test_how_many_questions_a_page_asks_does_not_depend_on_the_number_of_recordings(
    app: Flask, dora: User, client_of: ClientOf, path: str
) -> None:
    users = [dora, *(make_user(f"U{place}", extension=f"20{place}") for place in range(4))]
    contact = make_contact("Ana Sousa", phones=(CLIENT,))
    for user in users:
        # Whom a page shows is a question to the database, once for all of them.
        user.extension = user.extension or "200"
    db.session.commit()
    browser, counts = client_of(dora), []
    path = path.replace("/1", f"/{contact.id}")
    keep(3, users)
    browser.get(path)
    for more in (0, 9):
        keep(more, users)
        with questions() as asked:
            answer = browser.get(path)
        assert answer.status_code == 200
        counts.append((answer.text.count("<a "), len(asked)))
        db.session.rollback()
    (few, first), (many, second) = counts
    assert first == second
    if path != f"/contacts/{contact.id}":
        assert many > few
