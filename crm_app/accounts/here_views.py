"""What a page asks about the sign-in it was made under, and what a browser forgets with it."""

from flask import Response, jsonify, request
from flask_wtf.csrf import generate_csrf

from crm_app.accounts.current import me
from crm_app.accounts.factor_gate import before_set_up
from crm_app.accounts.views import bp
from crm_app.live.sign_in import sign_in_mark


@bp.get("/account/here")
@before_set_up
def here() -> Response:
    """Say who is signed in, and give the page of the same user a token for its forms."""
    answer = jsonify(user=me().id, mark=sign_in_mark(), token=generate_csrf())
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.after_app_request
def forget_all(response: Response) -> Response:
    """Let the browser drop what it keeps of clients when somebody signs out; cookies stay."""
    if request.endpoint == "security.logout" and response.status_code < 400:
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
