"""The forms of second factors."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

from crm_app.text import clean


class CodeForm(FlaskForm):
    """The six digits of an authenticator app."""

    code = StringField(
        _l("Code of the app"),
        filters=[clean],
        validators=[InputRequired(_l("Enter the six digits.")), Length(max=20)],
        render_kw={
            "inputmode": "numeric",
            "autocomplete": "one-time-code",
            "maxlength": 7,
            "autocapitalize": "off",
            "spellcheck": "false",
        },
    )


class RecoveryForm(FlaskForm):
    """One of the recovery codes."""

    code = StringField(
        _l("Recovery code"),
        filters=[clean],
        validators=[InputRequired(_l("Enter a recovery code.")), Length(max=60)],
        render_kw={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"},
    )


class PasskeyForm(FlaskForm):
    """What the browser gave of a passkey, as JSON, and the name for a new one."""

    credential = HiddenField()
    name = StringField(
        _l("Name of the passkey"),
        filters=[clean],
        render_kw={"maxlength": 60, "autocomplete": "off"},
    )
