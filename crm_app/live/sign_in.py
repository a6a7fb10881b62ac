"""Which sign-in a request belongs to: an older page holds an old token, and perhaps an old name."""

import hashlib

from flask import current_app, session
from flask_login import current_user
from flask_wtf.csrf import generate_csrf

SIGN_IN_HEADER = "X-Sign-In"


def sign_in_mark() -> str:
    """Name the sign-in: the same on all its pages, another one after signing out and in again.

    It gives away neither the session nor the token by which forms are believed.
    """
    # Makes the session's token when no form has needed one yet.
    generate_csrf()
    token = session.get(current_app.config["WTF_CSRF_FIELD_NAME"], "")
    seed = f"{current_app.secret_key!r} {current_user.get_id()} {token}"
    return hashlib.sha256(seed.encode()).hexdigest()[:16]
