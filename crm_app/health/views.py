"""Addresses for those who watch over Ramal: balancers, service managers, people."""

import hmac

from flask import Blueprint, Response, current_app, jsonify, request
from flask_login import current_user
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from crm_app.extensions import csrf
from crm_app.health import metrics, services
from crm_app.web.access import public

bp = Blueprint("health", __name__)
csrf.exempt(bp)


@bp.get("/healthz")
@public
def alive() -> Response:
    """Tell that this process answers."""
    return _fresh(Response("ok\n", mimetype="text/plain"))


@bp.get("/readyz")
@public
def ready() -> Response:
    """Name each thing that Ramal needs; 503 when one of them is not there."""
    checks = services.check_all()
    answer = jsonify(
        status="ready" if all(check.is_ready for check in checks) else "not ready",
        checks={check.name: check.problem or "ok" for check in checks},
    )
    answer.status_code = 200 if all(check.is_ready for check in checks) else 503
    return _fresh(answer)


@bp.get("/metrics")
@public
def figures() -> Response:
    """Give figures to a watching program that has the token, or to an administrator."""
    if not (_has_token() or getattr(current_user, "is_admin", False)):
        answer = Response("These figures need a token.\n", 401, mimetype="text/plain")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return _fresh(answer)
    return _fresh(Response(metrics.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4))


def _has_token() -> bool:
    token: str = current_app.extensions["settings"].metrics_token
    given = request.authorization
    if not token or given is None or given.type != "bearer":
        return False
    return hmac.compare_digest((given.token or "").encode(), token.encode())


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
