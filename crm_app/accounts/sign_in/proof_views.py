"""The page that asks for the password again when there is no form to carry."""

from flask import make_response, request, url_for

from crm_app.accounts.pages import bp
from crm_app.accounts.sign_in import proof
from crm_app.accounts.sign_in.factor_gate import before_set_up
from crm_app.web import return_to
from crm_app.web.fragments import Answer, see_other, wants_fragment


@bp.route("/account/proof", methods=["GET", "POST"])
@before_set_up
def prove() -> Answer:
    """Check the password again, then redirect to `next`; a script gets an empty response."""
    page = return_to.local(request.args.get("next", ""), url_for("accounts.profile"))
    typed = request.form.get(proof.FIELD)
    refusal = proof.refusal_of(typed) if typed is not None else ""
    if wants_fragment():
        return make_response((refusal, 422) if refusal or typed is None else ("", 204))
    if typed is not None and not refusal:
        return see_other(page)
    answer = proof.page(url_for("accounts.prove", next=page), refusal, [])
    answer.status_code = 422 if refusal else 200
    return answer
