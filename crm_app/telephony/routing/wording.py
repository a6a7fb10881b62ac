"""The words of routing: what each rule says, and why a number is not blocked."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from crm_app.errors import InvalidInputError
from crm_app.telephony.routing.rules import Decision, Step
from crm_app.web.wording import NUMBER_REASONS

RULES: dict[str, Any] = {
    "black_list": _l("Black list"),
    "own_number": _l("Own number"),
    "responsible": _l("Responsible"),
    "deputy": _l("Deputy"),
    "scenario": _l("Scenario of the PBX"),
}
# By rule, then by why; %(who)s is a colleague, or what the black list holds.
SAYS: dict[tuple[str, str], Any] = {
    ("black_list", "switched_off"): _l("The black list is switched off."),
    ("black_list", "not_listed"): _l("The number is not on the black list."),
    ("black_list", "own"): _l("%(who)s is on the black list, but the number is the office's own."),
    ("black_list", "listed"): _l("%(who)s is on the black list: the call is refused."),
    ("own_number", "not_own"): _l("It is no number of the office or of a colleague."),
    ("own_number", "own"): _l("The number is the office's own or a colleague's."),
    ("responsible", "switched_off"): _l("Sending calls to the responsible is switched off."),
    ("responsible", "stranger"): _l("No contact has this number."),
    ("responsible", "nobody"): _l("Nobody is responsible for the contact."),
    ("responsible", "shared"): _l(
        "Several contacts share the number, not all with one responsible."
    ),
    ("deputy", "switched_off"): _l("Sending calls to the responsible is switched off."),
    ("deputy", "not_away"): _l("Only somebody who is away has a deputy."),
    ("deputy", "no_deputy"): _l("%(who)s is away without a deputy."),
    ("scenario", "usual"): _l("The call goes the way that is set up in the PBX."),
}
OF_ANY: dict[str, Any] = {
    "hidden": _l("The caller shows no number."),
    "takes": _l("%(who)s is here, and the phone is registered: it rings."),
    "disabled": _l("%(who)s cannot sign in."),
    "away": _l("%(who)s is away."),
    "off_shift": _l("%(who)s is off shift: the office is closed."),
    "no_extension": _l("%(who)s has no extension."),
    "phone_unknown": _l("Whether the phone of %(who)s is registered is not known."),
    "phone_off": _l("The phone of %(who)s is not registered."),
}
NAMES: dict[str, Any] = {
    "shown": _l("The phones show “%(name)s”."),
    "switched_off": _l("Showing names is switched off."),
    "stranger": _l("There is no name to show."),
    "hidden": _l("There is no name to show."),
    "own": _l("There is no name to show."),
    "not_with_redirect": _l("With a redirect no name is sent: that is switched off."),
}
REFUSALS: dict[str, Any] = NUMBER_REASONS | {
    "number_own": _l(
        "This is a number of your own office, or of a colleague. It cannot be blocked."
    ),
    "prefix_own": _l("%(own)s begins with this, and is your own office's or a colleague's."),
    "prefix_without_plus": _l("Begin with the plus and the country's code, as in +35191*."),
    "prefix_short": _l("Use from 2 to 15 digits before the star."),
    "prefix_of_managers": _l("Only managers can block all numbers with the same beginning."),
    "not_blocked": _l("This number is not on the black list."),
    "blocked_by_another": _l("A colleague put this number on the list. Ask a manager."),
    "until_past": _l("This is over already. Choose a later moment."),
    "until_far": _l("This is more than a hundred years away. Check the year."),
    "too_long": _l("Use at most %(limit)s characters."),
}


def says(step: Step) -> str:
    """Say why a rule decides, or why it does not."""
    words = SAYS.get((step.rule, step.why)) or OF_ANY[step.why]
    return str(words) % {"who": step.who}


def says_of_name(decision: Decision) -> str:
    """Say what the phones show, "" where no phone rings."""
    if not decision.name:
        return ""
    return str(NAMES[decision.name]) % {"name": decision.reply.caller_name}


def refusal(error: InvalidInputError) -> str:
    """Say why a number is not put on the black list or taken off it."""
    if error.code == "prefix_of_clients":
        return of_clients(int(str(error.details["count"])))
    words = str(REFUSALS[error.code])
    return words % error.details if error.details else words


def of_clients(count: int) -> str:
    """Say how many clients are refused with a prefix."""
    return str(
        ngettext(
            "The number of %(num)d client begins with this: their calls are refused, too.",
            "The numbers of %(num)d clients begin with this: their calls are refused, too.",
            count,
        )
    )
