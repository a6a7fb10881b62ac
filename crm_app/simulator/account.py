"""The account whose PBX is played: its phones, its money, where it posts."""

import re
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from crm_app.clock import now

CALL_FLAGS = (
    "notify_start",
    "notify_internal",
    "notify_answer",
    "notify_end",
    "notify_out_start",
    "notify_out_end",
)
OTHER_FLAGS = ("number_lookup", "call_tracking", "sms", "speech_recognition")
# An extension alone, or as the login of a phone: `499499-101`.
_EXTENSION = re.compile(r"(?:[0-9]{4,8}-)?([0-9]{3})\Z|([0-9]{1,5})\Z")
MINUTE = 60.0
WEBPHONE_KEY_LASTS_FOR = timedelta(hours=72)
# A number that is paid for less than this does not renew itself.
NUMBER_LASTS_FOR_DAYS = 25
FaultKind = Literal["down", "slow", "error", "limit", "limit200", "html"]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request that the API got, and the status it answered."""

    method: str
    path: str
    params: dict[str, str]
    status: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SentSms:
    """A text message that the office has sent: to digits without a plus, under a sender."""

    number: str
    text: str
    sender: str
    parts: int
    at: datetime


@dataclass(slots=True)
class ApiFault:
    """A fault of the API for the next `times` requests under a path, None = until healed."""

    kind: FaultKind
    path: str = ""
    seconds: float = 0.0
    times: int | None = None


@dataclass(slots=True)
class Account:
    """All that can be set up; change it at any time, also while calls run.

    `callback` is the scenario that a click-to-call plays, or `interactive`.
    `utc_offset` is how far the account's wall clock is ahead of UTC; `asks_by_wall_clock` says that
    the statistics read the span they are asked for by it, and not as UTC. `has_quirks` lets them
    write names and numbers in all the ways that occur. Of the notifications `lost_share` is lost.
    """

    key: str
    secret: str
    webhook_url: str = ""
    extensions: list[str] = field(default_factory=lambda: ["101", "102", "103", "104", "105"])
    online: set[str] = field(default_factory=set)
    did: str = "351210000001"
    # Further numbers of the account, each with what the API answers differently of it.
    other_numbers: dict[str, dict[str, str]] = field(default_factory=dict)
    pbx_id: int = 499499
    balance: Decimal = Decimal("25.00")
    currency: str = "EUR"
    utc_offset: timedelta = timedelta()
    callback: str = "callback-single"
    are_recordings_ready: bool = True
    asks_by_wall_clock: bool = False
    has_quirks: bool = False
    lost_share: float = 0.0
    # How long each notification is on its way, and for how many days the number is paid.
    delay_seconds: float = 0.0
    number_ends_in: int = NUMBER_LASTS_FOR_DAYS
    events_url: str = ""
    # Where the browser phone may be used, None while it is not set up; which extensions
    # have no other phone registered; whose key it is, until when.
    webphone_domains: list[str] | None = None
    webphones: set[str] = field(default_factory=set)
    webphone_keys: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    # Under which senders text messages go out, those that did, and to which digits none can.
    senders: tuple[str, ...] = ("Ramal", "351210000001")
    sent: deque[SentSms] = field(default_factory=lambda: deque(maxlen=200))
    denied: set[str] = field(default_factory=set)
    flags: dict[str, bool] = field(
        default_factory=lambda: dict.fromkeys((*CALL_FLAGS, *OTHER_FLAGS), True)
    )

    def wall_clock(self) -> datetime:
        """The time on the account's own clock."""
        return now() + self.utc_offset

    def wants(self, event: str) -> bool:
        """Check that notifications of this name are switched on."""
        return self.flags.get(event.lower(), True)


class Limiter:
    """Counts requests of the last minute, whenever that began: no minute may hold more."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()

    def take(self, at: datetime) -> tuple[bool, int, int]:
        """Count a request; tell if it is allowed, how many are left, and the reset time."""
        moment = at.timestamp()
        with self._lock:
            while self._taken and not moment - MINUTE < self._taken[0] <= moment:
                self._taken.popleft()
            is_allowed = len(self._taken) < self.limit
            if is_allowed:
                self._taken.append(moment)
            return is_allowed, self.limit - len(self._taken), int(self._taken[0] + MINUTE)


class Faults:
    """The faults that were injected, newest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: deque[ApiFault] = deque()

    @property
    def kind(self) -> FaultKind | None:
        """Which fault the next request has, None for none."""
        with self._lock:
            return next((one.kind for one in self._faults if one.times != 0), None)

    def add(self, fault: ApiFault) -> None:
        """Let requests fail from now on."""
        with self._lock:
            self._faults.appendleft(fault)

    def clear(self) -> None:
        """Let all requests succeed again."""
        with self._lock:
            self._faults.clear()

    def take(self, path: str) -> ApiFault | None:
        """Find the fault for a request, and count it."""
        with self._lock:
            for fault in self._faults:
                if path.startswith(fault.path) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None


def as_online(extensions: Iterable[str], online: Iterable[str] | None) -> set[str]:
    """Say which phones are registered: those given, else all."""
    return set(extensions if online is None else online)


def extension_of(text: str) -> str:
    """Read an extension, empty if it is none."""
    found = _EXTENSION.match(text)
    return (found[1] or found[2]) if found and text.strip("0") else ""
