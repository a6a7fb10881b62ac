"""What a starting call is answered: pure rules, asked one after another.

The order: black list, own number, the client's responsible, their deputy, and then the scenario of
the PBX. A rule that has nothing to say says why not, which is what the preview shows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from crm_app.telephony.routing.names import name_to_show
from crm_app.telephony.switches import Switches
from crm_app.telephony.zadarma.answers import CallReply

if TYPE_CHECKING:
    from crm_app.contacts.numbers.caller import Caller

# The look-up of callers stops here: of more of them nobody knows whether all share the responsible.
MOST_CALLERS = 20
Kind = Literal["black_list", "own_number", "responsible", "deputy", "scenario"]


@dataclass(frozen=True, slots=True)
class StartingCall:
    """A call that has just begun: its number ("" if hidden), our line, when, who may be calling.

    Several callers may share one number; a stranger is none of them.
    """

    number: str
    line: str
    at: datetime
    callers: "tuple[Caller, ...]" = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """The entry of the black list that a number matches, and why it was made."""

    id: int
    pattern: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody whom a call may be sent to; `is_registered` is None when nobody knows."""

    name: str
    extension: str = ""
    may_sign_in: bool = True
    is_away: bool = False
    is_registered: bool | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of a call: all that the rules ask beside its callers."""

    blocked: Blocked | None = None
    is_own: bool = False
    responsible: Colleague | None = None
    deputy: Colleague | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule said: whether it decides, why, and about whom."""

    rule: Kind
    decides: bool
    why: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The reply for the PBX, and each rule's answer up to the one that decided.

    `refusal` is the code of why the call is refused, "" if it is not, and `blocked_id` the entry of
    the black list that says so; `name` is why the phones show a name or none.
    """

    reply: CallReply
    steps: tuple[Step, ...] = ()
    refusal: str = ""
    blocked_id: int | None = None
    name: str = ""

    @property
    def rule(self) -> Kind:
        """The rule that decided."""
        return self.steps[-1].rule if self.steps else "scenario"


NOTHING = Known()
_Rule = Callable[[StartingCall, Switches, Known], Step]


def decide(call: StartingCall, switches: Switches, known: Known = NOTHING) -> Decision:
    """Decide how a call goes on."""
    steps: list[Step] = []
    for rule in (_black_list, _own_number, _responsible, _deputy):
        steps.append(rule(call, switches, known))
        if steps[-1].decides:
            break
    else:
        steps.append(Step("scenario", True, "usual"))
    decision = Decision(CallReply(), tuple(steps))
    match decision.rule:
        case "black_list":
            by = known.blocked.id if known.blocked is not None else None
            reply = _refusal(switches)
            return replace(decision, reply=reply, refusal="black_list", blocked_id=by)
        case "own_number":
            return replace(decision, name="own")
        case "responsible":
            return _redirect(decision, call, switches, known.responsible)
        case "deputy":
            return _redirect(decision, call, switches, known.deputy)
        case _:
            name, why = _name(call, switches)
            return replace(decision, reply=CallReply(caller_name=name or None), name=why)


def responsible_of(callers: "Sequence[Caller]") -> tuple[int | None, str]:
    """Return whose client calls, or why that is nobody's (stranger, nobody, shared).

    A person without a responsible is the one of their company. Several who share a number count
    as one client only if all have the same responsible.
    """
    if not callers:
        return None, "stranger"
    if len(callers) >= MOST_CALLERS:
        return None, "shared"
    found = {caller.responsible_id or caller.company_responsible_id for caller in callers}
    if len(found) > 1:
        return None, "shared"
    (user_id,) = found
    return user_id, "" if user_id is not None else "nobody"


def _black_list(call: StartingCall, switches: Switches, known: Known) -> Step:
    if switches.black_list == "off":
        return Step("black_list", False, "switched_off")
    if not call.number:
        return Step("black_list", False, "hidden")
    if known.blocked is None:
        return Step("black_list", False, "not_listed")
    if known.is_own:
        # It became ours after it was put on the list.
        return Step("black_list", False, "own", known.blocked.pattern)
    return Step("black_list", True, "listed", known.blocked.pattern)


def _own_number(call: StartingCall, _switches: Switches, known: Known) -> Step:
    if not call.number:
        return Step("own_number", False, "hidden")
    return Step("own_number", known.is_own, "own" if known.is_own else "not_own")


def _responsible(call: StartingCall, switches: Switches, known: Known) -> Step:
    if switches.route_to_responsible == "off":
        return Step("responsible", False, "switched_off")
    if not call.number:
        return Step("responsible", False, "hidden")
    user_id, why = responsible_of(call.callers)
    if user_id is None or known.responsible is None:
        return Step("responsible", False, why or "nobody")
    return _step("responsible", known.responsible, known.is_open)


def _deputy(_call: StartingCall, switches: Switches, known: Known) -> Step:
    if switches.route_to_responsible == "off":
        return Step("deputy", False, "switched_off")
    if known.responsible is None or not known.responsible.is_away:
        return Step("deputy", False, "not_away")
    if known.deputy is None:
        return Step("deputy", False, "no_deputy", known.responsible.name)
    return _step("deputy", known.deputy, known.is_open)


def _step(rule: Kind, who: Colleague, is_open: bool) -> Step:
    obstacle = _obstacle(who, is_open)
    return Step(rule, not obstacle, obstacle or "takes", who.name)


def _obstacle(who: Colleague, is_open: bool) -> str:
    """Say why somebody's phone is not to ring, "" when it is."""
    if not who.may_sign_in:
        return "disabled"
    if who.is_away:
        return "away"
    if not is_open:
        return "off_shift"
    if not who.extension:
        return "no_extension"
    if who.is_registered is None:
        return "phone_unknown"
    return "" if who.is_registered else "phone_off"


def _refusal(switches: Switches) -> CallReply:
    return CallReply(hangup=True) if switches.black_list == "hangup" else CallReply(blacklist=True)


def _redirect(
    decision: Decision, call: StartingCall, switches: Switches, to: Colleague | None
) -> Decision:
    extension = to.extension if to is not None else ""
    name, why = _name(call, switches)
    if name and switches.caller_name_with_redirect == "off":
        name, why = "", "not_with_redirect"
    reply = CallReply(
        caller_name=name or None, redirect=extension, return_timeout=switches.return_timeout
    )
    return replace(decision, reply=reply, name=why)


def _name(call: StartingCall, switches: Switches) -> tuple[str, str]:
    """Return what the phones are to show, and why that is a name or none."""
    if switches.caller_name == "off":
        return "", "switched_off"
    if not call.number:
        return "", "hidden"
    plain = switches.caller_name_letters == "plain"
    name = name_to_show([caller.name for caller in call.callers], is_plain=plain)
    return name, "shown" if name else "stranger"
