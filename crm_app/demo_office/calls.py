"""The facts of the sample calls: two months of them, and those of today that nobody answered."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm_app import clock
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.contacts.models import Contact
from crm_app.demo_office.conversations import conversations
from crm_app.demo_office.people import BLOCKED, DID, EXTENSIONS, SHARES

# So that a report of thirty days has something to be compared with.
CALLS, DAYS = 240, 60
FRIDAY = 4
HOUR = timedelta(hours=1)
RING_SECONDS = 9
# How a call that nobody answers ends, how often, and for how long it rings; 0 where no phone does.
MISSED = (
    (Disposition.CANCELLED, 8, 18), (Disposition.CANCELLED, 4, 41), (Disposition.NO_ANSWER, 4, 30),
    (Disposition.CANCELLED, 2, 3), (Disposition.BUSY, 2, 0), (Disposition.NO_ANSWER, 1, 0),
    (Disposition.LIMIT, 1, 0),
)  # fmt: skip
# How many of the clients who were missed are reached, and how soon.
REACHED_AGAIN = 0.8
REACTION_MINUTES = (3, 5, 8, 12, 14, 25, 40, 55, 130, 240, 1400)


@dataclass(frozen=True, slots=True)
class Talk:
    """What became of a call: who had it, for how long, and whether it was recorded."""

    extension: str
    seconds: int = 0
    is_recorded: bool = False


def recording_id_of(pbx_call_id: str, moment: datetime) -> str:
    """Return the id under which the PBX keeps the recording of a sample call."""
    return f"{int(moment.timestamp())}.{int(pbx_call_id[-4:])}"


def history(contacts: Sequence[Contact], dice: random.Random, count: int) -> Iterator[list[Fact]]:
    """Give the facts of calls in the weeks before now, the oldest call first."""
    moments = sorted(past_moment(clock.now(), dice) for _ in range(count))
    numbers = [contact.phones[0].number for contact in contacts]
    strangers = [f"+35193{dice.randint(1_000_000, 9_999_999)}" for _ in range(12)]
    for index, moment in enumerate(moments):
        outside = dice.choice(numbers if dice.random() < 0.8 else strangers)
        talk = _talk(dice)
        if index % 40 == 20:
            yield refused(index, moment)
        elif dice.random() < 0.35:
            yield outgoing(index, moment, outside, talk)
        elif talk.seconds:
            yield answered(index, moment, outside, talk, dice)
        else:
            # Some call when the office is closed.
            is_late = dice.random() < 0.15
            at = _evening(moment, dice) if is_late else moment
            ended, _often, rang_for = dice.choices(MISSED, [often for _, often, _ in MISSED])[0]
            yield missed(index, at, outside, talk.extension, ended, rang_for)
            later = moment + timedelta(minutes=dice.choice(REACTION_MINUTES))
            if dice.random() < REACHED_AGAIN and not is_late and later < clock.now() - HOUR:
                yield outgoing(index, later, outside, Talk(dice.choice(EXTENSIONS), 47))


def _talk(dice: random.Random) -> Talk:
    [extension] = dice.choices(EXTENSIONS, SHARES)
    if dice.random() < 0.25:
        return Talk(extension)
    if dice.random() < 0.4:
        return Talk(extension, 20 + int(dice.expovariate(1 / 240)))
    return Talk(extension, dice.choice(conversations()).seconds, is_recorded=True)


def _evening(moment: datetime, dice: random.Random) -> datetime:
    """Choose a moment of the evening before, when the office is closed."""
    return moment.replace(hour=dice.choice((20, 21, 22))) - timedelta(days=1)


def missed_today(numbers: Sequence[tuple[str, int]], first: int) -> Iterator[list[Fact]]:
    """Give the facts of unanswered calls, each some minutes ago."""
    now = clock.now().replace(second=0, microsecond=0)
    for place, (number, minutes) in enumerate(numbers, first):
        moment = now - timedelta(minutes=minutes)
        yield missed(place, moment, number, "101", Disposition.CANCELLED, 24)


def past_moment(now: datetime, dice: random.Random) -> datetime:
    """Choose a moment in office hours of the last weeks."""
    moment = office_hour(now - timedelta(days=dice.randint(0, DAYS)), dice)
    if moment > now - timedelta(minutes=20):
        moment -= timedelta(days=1)
    if moment.weekday() > FRIDAY:
        # Nobody works then.
        moment -= timedelta(days=moment.weekday() - FRIDAY + dice.randint(0, FRIDAY))
    return moment


def office_hour(day: datetime, dice: random.Random) -> datetime:
    """Choose a moment in the office hours of a day."""
    return day.replace(
        hour=dice.choices(range(8, 18), (2, 4, 6, 5, 2, 3, 5, 4, 3, 1))[0],
        minute=dice.randrange(0, 60, 5),
        second=0,
        microsecond=0,
    )


def _start(index: int, moment: datetime, outside: str) -> Fact:
    return Fact(
        FactKind.STARTED, f"in_sample{index:04d}", moment, caller=outside, did=f"+{DID}",
        pbx_time=f"{moment:%Y-%m-%d %H:%M:%S}",
    )  # fmt: skip


def _rang(start: Fact, extension: str) -> Fact:
    at = start.received_at + timedelta(seconds=2)
    return replace(start, kind=FactKind.RANG, received_at=at, extension=extension)


def answered(
    index: int, moment: datetime, outside: str, talk: Talk, dice: random.Random
) -> list[Fact]:
    """Give the facts of a call that rang one or two phones, and was answered."""
    start = _start(index, moment, outside)
    other = dice.choice(EXTENSIONS)
    ringing = {talk.extension, other} if dice.random() < 0.3 else {talk.extension}
    at = moment + timedelta(seconds=RING_SECONDS)
    picked_up = replace(start, kind=FactKind.ANSWERED, received_at=at, extension=talk.extension)
    ended = replace(
        start,
        kind=FactKind.ENDED,
        received_at=at + timedelta(seconds=talk.seconds),
        extension=talk.extension,
        last_extension=talk.extension,
        disposition=Disposition.ANSWERED,
        talk_seconds=talk.seconds,
        is_recorded=talk.is_recorded,
        recording_id=recording_id_of(start.pbx_call_id, moment) if talk.is_recorded else "",
    )
    return [start, *(_rang(start, one) for one in sorted(ringing)), picked_up, ended]


def missed(
    index: int,
    moment: datetime,
    outside: str,
    extension: str,
    disposition: Disposition,
    rang_for: int,
) -> list[Fact]:
    """Give the facts of a call that nobody answered; `rang_for` is in seconds, 0 for no phone."""
    start = _start(index, moment, outside)
    ended = replace(
        start,
        kind=FactKind.ENDED,
        received_at=moment + timedelta(seconds=2 + rang_for),
        extension=extension if rang_for else "",
        disposition=disposition,
        talk_seconds=0,
    )
    return [start, _rang(start, extension), ended] if rang_for else [start, ended]


def refused(index: int, moment: datetime) -> list[Fact]:
    """Give the facts of a call from somebody on the black list."""
    start = _start(index, moment, BLOCKED)
    ended = replace(start, kind=FactKind.ENDED, disposition=Disposition.BUSY, talk_seconds=0)
    return [start, replace(start, kind=FactKind.REFUSED), ended]


def outgoing(index: int, moment: datetime, outside: str, talk: Talk) -> list[Fact]:
    """Give the facts of a call from the office, answered or not."""
    started = Fact(
        FactKind.OUTGOING_STARTED, f"out_sample{index:04d}", moment, caller=f"+{DID}",
        called=outside, extension=talk.extension, pbx_time=f"{moment:%Y-%m-%d %H:%M:%S}",
    )  # fmt: skip
    ended = replace(
        started,
        kind=FactKind.OUTGOING_ENDED,
        received_at=moment + timedelta(seconds=12 + talk.seconds),
        disposition=Disposition.ANSWERED if talk.seconds else Disposition.NO_ANSWER,
        talk_seconds=talk.seconds,
        is_recorded=talk.is_recorded,
        recording_id=recording_id_of(started.pbx_call_id, moment) if talk.is_recorded else "",
    )
    return [started, ended]
