"""The forms of sign-in and of the pages that one-time links open."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_security import LoginForm
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField
from wtforms.validators import InputRequired

from crm_app import database
from crm_app.accounts import normalise
from crm_app.accounts.forms import PreferencesForm, email_field, name_field, password_field
from crm_app.accounts.models import User
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.web import return_to


class SignInForm(LoginForm):
    """E-mail and password; the form does not say which of them was wrong."""

    email = EmailField(
        _l("E-mail"), validators=[InputRequired()], render_kw={"autocomplete": "username"}
    )
    password = PasswordField(
        _l("Password"),
        validators=[InputRequired()],
        render_kw={"autocomplete": "current-password"},
    )
    remember = BooleanField(_l("Stay signed in on this device"), default=True)

    def validate(self, **kwargs: Any) -> bool:
        """Find the user and compare the password, without holding the database while comparing."""
        # A bad `next` address is dropped, not refused: it says nothing about the password.
        self.next.data = return_to.local(self.next.data or "", "")
        self.ifield = self.email
        self.user = self._find_user()
        is_right = bool(super().validate(**kwargs))
        if self.user is not None:
            db.session.add(self.user)
        if not is_right:
            about = self.user.id if self.user is not None else None
            events.refused(Kind.PASSWORD_WRONG, about=about)
            for field in self:
                field.errors = []
            self.form_errors = [_l("Wrong e-mail or password, or the account is disabled.")]
        return is_right

    def _find_user(self) -> User | None:
        # Comparing is slow on purpose. The user is detached and the transaction ended first: on
        # SQLite nobody else could write meantime.
        address = normalise.email(self.email.data)
        with database.reading():
            user: User | None = db.session.scalar(db.select(User).where(User.email == address))
            if user is not None:
                db.session.expunge(user)
            db.session.commit()
        return user


class SetUpForm(PreferencesForm):
    """The first administrator."""

    name = name_field()
    email = email_field()
    password = password_field(_l("Password"))


class NewPasswordForm(FlaskForm):
    """The password chosen with an invitation or a reset link."""

    password = password_field(_l("New password"))
