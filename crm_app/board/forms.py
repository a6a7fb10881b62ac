"""What may be typed about an address for the office TV."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from crm_app.board.models import NAME_LENGTH
from crm_app.text import clean


class WallForm(FlaskForm):
    """Where the screen hangs."""

    name = StringField(
        _l("Where the screen hangs"),
        filters=[clean],
        validators=[DataRequired(), Length(max=NAME_LENGTH)],
        render_kw={"autocomplete": "off"},
    )
