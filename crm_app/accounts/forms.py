"""The forms of sign-in, of people and of one's own account."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_security import LoginForm
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, EmailField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from crm_app import database
from crm_app.accounts import security_wording, typed, wording
from crm_app.accounts.colleagues import Colleague
from crm_app.accounts.models import FactorPolicy, Role, User
from crm_app.accounts.security_listing import REFUSED, EventFilter
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.security import events
from crm_app.security.events import Kind
from crm_app.text import clean
from crm_app.web import back
from crm_app.web.days import FIRST_DAY, LAST_DAY, midnight
from crm_app.web.email_address import OfficeEmail
from crm_app.web.formatting import LANGUAGES
from crm_app.web.ids import read_id

ROLES = [
    SelectChoice(Role.AGENT.value, _l("Agent")),
    SelectChoice(Role.MANAGER.value, _l("Manager")),
    SelectChoice(Role.ADMIN.value, _l("Administrator")),
]


def show_refusal(form: FlaskForm, error: InvalidInputError) -> None:
    """Put a service's refusal beside its field, or above the form."""
    text = wording.sentence(error)
    if error.field in form:
        field = form[error.field]
        field.errors = [*field.errors, text]
    else:
        form.form_errors.append(text)


def _name_field() -> StringField:
    return StringField(
        _l("Name"),
        filters=[clean],
        validators=[DataRequired(_l("Enter a name.")), Length(max=typed.NAME_LENGTH)],
        render_kw={"autocomplete": "name"},
    )


def _email_field() -> EmailField:
    return EmailField(
        _l("E-mail"),
        filters=[clean],
        validators=[
            DataRequired(_l("Enter an e-mail address.")),
            Length(max=254),
            OfficeEmail(_l("This is not an e-mail address.")),
        ],
        render_kw={"autocomplete": "off"},
    )


def _password_field(label: Any, autocomplete: str = "new-password") -> PasswordField:
    return PasswordField(
        label,
        validators=[InputRequired(_l("Enter a password."))],
        render_kw={"autocomplete": autocomplete},
    )


class SignInForm(LoginForm):
    """E-mail and password; what was wrong with them is not told."""

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
        """Find the user and compare the password, without holding the database meanwhile."""
        # Where to go afterwards says nothing about the password: a bad address is only dropped.
        self.next.data = back.local(self.next.data or "", "")
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
        # Comparing takes a while on purpose. The user is taken out of the session for it, so that
        # no transaction is open then: on SQLite nobody else could write.
        address = typed.email(self.email.data)
        with database.reading():
            user: User | None = db.session.scalar(db.select(User).where(User.email == address))
            if user is not None:
                db.session.expunge(user)
            db.session.commit()
        return user


class PersonForm(FlaskForm):
    """Who somebody is and what they may do."""

    name = _name_field()
    email = _email_field()
    role = SelectField(_l("Role"), choices=ROLES)
    extension = StringField(
        _l("Extension"),
        filters=[clean],
        validators=[Optional(), Length(max=5)],
        render_kw={"inputmode": "numeric", "autocomplete": "off", "list": "free-extensions"},
    )


class OfficeForm(FlaskForm):
    """What holds for the whole office."""

    name = StringField(_l("Name of the office"), filters=[clean], validators=[Length(max=120)])
    restricts_agents = BooleanField(_l("Agents see only their own contacts, leads and tasks"))
    second_factor_for = SelectField(
        _l("Who must have a second factor"),
        choices=[
            SelectChoice(FactorPolicy.NOBODY.value, _l("Nobody")),
            SelectChoice(FactorPolicy.ADMINS.value, _l("Administrators")),
            SelectChoice(FactorPolicy.MANAGERS.value, _l("Managers and administrators")),
            SelectChoice(FactorPolicy.EVERYBODY.value, _l("Everybody")),
        ],
    )


class SecurityFilterForm(FlaskForm):
    """What the list of security events is narrowed by; it lives in the address, without a token."""

    class Meta:
        """Read from the query, where a token would only be copied around."""

        csrf = False

    kind = SelectField(_l("What happened"), validators=[Optional()])
    user = SelectField(_l("Person"), validators=[Optional()])
    since = DateField(_l("From"), validators=[Optional()])
    until = DateField(_l("Until"), validators=[Optional()])

    def offer(self, users: Iterable[Colleague]) -> None:
        """Fill the choices."""
        anything = SelectChoice("", _("All"))
        self.user.choices = [anything, *(SelectChoice(str(user.id), user.name) for user in users)]
        self.kind.choices = [
            anything,
            SelectChoice(REFUSED, _("Everything that was refused")),
            *(
                SelectChoice(kind.value, str(words), optgroup=str(heading))
                for heading, kinds in security_wording.GROUPS.items()
                for kind, words in kinds.items()
            ),
        ]

    @property
    def is_narrowed(self) -> bool:
        """Tell whether anything was asked for."""
        return any(field.raw_data and field.raw_data[0] for field in self)

    def wanted(self) -> EventFilter:
        """Give the filter; when something was asked that cannot be, no event fits."""
        if not self.validate():
            return EventFilter(until=midnight(FIRST_DAY))
        since, until = self.since.data, self.until.data
        return EventFilter(
            kind=self.kind.data or "",
            user_id=read_id(self.user.data),
            since=midnight(since) if since else None,
            until=midnight(until + timedelta(days=1)) if until and until < LAST_DAY else None,
        )


class PreferencesForm(FlaskForm):
    """How somebody wants to see Ramal."""

    language = SelectField(_l("Language"))
    timezone = SelectField(_l("Time zone"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.language.choices = [
            SelectChoice("", _l("As in the browser")),
            *(SelectChoice(code, name) for code, name in LANGUAGES.items()),
        ]
        office = current_app.config["DEFAULT_TIMEZONE"]
        self.timezone.choices = [
            SelectChoice("", _l("As the office (%(zone)s)", zone=office)),
            *_zones_by_continent(),
        ]


class ProfileForm(PreferencesForm):
    """One's own name and preferences."""

    name = _name_field()
    theme = SelectField(
        _l("Colours"),
        choices=[
            SelectChoice("", _l("As the device")),
            SelectChoice("light", _l("Light")),
            SelectChoice("dark", _l("Dark")),
        ],
    )


class SetUpForm(PreferencesForm):
    """The first administrator."""

    name = _name_field()
    email = _email_field()
    password = _password_field(_l("Password"))


class NewPasswordForm(FlaskForm):
    """The password that is chosen by an invitation or a reset link."""

    password = _password_field(_l("New password"))


class ChangePasswordForm(FlaskForm):
    """One's own password, changed by somebody who knows the current one."""

    current = _password_field(_l("Current password"), "current-password")
    password = _password_field(_l("New password"))


def _zones_by_continent() -> list[SelectChoice]:
    places = [
        SelectChoice(zone, city.replace("_", " "), optgroup=continent)
        for zone in sorted(available_timezones())
        for continent, _, city in [zone.partition("/")]
        if city and continent != "Etc" and continent[0].isupper()
    ]
    return [*places, SelectChoice("UTC", "UTC")]
