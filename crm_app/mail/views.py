"""The page on which administrators say by which server Ramal sends e-mail."""

import secrets

from flask import Blueprint, current_app, render_template, url_for
from flask_babel import gettext as _

from crm_app.accounts.current import me
from crm_app.accounts.sign_in.proof import fresh_sign_in_required
from crm_app.encryption import Vault
from crm_app.errors import InvalidInputError
from crm_app.extensions import db
from crm_app.mail import sending, services, wording
from crm_app.mail.forms import ServerForm
from crm_app.mail.models import MailServer
from crm_app.mail.smtp import Letter, MailError
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, see_other
from crm_app.web.toasts import toast

bp = Blueprint("mail", __name__, url_prefix="/office/mail")


@bp.app_template_global()
def mail_failure(last_error: str) -> str:
    """Say why a job could not send its message, for the list of jobs."""
    return wording.failure_of_job(last_error)


@bp.get("")
@admin_only
def index() -> Answer:
    """Show by which server messages are sent, and how the last one went."""
    return _page(ServerForm(obj=MailServer.find()))


@bp.post("")
@admin_only
@fresh_sign_in_required
def save() -> Answer:
    """Store another server, or another password."""
    form = ServerForm()
    if not form.validate_on_submit():
        return _page(form)
    typed = services.Typed(
        host=form.host.data or "",
        port=form.port.data,
        encryption=form.encryption.data,
        sender=form.sender.data or "",
        user=form.user.data or "",
        password=form.password.data or "",
    )
    try:
        services.change(typed, _vault(), me())
    except InvalidInputError as error:
        db.session.rollback()
        form[error.field].errors = [wording.refusal(error)]
        return _page(form)
    db.session.commit()
    toast(_("Saved. Send a test message to see whether it works."))
    return see_other(url_for("mail.index"))


@bp.post("/forget")
@admin_only
@fresh_sign_in_required
def forget() -> Answer:
    """Forget the server and its password."""
    services.forget(me())
    db.session.commit()
    toast(_("The mail server is forgotten. No e-mail is sent."))
    return see_other(url_for("mail.index"))


@bp.post("/test")
@admin_only
def test() -> Answer:
    """Send a message to the administrator's own address, and say whether it was taken."""
    user = me()
    letter = Letter(
        to=user.email,
        to_name=user.name,
        from_name=services.office_name(),
        subject=_("Test message from Ramal"),
        text=_("This message shows that Ramal can send e-mail.") + "\n",
        key=f"ramal-test-{secrets.token_hex(8)}",
    )
    try:
        sending.send(letter, _vault(), is_a_try=True)
    except MailError as error:
        toast(wording.failure(error.code, error.said), kind="danger")
    else:
        toast(_("The mail server took the message for %(address)s.", address=letter.to))
    return see_other(url_for("mail.index"))


def _vault() -> Vault:
    vault: Vault = current_app.extensions["vault"]
    return vault


def _page(form: ServerForm) -> Answer:
    server = MailServer.find()
    page = render_template("mail/index.html", form=form, server=server, words=wording)
    return (page, 422) if form.is_submitted() else page
