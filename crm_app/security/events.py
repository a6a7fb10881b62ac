"""Records security events: `done` together with a change, `refused` even after a rollback."""

from typing import Any

import structlog
from flask import current_app, g, has_request_context, request

from crm_app.extensions import db
from crm_app.security.kinds import REFUSALS, Kind
from crm_app.security.models import ADDRESS_LENGTH, DETAIL_LENGTH, SecurityEvent
from crm_app.security.refusals import RefusalWriter, Sighting
from crm_app.security.request_ids import request_id_of

__all__ = ["Kind", "done", "refused", "remember_user"]

log = structlog.get_logger("ramal.security")


def done(kind: Kind, *, by: int | None = None, about: int | None = None, detail: str = "") -> None:
    """Record what was done in the open transaction: it is stored if the change is.

    `by` and `about` are ids of users: who did it (by default the signed-in user), and whose account
    it concerns. `detail` is a word or two from our code, never user input.
    """
    event = _seen(kind, by, about, detail)
    db.session.add(
        SecurityEvent(
            kind=event.kind,
            user_id=event.user_id,
            about_id=event.about_id,
            address=event.address,
            request_id=event.request_id,
            detail=event.detail,
        )
    )
    _say(event)


def refused(
    kind: Kind, *, by: int | None = None, about: int | None = None, detail: str = ""
) -> None:
    """Record a refusal, shortly after and independently of this request, which may be rolled back.

    Takes no database lock and never fails; equal refusals within a minute become one event with a
    count. Arguments as for `done`.
    """
    refusals: RefusalWriter = current_app.extensions["security_refusals"]
    refusals.add(_seen(kind, by, about, detail))


def remember_user(user_id: int) -> None:
    """Remember who is signed in, for the events and log lines of the rest of this request."""
    g.security_user_id = user_id
    structlog.contextvars.bind_contextvars(user=user_id)


def _seen(kind: Kind, by: int | None, about: int | None, detail: str) -> Sighting:
    here = has_request_context()
    return Sighting(
        kind=kind,
        # Not `current_user`, which might have to be loaded from the database.
        user_id=by if by is not None or not here else g.get("security_user_id"),
        about_id=about,
        address=(request.remote_addr or "")[:ADDRESS_LENGTH] if here else "",
        request_id=request_id_of(request.environ) if here else "",
        detail=detail.replace("\x00", "")[:DETAIL_LENGTH],
    )


def _say(event: Sighting) -> None:
    say: Any = log.warning if event.kind in REFUSALS else log.info
    say(str(event.kind), **event.as_told())
