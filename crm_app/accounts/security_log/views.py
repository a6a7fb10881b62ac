"""The page of security events: who signed in, who failed, who was refused, who changed what."""

from flask import request

from crm_app.accounts.colleagues import colleagues
from crm_app.accounts.pages import bp
from crm_app.accounts.security_log import wording
from crm_app.accounts.security_log.forms import SecurityFilterForm
from crm_app.accounts.security_log.listing import list_events
from crm_app.web.access import admin_only
from crm_app.web.fragments import Answer, page_or_fragment


@bp.get("/security")
@admin_only
def security() -> Answer:
    """List the events that match the filter in the address."""
    form = SecurityFilterForm(request.args)
    form.offer(colleagues())
    wanted = form.wanted()
    return page_or_fragment(
        "accounts/security.html",
        "accounts/_security_list.html",
        form=form,
        is_narrowed=form.is_narrowed,
        page=list_events(wanted, request.args.get("cursor", "")),
        words=wording,
    )
