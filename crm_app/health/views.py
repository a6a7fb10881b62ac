"""Addresses for monitoring: load balancers, service managers, people."""

import hmac
from dataclasses import asdict

from flask import Blueprint, Response, current_app, jsonify, request
from flask_login import current_user
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from crm_app.extensions import csrf
from crm_app.health import metrics, services
from crm_app.proxies import is_loopback
from crm_app.web.access import public

bp = Blueprint("health", __name__)
csrf.exempt(bp)


@bp.get("/healthz")
@public
def alive() -> Response:
    """Answer that this process is alive."""
    return _fresh(Response("ok\n", mimetype="text/plain"))


@bp.get("/readyz")
@public
def ready() -> Response:
    """Whether Ramal can work; 503 when something that it needs is not there.

    Only this machine and holders of the token see the details, because these reveal the parts and
    how they fail.
    """
    checks = services.check_all()
    is_ready = all(check.is_ready for check in checks)
    report = {"status": "ready" if is_ready else "not ready"}
    if _is_local() or _has_token():
        answer = jsonify(
            **report,
            checks={check.name: check.problem or "ok" for check in checks},
            spool=asdict(services.look_at(current_app.extensions["webhook_receiver"].spool)),
        )
    else:
        answer = jsonify(**report)
    answer.status_code = 200 if is_ready else 503
    return _fresh(answer)


@bp.get("/metrics")
@public
def figures() -> Response:
    """Show figures to a monitoring program that has the token, or to an administrator."""
    if not (_has_token() or getattr(current_user, "is_admin", False)):
        answer = Response("These figures need a token.\n", 401, mimetype="text/plain")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return _fresh(answer)
    return _fresh(Response(metrics.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4))


def _is_local() -> bool:
    # Behind a proxy missing from TRUSTED_PROXIES, all requests seem to come from this machine.
    is_forwarded = "Forwarded" in request.headers or "X-Forwarded-For" in request.headers
    return is_loopback(request.remote_addr or "") and not is_forwarded


def _has_token() -> bool:
    token: str = current_app.extensions["settings"].metrics_token
    given = request.authorization
    if not token or given is None or given.type != "bearer":
        return False
    return hmac.compare_digest((given.token or "").encode(), token.encode())


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
