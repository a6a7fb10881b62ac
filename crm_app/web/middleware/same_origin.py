"""Only our own pages may send forms, with the CSRF token of this browser's session."""

from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError

READING = {"GET", "HEAD", "OPTIONS"}
FOREIGN = "foreign"


def register(app: Flask) -> None:
    """Refuse requests of other sites; the CSRF tokens protect against the rest."""
    app.before_request(refuse_other_sites)


def refuse_other_sites() -> None:
    """Refuse a changing request that a page of another site has sent; runs before every request.

    Raises CSRFError. Clients other than browsers send no origin, and pass.
    """
    if request.method not in READING and is_foreign():
        raise CSRFError(FOREIGN)


def is_foreign() -> bool:
    """Whether the browser says that another site's page sends this."""
    # Browsers send it on secure connections; it does not depend on the host a proxy forwards.
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    # A browser that hides its Referer sends "null", even to the page's own site.
    origin = request.headers.get("origin", "null")
    if origin == "null":
        return False
    public_url = current_app.extensions["settings"].public_url
    ours = {_bare(request.host), _bare(urlsplit(public_url).netloc)}
    return _bare(urlsplit(origin).netloc) not in ours


def _has_key() -> bool:
    config = current_app.config
    in_headers = any(request.headers.get(name) for name in config["WTF_CSRF_HEADERS"])
    return in_headers or bool(request.form.get(config["WTF_CSRF_FIELD_NAME"]))


def _bare(host: str) -> str:
    # Browsers leave the default port out; some proxies add it.
    return host.lower().removesuffix(":80").removesuffix(":443")


def words(error: CSRFError) -> str:
    """Explain in the user's language why a form's token was not accepted, and what helps."""
    if error.description == FOREIGN:
        return str(_("This was sent by a page of another site. Open Ramal itself and do it there."))
    if not _has_key():
        return str(_("The form could not be verified. Go back, reload the page and send it again."))
    # The token belongs to the session, and every sign-in and sign-out starts a new one.
    return str(_("You have signed in or out since. Go back, reload the page and send it again."))
