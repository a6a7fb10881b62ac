"""Sign-in, sign-out and sessions, by Flask-Security."""

import hashlib
from typing import Any

from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore

from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.web.access import public

security = Security()


def register(app: Flask, session_key: str) -> None:
    """Bind Flask-Security to an application: /login and /logout, sessions outlive a restart."""
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 (the name of an algorithm)
        SECURITY_PASSWORD_SALT=hashlib.sha256(f"{session_key} salt".encode()).hexdigest(),
        SECURITY_LOGIN_URL="/login",
        SECURITY_LOGOUT_URL="/logout",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_LOGIN_USER_TEMPLATE="accounts/login.html",
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_DEFAULT_REMEMBER_ME=True,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_HTTPONLY=True,
    )
    # Roles are a column of the user, so there is no table of them.
    datastore: Any = SQLAlchemyUserDatastore(db, User, None)  # type: ignore[arg-type]
    security.init_app(app, datastore, register_blueprint=True)
    public(app.view_functions["security.login"])
