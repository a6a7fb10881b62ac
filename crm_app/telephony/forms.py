"""The forms of the telephony settings."""

from collections.abc import Callable
from typing import Any, get_args

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from pydantic.fields import FieldInfo
from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.fields.core import UnboundField
from wtforms.validators import Length, StopValidation
from wtforms.widgets import CheckboxInput

from crm_app.telephony import wording
from crm_app.telephony.switches import OnOff, Switches, allowed_by, words_of


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


class OnOffInput(CheckboxInput):
    """A box behind a hidden "off"."""

    def __call__(self, field: Any, **kwargs: Any) -> Markup:
        """Draw both."""
        off = Markup('<input type="hidden" name="{}" value="off">').format(field.name)
        box: Markup = super().__call__(field, **kwargs)
        return off + box


class OnOffField(BooleanField):
    """A box whose values are the texts "on" and "off".

    A box that is not ticked sends nothing; the page sends "off" before it, so that a form without
    the field leaves the switch as it is.
    """

    widget = OnOffInput()

    @property
    def checked(self) -> bool:
        """Whether the box is ticked."""
        return bool(self.data == "on")

    def process_data(self, value: Any) -> None:
        """Take what is stored."""
        self.data = value

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was sent; the box comes after the "off"."""
        if valuelist:
            self.data = valuelist[-1]

    def _value(self) -> str:
        return "on"


def _says_what_it_can_be(switch: FieldInfo) -> Callable[[FlaskForm, Any], None]:
    """Put our sentence in the place of the library's, where a value cannot be read."""

    def check(_form: FlaskForm, field: Any) -> None:
        if field.errors:
            field.errors = []
            raise StopValidation(wording.impossible_switch(switch))

    return check


def _field(switch: FieldInfo) -> "UnboundField[Any]":
    given: dict[str, Any] = {"label": _l(switch.title), "description": _l(switch.description)}
    given["validators"] = [_says_what_it_can_be(switch)]
    if set(get_args(switch.annotation)) == set(get_args(OnOff)):
        return OnOffField(**given)
    if switch.annotation is int:
        allowed = allowed_by(switch)
        lowest = allowed.get("or_zero", allowed["lowest"])
        return IntegerField(**given, render_kw={"min": lowest, "max": allowed["highest"]})
    words = words_of(switch)
    choices = [
        SelectChoice(value, _l(words.get(value, value))) for value in get_args(switch.annotation)
    ]
    return SelectField(**given, choices=choices)


def switches_form(table: type[Switches] = Switches) -> type[FlaskForm]:
    """Build the form of a table of switches; the fields have the names of the switches."""
    fields = {name: _field(switch) for name, switch in table.model_fields.items()}
    return type("SwitchesForm", (FlaskForm,), fields)


SwitchesForm = switches_form()


def wanted_extensions(fields: Any) -> dict[int, str]:
    """Read who gets which extension from fields named `extension-<user id>`."""
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
