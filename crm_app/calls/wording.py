"""The words of the call log in the user's language: statuses, directions, facts as sentences."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.dates import get_day_names
from flask_babel import format_time, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crm_app import phone_numbers
from crm_app.calls import narrowing
from crm_app.calls.fold.facts import Direction, Disposition, Fact, FactKind
from crm_app.calls.fold.why_missed import WhyMissed
from crm_app.calls.listing import CallFilter
from crm_app.calls.models import Call, CallFact
from crm_app.calls.why_match import Match
from crm_app.journal.history import HOUSE
from crm_app.web.display.formatting import duration, phone, when

# Word, colour of the badge.
STATUSES: dict[str, tuple[Any, str]] = {
    "ringing": (_l("Ringing"), "azure"),
    "talking": (_l("Talking"), "green"),
    "answered": (_l("Answered"), "green"),
    "missed": (_l("Missed"), "red"),
    "voicemail": (_l("Voicemail"), "red"),
    "busy": (_l("Busy"), "azure"),
    "no_answer": (_l("No answer"), "azure"),
    "cancelled": (_l("Cancelled"), "secondary"),
    "failed": (_l("Failed"), "red"),
    "unallocated": (_l("Number does not exist"), "red"),
    "no_money": (_l("No credit"), "red"),
    "limit": (_l("Limit reached"), "red"),
    "blocked": (_l("Refused"), "secondary"),
    "unfinished": (_l("End unknown"), "secondary"),
}
# Word, icon.
DIRECTIONS: dict[str, tuple[Any, str]] = {
    Direction.INBOUND: (_l("Incoming"), "phone-incoming"),
    Direction.OUTBOUND: (_l("Outgoing"), "phone-outgoing"),
    Direction.INTERNAL: (_l("Between colleagues"), "arrows-exchange"),
}
WHY_MISSED: dict[str, Any] = {
    WhyMissed.BLOCKED: _l("On the black list"),
    WhyMissed.NO_MONEY: _l("No money on the PBX account"),
    WhyMissed.LIMIT: _l("All lines were taken (line limit)"),
    narrowing.CLOSED: _l("Outside opening hours"),
    WhyMissed.BUSY: _l("Everybody was busy"),
    WhyMissed.NO_PHONE: _l("Nobody’s phone was on"),
    WhyMissed.EARLY: _l("Gave up before a phone rang"),
    WhyMissed.GAVE_UP: _l("Gave up while it rang"),
    WhyMissed.NO_ANSWER: _l("Nobody picked up"),
    WhyMissed.FAILED: _l("The connection failed"),
    WhyMissed.UNKNOWN: _l("Not known: we never heard how it ended"),
}
PARTS = {
    narrowing.TALKED: _l("Only calls with a talk."),
    narrowing.MISSED: _l("Only missed calls."),
    narrowing.PLACED: _l("Only calls that we placed."),
    narrowing.WITH_CLIENTS: _l("Only talks with clients."),
}
PARTS_OF_USER = {
    narrowing.TALKED: _l("Only calls in which this colleague talked."),
    narrowing.MISSED: _l("Only missed calls that rang at this colleague’s phone."),
    narrowing.PLACED: _l("Only calls that this colleague placed."),
    narrowing.WITH_CLIENTS: _l("Only talks of this colleague with clients."),
}
REACHED = {
    narrowing.QUARTER: _l("Only missed calls whose client we talked with within 15 minutes."),
    narrowing.HOUR: _l("Only missed calls whose client we talked with within an hour."),
    narrowing.DAY: _l("Only missed calls whose client we talked with on the same day."),
    narrowing.LATER: _l("Only missed calls whose client we talked with on a later day."),
    narrowing.NEVER: _l("Only missed calls whose client we have not talked with since."),
}
# Of a lead that was made from a call.
SOURCE_WORDS = {"incoming_call": _l("Incoming call"), "outgoing_call": _l("Outgoing call")}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line in the history of a call: when we heard of it, an icon and a sentence."""

    at: datetime
    time: str
    icon: str
    sentence: str


