"""Browsers send each line end as CR LF; it is stored and counted as LF."""

from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict


class PlainLines(FlaskForm):  # type: ignore[misc]
    """A form whose texts have only LF as line end before they are validated.

    Otherwise a text of the maximum length, as its author counts, would be refused.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """The hook that receives the posted data."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Return what was posted with plain line ends."""
            posted = super().wrap_formdata(form, formdata)
            if posted is None:
                return None
            return MultiDict(
                (name, value.replace("\r\n", "\n") if isinstance(value, str) else value)
                for name, value in MultiDict(posted).items(multi=True)
            )
