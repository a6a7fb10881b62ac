"""What the sample office has done about its calls: write-ups, call-backs, a list, absences."""

import random
from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.accounts.presence import services as presence
from crm_app.call_lists import membership
from crm_app.call_lists import services as call_lists
from crm_app.call_lists.models import Of
from crm_app.callbacks import projection, upkeep
from crm_app.callbacks import services as call_backs
from crm_app.callbacks.models import CallBack, CallBackEvent
from crm_app.callbacks.rules import Rules
from crm_app.calls.models import Call
from crm_app.calls.wrapup.services import WrittenUp, wrapup_of
from crm_app.contacts.listing import ContactFilter
from crm_app.contacts.models import Contact, ContactKind
from crm_app.demo_office.people import BLOCKED, REASONS, WRITTEN
from crm_app.extensions import db
from crm_app.local_time import LocalTime
from crm_app.office import services as office
from crm_app.office.models import DAYS
from crm_app.talks import services as talks
from crm_app.talks.models import TalkKind
from crm_app.talks.services import TalkDraft
from crm_app.telephony.models import DailyBalance, TelephonySettings
from crm_app.telephony.reconciliation.models import ReconciledCall, ReconciledDay
from crm_app.telephony.routing import black_list

CALLED_BACK_FOR = timedelta(days=10)
# Everybody can be met in the sample office on any working day, and most evenings.
HOURS = dict.fromkeys(DAYS[:5], "8:30-20:00") | {"saturday": "10-14", "sunday": ""}


def set_up(users: Sequence[User]) -> None:
    """Say when the office works, who is away and with which deputy, and whose calls are refused."""
    boss, bruno, catarina, duarte, absent = users
    year = clock.today().year
    holidays = "\n".join(f"{one}-{day}" for one in (year, year + 1) for day in ("01-01", "12-25"))
    office.change_hours({**HOURS, "holidays": holidays}, boss)
    presence.go_away(absent, absent, clock.now() + timedelta(days=2), catarina.id)
    black_list.block(BLOCKED, "PT", bruno, reason="Sells energy, rings at lunch")
    black_list.block("+35176*", "PT", duarte, reason="Costs extra")
    until = clock.now() + timedelta(days=30)
    black_list.block("+351939000777", "PT", duarte, reason="Prank calls", until=until)


def write_up(dice: random.Random) -> None:
    """Write up the calls, except a few of the last day."""
    yesterday = clock.now() - timedelta(days=1)
    weights = [often for _outcome, often, _notes in WRITTEN]
    talks = select(Call).where(Call.talk_seconds > 0, Call.user_id.is_not(None))
    for call in db.session.scalars(talks.order_by(Call.id).options(joinedload(Call.user))):
        ended_at = call.ended_at or call.started_at
        if call.user is None or (ended_at > yesterday and dice.random() < 0.3):
            continue
        row = wrapup_of(call, call.user)
        [(row.outcome, _often, notes)] = dice.choices(WRITTEN, weights)
        row.note = dice.choice(notes) if notes and dice.random() < 0.5 else ""
        row.saved_at, row.waits_since = ended_at + timedelta(minutes=1), None


def call_back(users: Sequence[User], dice: random.Random) -> None:
    """Make the call-backs of the last days, as the worker would have; there is one in each state.

    Those of before today are done, by talks or by hand. One of today is taken, one is put off, one
    is in the pool, one has a note and is late, and that of who is away is lent to the deputy.
    """
    _, bruno, catarina, duarte, absent = users
    now = clock.now()
    since = now - CALLED_BACK_FOR
    hours = office.opening_hours(current_app.config["DEFAULT_TIMEZONE"])
    rules = Rules(since, 15, 5, hours, bruno.id, lambda _number: False)
    calls = select(Call.pbx_call_id).where(Call.started_at > since).order_by(Call.started_at)
    for pbx_call_id in db.session.scalars(calls).all():
        projection.look_at(pbx_call_id, rules)
    waiting = select(CallBack).where(CallBack.done_at.is_(None)).order_by(CallBack.missed_at)
    rows = list(db.session.scalars(waiting))
    for row in [row for row in rows if row.missed_at < now - timedelta(hours=4)]:
        _finish(row, dice.choice((bruno, catarina, duarte)), dice)
        rows.remove(row)
    free = [row for row in rows if row.owner_id != absent.id]
    call_backs.add_note(free[0].id, "Asks for the offer of last week.", bruno)
    call_backs.reassign(free[1].id, None, duarte)
    call_backs.snooze(free[2].id, hours.next_opening(now + timedelta(hours=14)), bruno)
    call_backs.take(free[-1].id, catarina)
    upkeep.tend(rules)


