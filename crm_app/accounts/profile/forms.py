"""The forms of a user's own account."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from crm_app.accounts.forms import PreferencesForm, mobile_field, name_field, password_field


class ProfileForm(PreferencesForm):
    """One's own name and preferences."""

    name = name_field()
    mobile = mobile_field()
    theme = SelectField(
        _l("Theme"),
        choices=[
            SelectChoice("", _l("System")),
            SelectChoice("light", _l("Light")),
            SelectChoice("dark", _l("Dark")),
        ],
    )


class ChangePasswordForm(FlaskForm):
    """One's own password, changed by somebody who knows the current one."""

    current = password_field(_l("Current password"), "current-password")
    password = password_field(_l("New password"))
