"""All kinds of jobs, and the function that performs each."""

from datetime import timedelta
from functools import partial

from flask import current_app
from sqlalchemy import delete

from crm_app import clock, database
from crm_app.accounts.models import AccountLink
from crm_app.accounts.sessions import services as sessions
from crm_app.callbacks import projection
from crm_app.callbacks import upkeep as call_back_upkeep
from crm_app.callbacks.contact_changes import NUMBER_HAS_CONTACT, SETTLE_WAITING
from crm_app.calls import audience
from crm_app.calls.fold.follow_ups import FollowUpKind
from crm_app.calls.narrowing import office_hours
from crm_app.calls.store import upkeep
from crm_app.calls.taking import services as taking
from crm_app.extensions import db
from crm_app.jobs import services as jobs
from crm_app.jobs.runner import Kind, NextStep, Payload
from crm_app.keys import services as keys
from crm_app.live.screen_updates import after_commit, when_committed
from crm_app.live.services import close
from crm_app.records.purge import purge_bin
from crm_app.reports import services as reports
from crm_app.security import upkeep as security
from crm_app.serving import call_back_mails, recordings
from crm_app.telephony import call_back_rules
from crm_app.telephony.call_files import services as call_files
from crm_app.telephony.dialling import services as dialling
from crm_app.telephony.messages import senders
from crm_app.telephony.messages import services as messages
from crm_app.telephony.models import UnreadableRequest
from crm_app.telephony.new_clients import services as new_clients
from crm_app.telephony.new_clients import words
from crm_app.telephony.reconciliation import history, nightly, polling, rereading
from crm_app.telephony.routing import refreshing as routing
from crm_app.telephony.routing.own_numbers import NO_CLIENT
from crm_app.telephony.services import Probe
from crm_app.telephony.setup import asking, warnings
from crm_app.telephony.setup.registration import Look
from crm_app.telephony.webhook import quarantine, text_messages
from crm_app.web import sent_forms

# Between the steps of a job that need not be quick: calls that come in want to be written, too.
RESTS_FOR = timedelta(seconds=0.2)
# A page of statistics may take half a minute.
ASKS_FOR = timedelta(minutes=3)
KEEPS_LINKS_FOR = timedelta(days=30)
KEEPS_UNREADABLE_FOR = timedelta(days=90)


def sweep_calls(_payload: Payload) -> NextStep | None:
    """Close calls whose end was never reported, a few at a time, and update their screens."""
    swept = upkeep.sweep(db.session, clock.now())
    for recorded in swept:
        for users, message in audience.messages(recorded):
            after_commit(users, message)
    return NextStep({}, RESTS_FOR) if len(swept) == upkeep.SWEPT_AT_ONCE else None


def expire_dials(_payload: Payload) -> None:
    """Expire dial requests that led to no call."""
    dialling.expire()


def look_at_call_backs(payload: Payload) -> NextStep | None:
    """Bring the call-backs that a call concerns up to date; of a young talk, once more later."""
    rules = call_back_rules.current(current_app.config["DEFAULT_TIMEZONE"])
    counts_in = projection.look_at(payload["call"], rules)
    return NextStep(payload, counts_in) if counts_in else None


def join_call_backs(payload: Payload) -> None:
    """Let what waits for a number become the call-back of who has it now, or of nobody."""
    rules = call_back_rules.current(current_app.config["DEFAULT_TIMEZONE"])
    projection.number_has_contact(payload["number"], rules)


def finish_refused_call_backs(payload: Payload) -> None:
    """Finish the call-backs of a number that is on the black list or the office's own now."""
    config = current_app.config
    rules = call_back_rules.current(config["DEFAULT_TIMEZONE"])
    by_id, language = payload["by"], config["DEFAULT_LANGUAGE"]
    call_back_rules.finish_refused(payload["pattern"], by_id, rules, language)


def settle_call_backs(payload: Payload) -> NextStep | None:
    """Look again at call-backs that wait, some at a time: whose they are, who has talked since."""
    rules = call_back_rules.current(current_app.config["DEFAULT_TIMEZONE"])
    after = projection.settle_waiting(rules, payload["contact"], payload["after"])
    return None if after is None else NextStep({**payload, "after": after}, RESTS_FOR)


def count_for_reports(_payload: Payload) -> reports.Step:
    """Count a few thousand calls for the reports, without keeping anybody from writing."""
    with database.reading():
        return reports.prepare(office_hours())


def write_counts(_payload: Payload, step: reports.Step) -> NextStep | None:
    """Write what was counted for the reports."""
    return NextStep({}, RESTS_FOR) if reports.write(step) else None


def tend_call_backs(_payload: Payload) -> None:
    """Lend the call-backs of who is away, remind of those due, call the managers for late ones."""
    call_back_upkeep.tend(call_back_rules.current(current_app.config["DEFAULT_TIMEZONE"]))


def end_old_sessions(_payload: Payload) -> None:
    """End expired sessions, and the live streams of their browsers."""
    for user_id in sessions.end_old():
        when_committed(partial(close, user_id))