def _finish(row: CallBack, by: User, dice: random.Random) -> None:
    at = row.missed_at + timedelta(minutes=dice.randint(10, 180))
    call_backs.done(row.id, dice.choice(REASONS), by)
    row.done_at = at
    db.session.flush()
    newest = select(CallBackEvent).where(CallBackEvent.call_back_id == row.id)
    for event in db.session.scalars(newest.order_by(CallBackEvent.id.desc()).limit(1)):
        event.at = at


def call_one_by_one(users: Sequence[User]) -> None:
    """Let three colleagues be at work on a list of contacts."""
    boss, bruno, catarina, duarte, _ = users
    zone = ZoneInfo(current_app.config["DEFAULT_TIMEZONE"])
    local = LocalTime(clock.now(), zone)
    chosen = ContactFilter(kind="person")
    name = "Invitation to the open day"
    made = membership.make(Of.CONTACTS, chosen, boss, local, name=name, calls_do_not_call=False)
    results = (
        (bruno, WrittenUp("interested", "Comes with a colleague.")),
        (catarina, WrittenUp("call_again", "Has to look into the diary.")),
        (bruno, WrittenUp("not_interested", "")),
        (duarte, WrittenUp("interested", "Asks where to park.")),
        (bruno, WrittenUp("call_again", "Nobody picked up.")),
    )
    for user, written in results:
        if (entry := call_lists.take_next(made, user)) is not None:
            call_lists.write_up(entry, user, written, zone, name)
    for user, leave in ((duarte, call_lists.skip), (catarina, call_lists.put_back)):
        if (entry := call_lists.take_next(made, user)) is not None:
            leave(entry, user)
    call_lists.take_next(made, bruno)


def talk_elsewhere(users: Sequence[User]) -> None:
    """Write down talks of the last days that no PBX saw, one of them for a colleague."""
    boss, bruno, catarina, _duarte, _absent = users
    first = select(Contact).where(Contact.kind == ContactKind.PERSON).order_by(Contact.id)
    ana, next_one = db.session.scalars(first.limit(2))
    entered = (
        (ana, bruno, bruno, TalkKind.VISIT, 3, 50, "interested", "Measured the roof."),
        (ana, catarina, catarina, TalkKind.MOBILE, 2, 6, "call_again", ""),
        (next_one, catarina, boss, TalkKind.OTHER, 2, None, "", "Met at the fair."),
    )
    for contact, who, by, kind, days, minutes, outcome, note in entered:
        began_at = clock.now() - timedelta(days=days)
        draft = TalkDraft(kind, began_at, who.id, minutes=minutes, outcome=outcome, note=note)
        talks.enter(contact, draft, by)


def compare_with_pbx() -> None:
    """Write down that the log was compared with the PBX: it balances, one day after additions."""
    listed = select(Call).where(Call.status != "blocked").order_by(Call.started_at)
    days: dict[object, list[Call]] = {}
    for call in db.session.scalars(listed):
        call.listed_on = call.started_at.date()
        days.setdefault(call.listed_on, []).append(call)
    *over, _today = sorted(days.items(), key=lambda one: str(one[0]))
    for place, (day, calls) in enumerate(over):
        asked_at = clock.now() - timedelta(days=len(over) - place)
        is_late = place == len(over) - 3
        row = ReconciledDay(
            day=day, pbx=len(calls), crm=len(calls), added=min(2, len(calls)) if is_late else 0,
            asked_at=asked_at, settled_at=asked_at,
        )  # fmt: skip
        db.session.add(row)
        for call in calls[: row.added]:
            db.session.add(ReconciledCall(day=day, pbx_call_id=call.pbx_call_id, done="added"))


def pay() -> None:
    """Let the balance have become less, day by day."""
    today = clock.today()
    for ago in range(1, 14):
        cents = 2500 + 90 * ago + ago * ago
        day = DailyBalance(day=today - timedelta(days=ago), cents=cents, currency="EUR")
        db.session.add(day)
    TelephonySettings.for_change().reconciled_at = clock.now() - timedelta(hours=6)
