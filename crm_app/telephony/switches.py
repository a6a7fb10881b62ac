"""The switches of the automation: one table, one value, one column."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from crm_app.errors import InvalidInputError
from crm_app.text import N_

OnOff = Literal["off", "on"]
SHORTEST_RETURN_S = 3


def switch(
    default: Any, label: str, hint: str = "", words: Mapping[str, str] | None = None, **limits: Any
) -> Any:
    """Describe one switch; `words` are those of its texts, `limits` (ge, le) those of a number."""
    more: dict[str, Any] = {"words": dict(words or {})}
    return Field(default, title=label, description=hint, json_schema_extra=more, **limits)


def on_off(default: OnOff, label: str, hint: str = "") -> Any:
    """Describe a switch that is on or off."""
    return switch(default, label, hint)


def words_of(described: FieldInfo) -> Mapping[str, str]:
    """The English labels of a text switch's values."""
    more: Any = described.json_schema_extra
    words: Mapping[str, str] = more["words"]
    return words


def allowed_by(described: FieldInfo) -> dict[str, int | str]:
    """What a switch can be: its texts (`values`), or its numbers (`lowest` and `highest`).

    `or_zero` is there where 0 stands outside of these.
    """
    if described.annotation is not int:
        return {"values": ", ".join(get_args(described.annotation))}
    limits = {
        name: getattr(one, name) for one in described.metadata for name in ("ge", "le", "func")
        if hasattr(one, name)
    }  # fmt: skip
    if "func" in limits:
        return {"lowest": SHORTEST_RETURN_S, "highest": limits["le"], "or_zero": 0}
    return {"lowest": limits["ge"], "highest": limits["le"]}


def _back_in_time(seconds: int) -> int:
    """Refuse what the PBX refuses: a call comes back after 3 seconds or more, or never."""
    if 0 < seconds < SHORTEST_RETURN_S:
        raise ValueError("0, or 3 and more")
    return seconds


