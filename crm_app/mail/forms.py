"""The form of the mail server."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from crm_app.mail.wording import ENCRYPTIONS, REFUSALS

_PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class ServerForm(FlaskForm):
    """Where messages are handed over; the password is written and never shown."""

    host = StringField(
        _l("Server"),
        validators=[InputRequired(REFUSALS["host_missing"])],
        render_kw={**_PLAIN, "placeholder": "mail.example.com"},
    )
    port = IntegerField(
        _l("Port"),
        default=587,
        validators=[InputRequired(REFUSALS["port_impossible"])],
        render_kw={"inputmode": "numeric"},
    )
    encryption = SelectField(
        _l("Encryption"),
        choices=[SelectChoice(name, words) for name, words in ENCRYPTIONS.items()],
    )
    user = StringField(_l("User"), render_kw=_PLAIN)
    password = PasswordField(_l("Password"), render_kw={"autocomplete": "new-password"})
    sender = StringField(
        _l("Sender's address"),
        validators=[InputRequired(REFUSALS["sender_impossible"])],
        render_kw={**_PLAIN, "type": "email", "placeholder": "office@example.com"},
    )
