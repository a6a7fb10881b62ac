"""Fields that several forms about users share, and how they show a refusal."""

from typing import Any
from zoneinfo import available_timezones

from flask import current_app
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from crm_app.accounts import normalise, wording
from crm_app.errors import InvalidInputError
from crm_app.text import clean
from crm_app.web.display.formatting import LANGUAGES
from crm_app.web.email_address import OfficeEmail


def show_refusal(form: FlaskForm, error: InvalidInputError) -> None:
    """Put a service's refusal beside its field, or above the form."""
    text = wording.sentence(error)
    if error.field in form:
        field = form[error.field]
        field.errors = [*field.errors, text]
    else:
        form.form_errors.append(text)


def name_field() -> StringField:
    """The field for a person's name."""
    return StringField(
        _l("Name"),
        filters=[clean],
        validators=[DataRequired(_l("Enter a name.")), Length(max=normalise.NAME_LENGTH)],
        render_kw={"autocomplete": "name"},
    )


def email_field() -> EmailField:
    """The field for the address by which an account is found."""
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


def mobile_field() -> StringField:
    """The field for a person's own mobile phone, from which they may call the office."""
    return StringField(
        _l("Mobile"),
        filters=[clean],
        validators=[Length(max=40)],
        render_kw={"type": "tel", "autocomplete": "off"},
    )


def password_field(label: Any, autocomplete: str = "new-password") -> PasswordField:
    """The field for a password; `autocomplete` says which one browsers should offer."""
    return PasswordField(
        label,
        validators=[InputRequired(_l("Enter a password."))],
        render_kw={"autocomplete": autocomplete},
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


def _zones_by_continent() -> list[SelectChoice]:
    places = [
        SelectChoice(zone, city.replace("_", " "), optgroup=continent)
        for zone in sorted(available_timezones())
        for continent, _, city in [zone.partition("/")]
        if city and continent != "Etc" and continent[0].isupper()
    ]
    return [*places, SelectChoice("UTC", "UTC")]
