"""The headers that keep foreign code out of our pages."""

from flask import Flask, Response, request
from flask_talisman import Talisman

from crm_app.web.access import is_address_hidden

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "media-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def register(app: Flask, *, is_https: bool) -> None:
    """Send the headers with every answer; over TLS, ask browsers to stay on it."""
    # Forms of such pages come without a Referer; their CSRF token is enough.
    app.config["WTF_CSRF_SSL_STRICT"] = False
    # Before Talisman, so that it runs after it.
    app.after_request(_hide_address)
    Talisman(
        app,
        force_https=False,
        strict_transport_security=is_https,
        # Ramal is one host of its owner's domain and must not decide for the others.
        strict_transport_security_include_subdomains=False,
        session_cookie_secure=is_https,
        session_cookie_samesite="Lax",
        content_security_policy=CONTENT_SECURITY_POLICY,
        referrer_policy="same-origin",
        frame_options="DENY",
    )


def _hide_address(response: Response) -> Response:
    if is_address_hidden(request.endpoint or ""):
        response.headers["Referrer-Policy"] = "no-referrer"
    return response
