"""Forms whose contents the browser keeps until they are saved (static/js/drafts.js)."""

import re

from flask import Flask, Response, request
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup

from crm_app.web.display.formatting import choose_timezone

# The script's name for a draft; it contains nothing of what was typed.
NAME = re.compile(r"[a-z0-9]{1,40}")
COOKIE = "ramal_saved"
COOKIE_SECONDS = 60


def register(app: Flask) -> None:
    """Return the attributes that mark such a form, for templates."""
    app.add_template_global(keeps_unsaved)


def keeps_unsaved() -> Markup:
    """Mark a form for the draft script; after a POST what was sent wins over a draft."""
    state = "sent" if request.method == "POST" else ""
    said = _("Unsaved text from %(time)s restored", time="#")
    marks = {
        "js-unsaved": state,
        "said": said,
        "discard": _("Discard"),
        "locale": str(get_locale()).replace("_", "-"),
        "zone": choose_timezone(),
    }
    return Markup(" ").join(Markup('data-{}="{}"').format(*mark) for mark in marks.items())


def say_saved(answer: Response) -> Response:
    """Name the saved draft in a cookie, so that the browser's next page deletes it."""
    name = request.form.get("draft", "")
    if NAME.fullmatch(name):
        answer.set_cookie(
            COOKIE,
            name,
            max_age=COOKIE_SECONDS,
            path=f"{request.script_root}/",
            secure=request.is_secure,
            samesite="Lax",
        )
    return answer
