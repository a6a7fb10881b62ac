"""The headers that keep foreign code out of our pages."""

from collections.abc import Mapping

from flask import Flask, Response, g, request
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
    app.after_request(_let_in)
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


def widen_policy(sources: Mapping[str, str]) -> None:
    """Let the page of this request take scripts and more from other hosts, by directive.

    It may use the microphone, and no other page may; and it says on which host it is, without
    which others may refuse it.
    """
    g.policy_sources = sources


def _let_in(response: Response) -> Response:
    sources: Mapping[str, str] = g.get("policy_sources", {})
    microphone = f"microphone=({'self' if sources else ''})"
    others = response.headers.get("Permissions-Policy")
    response.headers["Permissions-Policy"] = f"{others}, {microphone}" if others else microphone
    if sources:
        policy = CONTENT_SECURITY_POLICY | {
            name: f"{CONTENT_SECURITY_POLICY[name]} {more}" for name, more in sources.items()
        }
        response.headers["Referrer-Policy"] = "strict-origin"
        response.headers["Content-Security-Policy"] = "; ".join(map(" ".join, policy.items()))
    return response


def _hide_address(response: Response) -> Response:
    if is_address_hidden(request.endpoint or ""):
        response.headers["Referrer-Policy"] = "no-referrer"
    return response