def purge(_payload: Payload) -> None:
    """Delete expired links, sessions, form keys, unreadable requests and jobs."""
    now = clock.now()
    sessions.forget_ended()
    db.session.execute(delete(AccountLink).where(AccountLink.expires_at < now - KEEPS_LINKS_FOR))
    db.session.execute(
        delete(UnreadableRequest).where(UnreadableRequest.received_at < now - KEEPS_UNREADABLE_FOR)
    )
    sent_forms.purge()
    keys.forget_peppers()
    jobs.forget_done()


def purge_security(_payload: Payload) -> None:
    """Shorten and delete old security events."""
    security.purge()


def take_in_kept(payload: Payload) -> NextStep | None:
    """Retry notifications that a bug had left in quarantine, a few per step."""
    country = current_app.config["DEFAULT_COUNTRY"]
    some = quarantine.retry_some(country, after=payload.get("after", 0))
    return NextStep({"after": some.last_id}) if some.last_id else None


def check_pbx(_payload: Payload, found: tuple[Probe, Look | None]) -> None:
    """Store what the PBX said about the account and where it posts."""
    asked, seen = found
    asking.keep(asked, seen)
    find_warnings({})


def find_warnings(_payload: Payload) -> None:
    """Find what managers must hear of, and let their pages show it."""
    warnings.refresh(asking.current_link(), current_app.extensions["settings"])


def make_new_client(payload: Payload) -> None:
    """Make a contact or lead of a call from a number that nobody has."""
    config = current_app.config
    defaults = words.Defaults(config["DEFAULT_LANGUAGE"], config["DEFAULT_COUNTRY"])
    new_clients.make(payload["call"], defaults)


def take_message_in(payload: Payload) -> None:
    """Show a text message that came in to whom it concerns."""
    messages.take_in(payload["message"])


def take_calls(payload: Payload) -> NextStep | None:
    """Give earlier calls to whom their number or extension belongs now, a few at a time."""
    after = taking.take_some(payload["taken"], payload["after"])
    return None if after is None else NextStep({**payload, "after": after}, RESTS_FOR)


def give_calls_back(payload: Payload) -> NextStep | None:
    """Take such calls away again, a few at a time."""
    after = taking.give_some_back(payload["taken"], payload["after"], payload["by"])
    return None if after is None else NextStep({**payload, "after": after}, RESTS_FOR)


KINDS = (
    # Jobs that follow from calls.
    Kind(FollowUpKind.CALL_BACK, look_at_call_backs),
    Kind(FollowUpKind.NO_CALL_BACK, look_at_call_backs),
    Kind(FollowUpKind.TALKED, look_at_call_backs),
    Kind(FollowUpKind.TRIED, look_at_call_backs),
    Kind(NUMBER_HAS_CONTACT, join_call_backs),
    Kind(NO_CLIENT, finish_refused_call_backs),
    Kind(SETTLE_WAITING, settle_call_backs),
    Kind(FollowUpKind.NEW_CLIENT, make_new_client),
    *recordings.KINDS,
    *call_back_mails.KINDS,
    Kind(text_messages.MESSAGE_CAME, take_message_in),
    *senders.KINDS,
    Kind(taking.TAKE, take_calls),
    Kind(taking.GIVE_BACK, give_calls_back),
    # Recurring jobs.
    Kind("tend_call_backs", tend_call_backs, every=timedelta(seconds=20)),
    Kind("sweep_calls", sweep_calls, every=timedelta(seconds=15)),
    Kind("expire_dials", expire_dials, every=timedelta(seconds=15)),
    Kind(
        "count_calls",
        write_counts,
        every=timedelta(minutes=1),
        fetch=count_for_reports,
        lease=timedelta(minutes=5),
    ),
    Kind("end_old_sessions", end_old_sessions, every=timedelta(minutes=1)),
    *routing.KINDS,
    Kind("purge", purge, every=timedelta(hours=1)),
    Kind("purge_bin", purge_bin, every=timedelta(hours=1)),
    Kind("purge_security", purge_security, every=timedelta(hours=1)),
    Kind("take_in_kept", take_in_kept, every=timedelta(hours=1)),
    Kind(
        "check_pbx",
        check_pbx,
        every=timedelta(hours=6),
        lease=timedelta(minutes=3),
        fetch=lambda _payload: asking.fetch(),
    ),
    # It looks every hour whether a day is over that was not compared yet.
    Kind("reconcile", nightly.perform, timedelta(hours=1), ASKS_FOR, nightly.fetch),
    Kind("reconcile_days", nightly.perform, None, ASKS_FOR, nightly.fetch),
    Kind("poll_statistics", polling.perform, polling.EVERY, ASKS_FOR, polling.fetch),
    # It looks whether the account's clock has turned out to be another.
    Kind(rereading.JOB, rereading.perform, every=timedelta(minutes=1)),
    Kind(history.JOB, history.perform, None, ASKS_FOR, history.fetch),
    Kind(call_files.JOB, call_files.perform),
    Kind("find_warnings", find_warnings, every=timedelta(minutes=1)),
)
