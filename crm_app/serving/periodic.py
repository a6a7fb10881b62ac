"""Which jobs there are and how often they come."""

from datetime import timedelta

from flask import current_app
from sqlalchemy import delete

from crm_app import clock, database
from crm_app.accounts.models import AccountLink
from crm_app.accounts.sessions import services as sessions
from crm_app.calls.store import hot_sql as calls_sql
from crm_app.calls.store import upkeep
from crm_app.extensions import db
from crm_app.health.services import HEARTBEAT_SECONDS, beat
from crm_app.keys import services as keys
from crm_app.live.services import close, tell
from crm_app.security import upkeep as security
from crm_app.serving.jobs import Job
from crm_app.telephony import missed
from crm_app.telephony.dialling import services as dialling
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.webhook import quarantine
from crm_app.web import once

KEEPS_LINKS_FOR = timedelta(days=30)
KEEPS_UNREADABLE_FOR = timedelta(days=90)


def sweep_calls() -> None:
    """Close calls whose end never came, and tell the screens that show them."""
    with database.reading():
        is_quiet = db.session.execute(calls_sql.SILENT_CALLS).first() is None
        # Ends the reading transaction: the next one may have to write.
        db.session.rollback()
    if is_quiet:
        return
    swept = upkeep.sweep(db.session, clock.now())
    db.session.commit()
    for recorded in swept:
        tell(recorded.tell, {"call": recorded.call_id})


def end_old_sessions() -> None:
    """Sign out whom nobody has seen for too long, and end what their browsers still listen to."""
    with database.reading():
        is_any = sessions.is_any_old()
        db.session.rollback()
    if not is_any:
        return
    users = sessions.end_old()
    db.session.commit()
    for user_id in users:
        close(user_id)


def purge() -> None:
    """Delete what has had its time: links, sessions, keys of forms, unreadable requests."""
    now = clock.now()
    sessions.forget_ended()
    db.session.execute(delete(AccountLink).where(AccountLink.expires_at < now - KEEPS_LINKS_FOR))
    db.session.execute(
        delete(UnreadableRequest).where(UnreadableRequest.received_at < now - KEEPS_UNREADABLE_FOR)
    )
    once.purge()
    db.session.commit()
    keys.forget_peppers()


def take_in_kept() -> None:
    """Take in what was kept by a mistake of ours that is mended now."""
    quarantine.take_in_again(current_app.config["DEFAULT_COUNTRY"])


def follow_up_missed_calls() -> None:
    """Give the default responsible a task for each client of nobody whose call was missed."""
    config = current_app.config
    missed.follow_up(
        missed.Defaults(
            config["DEFAULT_LANGUAGE"], config["DEFAULT_TIMEZONE"], config["DEFAULT_COUNTRY"]
        )
    )


JOBS = (
    Job("heartbeat", HEARTBEAT_SECONDS, beat),
    Job("sweep_calls", 15, sweep_calls),
    Job("expire_dials", 15, dialling.expire),
    Job("missed_calls", 5, follow_up_missed_calls),
    Job("end_old_sessions", 60, end_old_sessions),
    Job("purge", 3600, purge),
    Job("take_in_kept", 3600, take_in_kept),
    Job("purge_security", 3600, security.purge),
)
