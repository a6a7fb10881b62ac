"""The client and the clock with which the statistics are read, and the step of a job that does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from crm_app import database
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.telephony.connection import LinkCache, client_for
from crm_app.telephony.models import TelephonySettings
from crm_app.telephony.reconciliation import account_clock, reading
from crm_app.telephony.reconciliation.account_clock import AccountTime
from crm_app.telephony.reconciliation.reading import Reading, Stored
from crm_app.telephony.reconciliation.taking import Source
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError

# The statistics of a thousand rows may take their time.
_TIMEOUT_S = (3.05, 30.0)


@dataclass(frozen=True, slots=True)
class Wait:
    """The PBX answers no more questions for so long; `was_asked`: it has said so itself."""

    how_long: timedelta
    was_asked: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of the account's clock: by its own words, and by events; in seconds."""

    stated: int | None = None
    zone: str = ""
    heard: int | None = None


def new_client(wait: Callable[[float], object] | None = None) -> ZadarmaClient | None:
    """Make a client for the stored connection, None while there is none; as `client_for`."""
    links: LinkCache = current_app.extensions["telephony_links"]
    counter = current_app.extensions["counter"]
    return client_for(links.read(), config(), counter, _TIMEOUT_S, wait)


def config() -> Config:
    """Return the settings of this application."""
    found: Config = current_app.extensions["settings"]
    return found


def time_of_account() -> AccountTime:
    """Tell how the account's clock is read now."""
    return account_clock.account_time(TelephonySettings.current(), config().default_timezone)


def source(origin: str = "") -> Source:
    """Tell how rows are read now."""
    return Source(time_of_account(), config().default_country, origin)


def observe(client: ZadarmaClient) -> Observed:
    """Ask the account for its clock, and look at the events; raises ZadarmaError.

    Call it with no transaction open.
    """
    stated = client.timezone()
    with database.reading():
        heard = account_clock.offset_by_events()
        db.session.rollback()
    return Observed(stated.offset_seconds, stated.zone, heard)


def note_clock(seen: Observed) -> None:
    """Store what was seen of the clock; does not commit."""
    settings = TelephonySettings.for_change()
    if seen.stated is not None:
        settings.note_clock(seen.stated, seen.zone)
    account_clock.note(settings, seen.heard, "events")


def fetch(step: Reading, origin: str = "") -> Reading | Wait | None:
    """Ask for the next page of a reading where one is needed; None when there is no connection.

    Raises ZadarmaError, except that a limit is something to wait for.
    """
    with database.reading():
        client, how = new_client(), source(origin)
        db.session.rollback()
    if client is None:
        return None
    try:
        return reading.fetch(step, client, how)
    except ZadarmaError as error:
        wait = wait_of(error)
        if wait is None:
            raise
        return wait
    finally:
        client.close()


def wait_of(error: ZadarmaError) -> Wait | None:
    """Say how long to wait where an error is a limit; None for any other error."""
    if error.code is not ErrorCode.RATE_LIMITED:
        return None
    return Wait(timedelta(seconds=error.retry_after or 60), was_asked=error.was_sent)


def store(step: Reading, origin: str = "") -> Stored:
    """Let the rows say how late the account's clock is, then store some; does not commit."""
    measure_by(step)
    return reading.store(step, source(origin))


def measure_by(step: Reading) -> None:
    """Let the rows of calls that events brought say what the account's clock shows."""
    seconds = account_clock.offset_by_rows(step.rows)
    settings = TelephonySettings.current()
    if seconds is not None and seconds != settings.heard_offset_seconds:
        account_clock.note(TelephonySettings.for_change(), seconds, "rows")
        db.session.flush()
