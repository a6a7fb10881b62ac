"""What managers must hear of before the phones go dead: found by the worker, shown on each page."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import func, select

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.config import Config
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.live.messages import OFFICE
from crm_app.live.screen_updates import after_commit
from crm_app.mail import services as mail
from crm_app.office.services import opening_hours
from crm_app.telephony import services
from crm_app.telephony.connection import Link
from crm_app.telephony.models import WARNINGS, DirectNumber, LampState, TelephonySettings
from crm_app.telephony.routing import phones
from crm_app.telephony.setup import health_checks
from crm_app.telephony.setup.health_checks import HealthCheck

# A number is paid for monthly: this is time enough to pay.
EXPIRES_WITHIN = timedelta(days=14)
LEAST_FREE_SHARE, LEAST_FREE_BYTES = 0.05, 1_000_000_000
# The log is compared with the statistics every night.
COMPARED_WITHIN = timedelta(hours=36)
# A job that failed this often will not mend itself.
MANY_TRIES = 5
# One request of the API may fail by chance; it is asked every two minutes.
MANY_FAILURES = 3
# Of these lamps managers hear; of lost notifications a banner speaks, the others are set-up.
LAMPS = (
    "keys", "balance", "extensions", "echo", "address", "notifications", "events", "clock", "shift",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that needs somebody; `code` is a lamp's name and code, or one of our own."""

    code: str
    names: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Disk:
    """The room on a disk that the office's data or recordings are kept on, in bytes."""

    free: int
    total: int

    @property
    def is_short(self) -> bool:
        """Whether so little is left that calls or recordings may soon not be stored."""
        return self.free < max(LEAST_FREE_BYTES, int(self.total * LEAST_FREE_SHARE))


def fullest_disk(config: Config) -> Disk:
    """Measure the disks of the data folder and of the recordings, and give the fuller one.

    Recordings in a store that is no folder are nobody's disk here.
    """
    folders = [config.data_dir]
    recordings = urlsplit(config.recordings_place)
    if recordings.scheme == "file":
        folder = Path(unquote(recordings.path))
        # It is made when the first recording comes.
        folders.append(next(one for one in (folder, *folder.parents) if one.is_dir()))
    usages = [shutil.disk_usage(folder) for folder in folders]
    disks = [Disk(usage.free, usage.total) for usage in usages]
    return min(disks, key=lambda one: (not one.is_short, one.free))


def find(link: Link, config: Config) -> list[Concern]:
    """List what needs somebody now; nothing while the office is not connected."""
    settings = TelephonySettings.current()
    if not settings.is_connected:
        return []
    checks = health_checks.run(settings, link, config, health_checks.arrivals())
    return [
        *_of_lamps(checks),
        *_of_the_api(settings),
        *_of_the_office(settings),
        *_of_phones(config),
        *_of_the_machine(config),
    ]


def refresh(link: Link, config: Config) -> bool:
    """Store what needs somebody now, and say whether that has changed. Does not commit."""
    found = [asdict(one) for one in find(link, config)]
    stored = db.session.get(LampState, WARNINGS)
    has_changed = stored is None or stored.details.get("found") != found
    if has_changed:
        LampState.put(WARNINGS, "warn" if found else "ok", found=found)
        after_commit({OFFICE}, {"health": 1})
    return has_changed


def read(details: Any) -> tuple[Concern, ...]:
    """Read what was stored, by this release or another."""
    known = {"code", "names", "count"}
    rows = details.get("found", ()) if isinstance(details, dict) else ()
    return tuple(Concern(**row) for row in rows if isinstance(row, dict) and row.keys() <= known)


def _of_lamps(checks: list[HealthCheck]) -> Iterator[Concern]:
    for check in checks:
        # Nobody can mend that there are many phones.
        is_to_mend = check.name in LAMPS and check.code != health_checks.MANY_PHONES
        if is_to_mend and check.state in {"warn", "bad"}:
            yield Concern(f"{check.name}.{check.code or check.state}", check.names, check.count)


def _of_the_api(settings: TelephonySettings) -> Iterator[Concern]:
    lamp = db.session.get(LampState, services.API_LAMP)
    # Of keys that are refused their own lamp speaks.
    if lamp is None or lamp.state != "bad" or settings.last_error in services.REFUSALS:
        return
    if lamp.details.get("failures", 0) >= MANY_FAILURES:
        yield Concern("unanswered", lamp.since.isoformat())


def _of_the_office(settings: TelephonySettings) -> Iterator[Concern]:
    now = clock.now()
    if settings.switches.is_on("call_back_email") and not mail.is_set_up():
        yield Concern("mail")
    last = settings.reconciled_at or settings.connected_at
    if last and now - last > COMPARED_WITHIN:
        yield Concern("log")


def _of_phones(config: Config) -> Iterator[Concern]:
    names = offline_in_working_hours(config)
    if names:
        yield Concern("phones", ", ".join(names), len(names))
    for number, days in expiring_numbers():
        yield Concern("number", number, days)


def _of_the_machine(config: Config) -> Iterator[Concern]:
    failed = db.session.scalar(
        select(func.count()).where(
            Job.done_at.is_(None), Job.last_error != "", Job.tries >= MANY_TRIES
        )
    )
    if failed:
        yield Concern("jobs", count=failed)
    if fullest_disk(config).is_short:
        yield Concern("disk")


def offline_in_working_hours(config: Config) -> list[str]:
    """Name who should be reachable now and whose phone is known not to be registered."""
    now = clock.now()
    if not opening_hours(config.default_timezone).is_open(now):
        return []
    states = phones.registered(now)
    users = db.session.scalars(User.enabled().where(User.extension.is_not(None)))
    return [
        f"{user.name} ({user.extension})"
        for user in users
        if states.get(user.extension or "") is False and not user.is_away(now)
    ]


def expiring_numbers() -> list[tuple[str, int]]:
    """List numbers of the account that end soon and do not renew themselves, with the days left."""
    offset = TelephonySettings.current().clock_offset_seconds or 0
    wall = clock.now() + timedelta(seconds=offset)
    found = []
    for row in db.session.scalars(select(DirectNumber).order_by(DirectNumber.stops_at)):
        stops_at = _moment(row.stops_at)
        if stops_at and not row.renews_itself and stops_at - wall < EXPIRES_WITHIN:
            found.append((row.number, max((stops_at - wall).days, 0)))
    return found


def _moment(text: str) -> datetime | None:
    """Read a time of the account's clock as if that were UTC."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
