"""Two addresses for those who watch over Ramal: balancers, service managers, people."""

from flask import Blueprint, Response, jsonify

from crm_app.extensions import csrf
from crm_app.health import services
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


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
