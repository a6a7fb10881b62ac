"""What we answer to the PBX when a call starts."""

import re
from dataclasses import dataclass

MAX_NAME_LENGTH = 60
_TARGET = re.compile(r"[0-9]{1,5}(?:-(?:[0-9]{1,3}|main))?\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\"<>]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReply:
    """How an incoming call goes on; with nothing set, as the account has it.

    `redirect` is an extension (`101`) or a place in a menu (`0-1`, `0-main`);
    `return_timeout` is seconds until the call comes back, 0 = never, else at least 3.
    Raises ValueError for combinations that the PBX does not take.
    """

    caller_name: str | None = None
    redirect: str | None = None
    return_timeout: int | None = None
    hangup: bool = False
    blacklist: bool = False

    def __post_init__(self) -> None:
        """Refuse what the PBX would refuse in the middle of a call."""
        if sum((self.redirect is not None, self.hangup, self.blacklist)) > 1:
            raise ValueError("A call is redirected, refused or ended, not several of these.")
        if self.redirect is not None and not _TARGET.match(self.redirect):
            raise ValueError("A call is redirected to an extension or into a menu.")
        if self.return_timeout is None:
            return
        if self.redirect is None:
            raise ValueError("Only a redirected call can come back.")
        if self.return_timeout != 0 and self.return_timeout < 3:
            raise ValueError("A call comes back after 3 seconds or more, or never (0).")

    def to_json(self) -> dict[str, str | int]:
        """Write the answer as the PBX reads it."""
        if self.hangup:
            return {"hangup": 1}
        if self.blacklist:
            return {"redirect": "blacklist"}
        answer: dict[str, str | int] = {}
        if self.redirect is not None:
            answer["redirect"] = self.redirect
        if self.return_timeout is not None:
            answer["return_timeout"] = self.return_timeout
        name = _clean(self.caller_name or "")
        if name:
            answer["caller_name"] = name
        return answer


def _clean(name: str) -> str:
    # The name travels in a SIP header, where quotes and brackets have a meaning.
    return " ".join(_CONTROL.sub(" ", name).split())[:MAX_NAME_LENGTH].strip()