def match_words(match: Match) -> str:
    """Say in one sentence why a call is with whom it is."""
    name = match.contact.name if match.contact else ""
    number, at = phone(match.number), when(match.at)
    if match.how == "chosen":
        who = match.by.name if match.by else HOUSE
        if not name:
            return str(_("%(who)s said that it was nobody known (%(at)s).", who=who, at=at))
        return str(_("%(who)s said that it was %(name)s (%(at)s).", who=who, name=name, at=at))
    sentences = {
        "clicked": _("The number was called from the page of %(name)s.", name=name),
        "exact": _("%(name)s has the number %(number)s.", name=name, number=number),
        "format": _(
            "%(name)s has the number %(number)s: the same phone in another format.",
            name=name, number=number,
        ),
        "tail": _(
            "%(name)s has the number %(number)s, which ends with the same nine digits; nobody "
            "else has them.",
            name=name, number=number,
        ),
        "past": _(
            "%(name)s had the number %(number)s when the call came, and has it no longer.",
            name=name, number=number,
        ),
        "later": _(
            "Nobody had the number when the call came; %(name)s has it now.", name=name
        ),
        "shared": _(
            "Several contacts have the number %(number)s: nobody has said which one it was.",
            number=number,
        ),
        "nobody": _("No contact has the number %(number)s.", number=number),
        "hidden": _("The caller does not show a number."),
    }  # fmt: skip
    return str(sentences[match.how])


def country(call: Call) -> str:
    """Name the country of a call's number, "" when it has none."""
    code = phone_numbers.country_of(call.outside_number)
    return str(get_locale().territories.get(code, code)) if code else ""


def waited(since: int, until: int | None) -> str:
    """Say how long callers waited who gave up, in seconds."""
    if until is None:
        return str(_("gave up after %(since)s s or more", since=since))
    return str(_("gave up after %(since)s to %(last)s s", since=since, last=until - 1))


def reasons() -> list[tuple[str, str]]:
    """List why calls are missed, as the address says it and in words."""
    choices = [(str(code), str(words)) for code, words in WHY_MISSED.items()]
    waits = [
        (f"{WhyMissed.GAVE_UP}-{since}", f"– {waited(since, until)}")
        for since, until in narrowing.WAITS
    ]
    place = [code for code, _words in choices].index(WhyMissed.GAVE_UP) + 1
    return choices[:place] + waits + choices[place:]


def why_missed(call: Call, *, is_open: bool) -> str:
    """Say in a sentence why a call was missed, "" for every other call."""
    if call.why_missed is None:
        return ""
    if not is_open and call.why_missed not in narrowing.AT_ANY_HOUR:
        return str(WHY_MISSED[narrowing.CLOSED])
    if call.why_missed == WhyMissed.GAVE_UP and call.ring_seconds is not None:
        return str(_("The caller gave up after %(count)s s", count=call.ring_seconds))
    return str(WHY_MISSED[call.why_missed])


def narrowed(filters: CallFilter) -> list[tuple[tuple[str, ...], str]]:
    """Put into sentences what no field of the form shows, with the names that it has there."""
    said: list[tuple[tuple[str, ...], Any]] = []
    parts = PARTS_OF_USER if filters.user else PARTS
    for names, words in (("part", parts), ("reached", REACHED)):
        if value := getattr(filters, names):
            said.append(((names,), words.get(value, _("Not a valid choice."))))
    if filters.weekday or filters.hour:
        said.append((("weekday", "hour"), _hour_sentence(filters)))
    if filters.clock:
        said.append((("clock",), _("Days and hours are those of the office.")))
    return [(names, str(sentence)) for names, sentence in said]


def _hour_sentence(filters: CallFilter) -> str:
    day = ""
    if filters.weekday in set("1234567"):
        day = get_day_names("wide", locale=get_locale())[int(filters.weekday) - 1]
    if not filters.hour:
        return str(_("Only calls on this day of the week: %(day)s.", day=day))
    hour = filters.hour.zfill(2)
    if not filters.weekday:
        return str(_("Only calls from %(hour)s:00 to %(hour)s:59.", hour=hour))
    return str(_("Only calls from %(hour)s:00 to %(hour)s:59, %(day)s.", hour=hour, day=day))


