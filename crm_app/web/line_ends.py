"""Browsers send each line end as two characters; it is stored and counted as one."""

from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict


class PlainLines(FlaskForm):  # type: ignore[misc]
    """A form whose texts have LF as their only line end before anything looks at them.

    Otherwise a text that just fits, as its author counts, would be refused for its line ends.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """Where what was posted comes in."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Return what was posted with plain line ends."""
            posted = super().wrap_formdata(form, formdata)
            if posted is None:
                return None
            return MultiDict(
                (name, value.replace("\r\n", "\n") if isinstance(value, str) else value)
                for name, value in MultiDict(posted).items(multi=True)
            )
