"""A test's browser in which somebody is signed in, by a real row in the table of sessions."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from crm_app.accounts.models import User
from crm_app.accounts.sessions import services as sessions
from crm_app.accounts.sessions.services import Device
from crm_app.extensions import db

DEVICE = Device("Firefox", "Linux", "127.0.0.0/24")


def new_token(user: User) -> str:
    """Begin and commit a session, as a sign-in does, and give what its cookie carries."""
    held, _remember = sessions.begin(user, DEVICE, is_remembered=False)
    db.session.commit()
    return held.token


def cookie_of(app: Flask, user: User) -> str:
    """Give the value of the session cookie that signs a user in, for what is no test client.

    It commits: on SQLite nobody else could write while a transaction of the test is open.
    """
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    token = new_token(user)
    return str(serializer.dumps({"_user_id": token, "_fresh": True}))


class SignedInClient(FlaskClient):
    """The client of an application's tests; `user=` signs somebody in before the first request."""

    def __init__(self, *args: Any, user: User | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        if user is not None:
            token = new_token(user)
            with self.session_transaction() as session:
                session["_user_id"], session["_fresh"] = token, True