def history(rows: list[CallFact]) -> list[LogLine]:
    """Put the facts of a call into sentences, in the order they arrived."""
    return [
        LogLine(row.received_at, format_time(row.received_at, "medium"), *_sentence(row.fact, row))
        for row in rows
    ]


def _sentence(fact: Fact, row: CallFact) -> tuple[str, str]:
    who = _who(fact.who, row.user.name if row.user else "")
    number = phone(fact.caller) or fact.caller_name or _("a hidden number")
    numbers = {"number": number, "line": phone(fact.did)}
    match fact.kind:
        case FactKind.STARTED if fact.did:
            return "phone-incoming", _("%(number)s called %(line)s.", **numbers)
        case FactKind.STARTED:
            return "phone-incoming", _("%(number)s called.", **numbers)
        case FactKind.RANG if fact.transfer_from:
            return "transfer", _(
                "Extension %(other)s passed the call on: %(who)s rings.",
                other=fact.transfer_from,
                who=who,
            )
        case FactKind.RANG:
            return "bell", _("%(who)s rings.", who=who)
        case FactKind.STOPPED_RINGING:
            return "bell-off", _("%(who)s stops ringing.", who=who)
        case FactKind.ENDED | FactKind.OUTGOING_ENDED:
            return "phone-off", _end_sentence(fact)
        case FactKind.LISTED:
            return "list", _listed_sentence(fact, who)
        case _:
            return _other_sentence(fact, who)


def _other_sentence(fact: Fact, who: str) -> tuple[str, str]:
    number = phone(fact.called) or fact.called_name
    match fact.kind:
        case FactKind.ANSWERED if fact.who:
            return "phone", _("Answered: %(who)s.", who=who)
        case FactKind.ANSWERED:
            return "phone", _("Answered: %(number)s.", number=number or _("somebody"))
        case FactKind.OUTGOING_STARTED if fact.dial_code:
            return "phone-outgoing", _(
                "%(who)s calls %(number)s, dialled with %(code)s.",
                who=who,
                number=number,
                code=fact.dial_code,
            )
        case FactKind.OUTGOING_STARTED:
            return "phone-outgoing", _("%(who)s calls %(number)s.", who=who, number=number)
        case FactKind.DIALLED:
            return "phone-outgoing", _(
                "%(who)s clicked to call %(number)s.", who=who, number=number
            )
        case FactKind.MENU:
            return "dialpad", _("Pressed in the menu: %(keys)s.", keys=fact.menu_choice or "–")
        case FactKind.RECORDED:
            return "record-mail", _("A recording is ready.")
        case FactKind.REFUSED:
            return "ban", _("Ramal refused the call.")
        case _:
            return "clock", _("The PBX reported nothing for too long; Ramal closed the call.")


def _result(fact: Fact) -> Any:
    code = fact.disposition or ("" if fact.disposition_raw else Disposition.UNFINISHED)
    # A word of the PBX that we do not know is shown as it came.
    return STATUSES[code][0] if code else fact.disposition_raw


def _listed_sentence(fact: Fact, who: str) -> str:
    """Say what the statistics tell of a call, or of one phone in it."""
    result = str(_result(fact))
    if fact.talk_seconds:
        result = f"{result}, {duration(fact.talk_seconds)}"
    if fact.who:
        return str(_("The PBX lists %(who)s: %(result)s.", who=who, result=result))
    return str(_("The PBX lists the call: %(result)s.", result=result))


def _end_sentence(fact: Fact) -> str:
    result = _result(fact)
    if fact.talk_seconds:
        length = duration(fact.talk_seconds)
        return str(_("Ended after %(length)s: %(result)s.", length=length, result=result))
    return str(_("Ended: %(result)s.", result=result))


def _who(extension: str, name: str) -> str:
    if not extension:
        return str(_("A phone"))
    if name:
        return f"{name} ({extension})"
    return str(_("Extension %(number)s", number=extension))