class Switches(BaseModel):
    """What the office has switched on. One line is one switch: type, default, label and hint.

    A new switch needs only its line and its use: the settings page, the command and the stored
    column read this table. A switch is `OnOff`, an int, or one of several texts (`Literal`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    caller_name: OnOff = on_off(
        "on",
        N_("Show the caller's name on the phones that ring"),
        N_(
            "When a known number calls, the PBX gets the name, and every phone that rings shows it."
        ),
    )
    caller_name_letters: Literal["all", "plain"] = switch(
        "all",
        N_("Letters of the caller's name"),
        N_("For phones that cannot show accents or Cyrillic: João is then Joao, Иван is Ivan."),
        {"all": N_("As they are"), "plain": N_("Plain letters from A to Z")},
    )
    caller_name_with_redirect: OnOff = on_off(
        "off",
        N_("Show the name also on a call that is sent to the responsible"),
        N_(
            "Name and redirect go into one answer. Try it with a call: the documentation of the "
            "PBX does not say whether it takes both."
        ),
    )
    route_to_responsible: OnOff = on_off(
        "off",
        N_("Send known clients to their responsible"),
        N_(
            "The client's responsible, who is here and whose phone is registered, is rung first; "
            "for somebody who is away the deputy is. All other calls go the way of the PBX."
        ),
    )
    return_timeout: Annotated[int, AfterValidator(_back_in_time)] = switch(
        15,
        N_("Seconds until a call that was sent to the responsible comes back"),
        N_("From 3 to 60 seconds of ringing, then it goes the way of the PBX; 0 is never."),
        ge=0,
        le=60,
    )
    black_list: Literal["off", "busy", "hangup"] = switch(
        "busy",
        N_("Calls from numbers on the black list"),
        N_(
            "They are refused, are in the log as refused, and make no call-back, contact or lead. "
            "Nothing is refused while this is off."
        ),
        {"off": N_("Let them through"), "busy": N_("Busy tone"), "hangup": N_("Hang up")},
    )

    new_client: Literal["off", "answered", "always"] = switch(
        "off",
        N_("New clients from calls"),
        N_(
            "When a number that nobody has calls, it becomes a client: of the one who talked, "
            "else of the default responsible. Own numbers and those to ignore never do."
        ),
        words={
            "off": N_("Off"),
            "answered": N_("When somebody answers"),
            "always": N_("Always, missed calls too"),
        },
    )
    new_client_makes: Literal["contact", "lead", "both"] = switch(
        "both",
        N_("A new client is saved as"),
        N_(
            "The contact has the number, and is called by it until somebody types a name. A lead "
            "says the line that was called."
        ),
        words={
            "contact": N_("A contact"),
            "lead": N_("A lead"),
            "both": N_("A contact with a lead"),
        },
    )

    call_backs: OnOff = on_off(
        "on",
        N_("Call back clients whose calls were missed"),
        N_(
            "A missed call puts its client into the queue of call-backs, once however often they "
            "ring, until somebody talks with them."
        ),
    )
    call_back_minutes: int = switch(
        15,
        N_("Call back within so many working minutes"),
        N_(
            "A call-back is due this long after the first missed call, counted in the office's "
            "hours; one missed while the office is closed is due when it opens."
        ),
        ge=1,
        le=480,
    )
    ghost_seconds: int = switch(
        5,
        N_("Seconds of a ring or a talk that count for nothing"),
        N_(
            "A caller who gives up sooner than this is not called back, and a talk that is not "
            "longer than this closes no call-back."
        ),
        ge=0,
        le=60,
    )
    call_back_email: OnOff = on_off(
        "off",
        N_("Remind of call-backs by e-mail, too"),
        N_(
            "When a call-back is due, who is to call gets one e-mail (for one in the pool all who "
            "are here), and the managers get one when it is late. It names client and number, and "
            "goes out through the mail server that is set up; without one nothing is sent."
        ),
    )
    record_copies: OnOff = on_off(
        "on",
        N_("Keep a copy of each recording"),
        N_(
            "Soon after a recorded call the recording is fetched from the PBX, where old ones are "
            "dropped, and can be played here."
        ),
    )
    retention_days: int = switch(
        0,
        N_("Days that recordings are kept"),
        N_(
            "Older recordings are deleted here and in the PBX, except those that are held; 0 keeps "
            "them for ever. Lines may have a number of their own."
        ),
        ge=0,
        le=3650,
    )
    transcripts: OnOff = on_off(
        "off",
        N_("Show what was said"),
        N_(
            "What the PBX has recognised is shown beside the player and found by the search; a "
            "recognition that costs money is never started."
        ),
    )
    polling: Literal["off", "auto", "on"] = switch(
        "auto",
        N_("Keep the log complete by the statistics of the PBX"),
        N_(
            "Every two minutes the statistics are asked for calls that no event announced, so that "
            "they are in the log at most three minutes later. Automatic: while events are missing, "
            "a banner says that calls do not pop up. On: no events are expected, and none is "
            "missed. Off: only the comparison by night is left."
        ),
        words={"off": N_("Off"), "auto": N_("Automatic"), "on": N_("On")},
    )
    confirm_dialling: OnOff = on_off(
        "off",
        N_("Ask before every call"),
        N_(
            "A click on a number does not call at once: Ramal shows whom it would call, and waits "
            "for a second click."
        ),
    )
    browser_phone: OnOff = on_off(
        "off",
        N_("Phone in the browser"),
        N_(
            "Everybody with an extension may use the PBX maker's phone in a window of its own, at "
            "/phone. Ramal allows it there for this office's address at the PBX; no other page "
            "lets anything of another host in."
        ),
    )
    sms: OnOff = on_off(
        "off",
        N_("Text messages"),
        N_(
            "Everybody can send text messages to clients from their pages, which the PBX charges "
            "for. Those that come in are shown there, and the client's responsible gets a notice; "
            "for who has none the default responsible does."
        ),
    )

    def is_on(self, name: str) -> bool:
        """Whether a switch does anything: it is neither off nor the number that means never."""
        return getattr(self, name) not in ("off", 0)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what was stored; a switch that is unknown or impossible by now has its default."""
        stored: dict[str, Any] = json.loads(text)
        try:
            return cls.model_validate(stored)
        except ValidationError as error:
            wrong = {problem["loc"][0] for problem in error.errors()}
            return cls.model_validate({k: v for k, v in stored.items() if k not in wrong})

    def changed(self, values: Mapping[str, Any]) -> Self:
        """Set some switches, given as they are or as a text.

        Raises InvalidInputError (switch_unknown, switch_impossible) with the switch as its field.
        """
        try:
            return type(self).model_validate({**self.model_dump(), **values})
        except ValidationError as error:
            problem = error.errors()[0]
            is_unknown = problem["type"] == "extra_forbidden"
            code = "switch_unknown" if is_unknown else "switch_impossible"
            raise InvalidInputError(code, str(problem["loc"][0])) from None
