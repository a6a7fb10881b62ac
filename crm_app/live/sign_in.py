"""Which sign-in a request belongs to: an older page holds an old token, and perhaps an old name."""

import hashlib

from flask import current_app, session
from flask_login import current_user
from flask_wtf.csrf import generate_csrf

SIGN_IN_HEADER = "X-Sign-In"


def sign_in_mark() -> str:
    """Return a mark that is the same on all pages of one sign-in and changes with the next sign-in.

    It reveals neither the session nor the CSRF token of its forms.
    """
    # Makes the session's CSRF token when no form has needed it yet.
    generate_csrf()
    token = session.get(current_app.config["WTF_CSRF_FIELD_NAME"], "")
    seed = f"{current_app.secret_key!r} {current_user.get_id()} {token}"
    return hashlib.sha256(seed.encode()).hexdigest()[:16]
