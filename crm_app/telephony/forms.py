"""The forms of the telephony settings."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import Length


class KeysForm(FlaskForm):
    """Key and secret: typed or pasted, never shown again."""

    key = StringField(
        _l("Key"),
        validators=[Length(max=200)],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    secret = PasswordField(
        _l("Secret"), validators=[Length(max=200)], render_kw={"autocomplete": "off"}
    )


class SwitchesForm(FlaskForm):
    """A switch for each automatic function."""

    shows_caller_name = BooleanField(_l("Show the caller's name on the phones that ring"))


def wanted_extensions(fields: Any) -> dict[int, str]:
    """Read whose extension shall be which from fields named `extension-<user id>`."""
    wanted = {}
    for name, value in fields.items():
        user_id = name.removeprefix("extension-")
        if user_id != name and user_id.isdecimal() and len(user_id) < 10:
            wanted[int(user_id)] = value.strip()
    return wanted


def chosen_responsible(fields: Any) -> int | None:
    """Read who was chosen as default responsible."""
    value = fields.get("default_responsible", "")
    return int(value) if value.isdecimal() and len(value) < 10 else None
