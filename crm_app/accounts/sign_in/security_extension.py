"""Sign-in, sign-out and sessions, by Flask-Security."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import (
    Flask,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from flask_security import Security, SQLAlchemyUserDatastore, login_user

from crm_app import database
from crm_app.accounts import normalise, wording
from crm_app.accounts.models import User
from crm_app.accounts.sessions import cookies, devices, throttle
from crm_app.accounts.sign_in import factor_gate, second_step
from crm_app.accounts.sign_in.forms import SignInForm
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web import return_to
from crm_app.web.access import public

security = Security()

# OWASP's second choice for Argon2id: a third of the default's memory and a quarter of its time.
# Hashing blocks the whole process, and incoming calls must not wait.
ARGON2 = {"argon2__memory_cost": 19_456, "argon2__time_cost": 2, "argon2__parallelism": 1}


def register(app: Flask) -> None:
    """Bind Flask-Security to an application: /login and /logout, sessions outlive a restart."""
    app.config.update(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 (the name of an algorithm)
        SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS=ARGON2,
        # Argon2id has its own salt. A key mixed in would invalidate all passwords when it changes.
        SECURITY_PASSWORD_SINGLE_HASH=True,
        SECURITY_LOGIN_URL="/login",
        SECURITY_LOGOUT_URL="/logout",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_LOGIN_USER_TEMPLATE="accounts/login.html",
        SECURITY_POST_LOGIN_VIEW="home.index",
        SECURITY_POST_LOGOUT_VIEW="security.login",
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_DEFAULT_REMEMBER_ME=True,
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        # Asking for the password again is our own page (`proof`), so the library's is off.
        SECURITY_FRESHNESS=timedelta(minutes=-1),
        # Our own commands are named `flask user`.
        SECURITY_CLI_USERS_NAME=False,
        SECURITY_CLI_ROLES_NAME=False,
    )
    # Roles are a column of the user, so there is no table of them.
    datastore: Any = SQLAlchemyUserDatastore(db, User, None)  # type: ignore[arg-type]
    security.init_app(app, datastore, register_blueprint=True, login_form=SignInForm)
    security.two_factor_plugins = second_step.SecondStep()
    app.before_request(factor_gate.lead_to_set_up)
    # Flask-Principal would run at every request, including the PBX's; we check users' roles
    # instead.
    app.before_request_funcs[None].remove(security.principal._on_before_request)
    security.want_json(lambda _request: False)
    app.view_functions["security.login"] = public(_counted(app.view_functions["security.login"]))
    cookies.register(app, security.login_manager)


def enter(user: User) -> str | None:
    """Sign in the owner of a one-time link; returns the page that asks for the second factor.

    Returns None when no second factor is needed and they are signed in.
    """
    if user.has_second_factor:
        return second_step.begin(user, stays=True, tries=0)
    login_user(user, remember=True, authn_via=["link"])
    events.done(Kind.SIGNED_IN, by=user.id, about=user.id, detail="link")
    return None


def finish(user: User, step: second_step.Step, how: str) -> Response:
    """Sign in a user who has passed the second factor `how`; ends the transaction."""
    email = user.email
    login_user(user, remember=step.stays, authn_via=[how])
    events.done(Kind.SIGNED_IN, by=user.id, about=user.id, detail=how)
    db.session.commit()
    for _each in range(step.tries):
        throttle.forgive(email)
    page = return_to.local(request.args.get("next", ""), url_for("home.index"))
    answer = make_response(redirect(page, 303))
    devices.remember(answer, email)
    return answer


def stay(user: User) -> None:
    """Sign this browser in again as before, after all sessions of the user were ended."""
    current = cookies.held()
    stays = current is not None and current.is_remembered
    login_user(user, remember=stays, authn_via=["password"])


def _counted(view: Callable[..., Any]) -> Callable[[], Response]:
    @wraps(view)
    def sign_in() -> Response:
        # A signed-in user is redirected, and must not reset another account's count.
        if request.method != "POST" or current_user.is_authenticated:
            return second_step.page_again() or _kept_here(make_response(view()))
        if request.is_json:
            abort(415)
        account = request.form.get("email", "")
        db.session.commit()
        try:
            throttle.count_try(account)
        except throttle.TooManyTriesError as error:
            events.refused(Kind.LOCKED_OUT, about=_id_of(account))
            return _refusal(error)
        answer = make_response(view())
        if second_step.is_begun():
            db.session.commit()
            return answer
        if not current_user.is_authenticated:
            answer.status_code = 422
            return answer
        events.done(Kind.SIGNED_IN, by=current_user.id, about=current_user.id, detail="password")
        db.session.commit()
        throttle.forgive(account)
        devices.remember(answer, account)
        answer.status_code = 303
        return _kept_here(answer)

    return sign_in


def _kept_here(answer: Response) -> Response:
    # The library checks only the host, which other applications may share with us.
    if answer.location:
        answer.location = return_to.local(answer.location, url_for("home.index"))
    return answer


def _id_of(account: str) -> int | None:
    with database.reading():
        wanted = db.select(User.id).where(User.email == normalise.email(account))
        found: int | None = db.session.scalar(wanted)
        db.session.commit()
    return found


def _refusal(error: throttle.TooManyTriesError) -> Response:
    form = SignInForm()
    form.form_errors = [wording.wait_sentence(error)]
    answer = make_response(render_template("accounts/login.html", login_user_form=form), 429)
    answer.headers["Retry-After"] = str(error.wait_seconds)
    return answer
