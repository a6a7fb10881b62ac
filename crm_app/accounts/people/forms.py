"""The forms about users and the office, for administrators."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional

from crm_app.accounts.forms import email_field, mobile_field, name_field
from crm_app.accounts.models import MOST_BIN_DAYS, FactorPolicy, Role
from crm_app.text import clean

ROLES = [
    SelectChoice(Role.AGENT.value, _l("Agent")),
    SelectChoice(Role.MANAGER.value, _l("Manager")),
    SelectChoice(Role.ADMIN.value, _l("Administrator")),
]


class PersonForm(FlaskForm):
    """Who somebody is and what they may do."""

    name = name_field()
    email = email_field()
    role = SelectField(_l("Role"), choices=ROLES)
    extension = StringField(
        _l("Extension"),
        filters=[clean],
        validators=[Optional(), Length(max=5)],
        render_kw={"inputmode": "numeric", "autocomplete": "off", "list": "free-extensions"},
    )
    mobile = mobile_field()


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
            SelectChoice(FactorPolicy.EVERYBODY.value, _l("Everyone")),
        ],
    )
    bin_days = IntegerField(
        _l("Days in the bin"),
        validators=[
            Optional(),
            NumberRange(1, MOST_BIN_DAYS, _l("From 1 to %(max)s days.")),
        ],
    )
