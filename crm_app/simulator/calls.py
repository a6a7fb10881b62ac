"""Calls that somebody steers while they run: the phones of the office."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from crm_app.simulator.account import Account
from crm_app.simulator.posting import Delivery
from crm_app.simulator.scenarios import (
    WALL_CLOCK,
    Post,
    new_call_id,
    new_recording_id,
)

State = Literal["waiting", "ringing", "talking", "ended"]
_RECORD_DELAY_SECONDS = 8.0
_CODES = {"answered": "16", "cancel": "16", "no answer": "19", "busy": "17"}


class Exchange(Protocol):
    """What a call needs from the PBX that it runs on."""

    account: Account

    def send(self, post: Post, *, is_lost: bool = False) -> Delivery:
        """Post a notification, or only remember it."""

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after a while (times the speed), at once without pauses."""

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after so many true seconds, unless the PBX stops before."""

    def seconds(self) -> float:
        """Read a clock that only goes forward, in seconds."""


class LiveCall:
    """What incoming and outgoing calls have in common; all methods can be used at once."""

    way: Literal["in", "out"]

    def __init__(self, exchange: Exchange, client: str) -> None:
        self.client = client
        self.state: State = "waiting"
        self.talker = ""
        self.disposition = ""
        self.deliveries: list[Delivery] = []
        self.pbx_call_id = new_call_id(self.way)
        self._exchange = exchange
        self._lock = threading.RLock()
        self._start = exchange.account.wall_clock()
        self._answered_at = 0.0
        self._recording_id = ""
        self._is_record_posted = False

    @property
    def can_decline(self) -> bool:
        """Whether the client has a phone that rings."""
        return False

    def record(self) -> bool:
        """Announce the recording of the ended call; False if there is none."""
        with self._lock:
            if not self._recording_id or self._is_record_posted:
                return False
            self._is_record_posted = True
            self._send(
                {
                    "event": "NOTIFY_RECORD",
                    "call_id_with_rec": self._recording_id,
                    "pbx_call_id": self.pbx_call_id,
                }
            )
            return True

    def _post(self, event: str, fields: Mapping[str, str], *, is_lost: bool = False) -> Delivery:
        start = self._start.strftime(WALL_CLOCK)
        named = {"event": event, "call_start": start, "pbx_call_id": self.pbx_call_id}
        return self._send(named | dict(fields), is_lost)

    def _send(self, fields: dict[str, str], is_lost: bool = False) -> Delivery:
        delivery = self._exchange.send(Post(fields), is_lost=is_lost)
        self.deliveries.append(delivery)
        return delivery

    def _talk(self, extension: str) -> None:
        self.talker = extension
        if self.state != "talking":
            self.state = "talking"
            self._answered_at = self._exchange.seconds()

    def _end_fields(self, disposition: str) -> dict[str, str]:
        is_answered = self.state == "talking"
        talked = self._exchange.seconds() - self._answered_at if is_answered else 0.0
        self.state = "ended"
        self.disposition = disposition
        fields = {
            "duration": str(round(talked)),
            "disposition": disposition,
            "status_code": _CODES[disposition],
            "is_recorded": "1" if is_answered else "0",
        }
        if is_answered:
            self._recording_id = new_recording_id(self._start)
            fields["call_id_with_rec"] = self._recording_id
        return fields

    def _post_end(self, event: str, is_lost: bool, fields: Mapping[str, str]) -> None:
        self._post(event, fields, is_lost=is_lost)
        if self._recording_id and not is_lost:
            self._exchange.later(_RECORD_DELAY_SECONDS, self.record)


class IncomingCall(LiveCall):
    """A client calls; the answer to the first notification steers who rings.

    `reply` is that answer; `is_refused` tells that it ended the call at once.
    """

    way: Literal["in", "out"] = "in"

    def __init__(self, exchange: Exchange, client: str, extensions: Sequence[str]) -> None:
        super().__init__(exchange, client)
        self.extensions = tuple(extensions)
        self.ringing: list[str] = []
        self.rang: list[str] = []
        self.reply: dict[str, object] = {}
        self.is_refused = False
        self._transfer: dict[str, str] = {}

    @property
    def caller_name(self) -> str:
        """The name that the phones show, if the answer gave one."""
        return str(self.reply.get("caller_name", ""))

    def start(self) -> None:
        """Reach the PBX, follow its answer, ring."""
        with self._lock:
            self.reply = dict(self._post("NOTIFY_START", self._parties()).reply)
            target = str(self.reply.get("redirect", ""))
            if self.reply.get("hangup") or target == "blacklist":
                self.is_refused = True
                self._end("busy" if target else "cancel")
            elif target in self._exchange.account.extensions:
                self._ring([target])
                back = self.reply.get("return_timeout")
                if isinstance(back, int) and back >= 3:
                    self._exchange.after(back, self.come_back)
            else:
                self._ring(self.extensions)

    def answer(self, extension: str) -> bool:
        """Let a ringing extension answer; False if it does not ring (any more)."""
        with self._lock:
            if extension not in self.ringing:
                return False
            self.ringing = []
            self._talk(extension)
            who = {"caller_id": self.client, "destination": extension, "internal": extension}
            self._post("NOTIFY_ANSWER", who | self._transfer)
            self._transfer = {}
            return True

    def refuse(self, extension: str) -> bool:
        """Let a ringing extension refuse; the last one that rings ends the call."""
        with self._lock:
            if extension not in self.ringing:
                return False
            self.ringing.remove(extension)
            return bool(self.ringing) or self._finish("busy", is_end_lost=False)

    def transfer(self, to: str) -> bool:
        """Let who talks pass the call on: the other extension rings."""
        with self._lock:
            if self.state != "talking" or to == self.talker:
                return False
            self._transfer = {"transfer_from": self.talker, "transfer_type": "blind"}
            self._ring([to])
            return True

    def come_back(self) -> bool:
        """Let a redirected call that nobody took go its usual way."""
        with self._lock:
            if self.state != "ringing":
                return False
            self._ring([one for one in self.extensions if one not in self.ringing])
            return True

    def hang_up(self, *, is_end_lost: bool = False) -> bool:
        """End the call: the talk, or the caller's patience; False if it is over already."""
        return self._finish("answered" if self.state == "talking" else "cancel", is_end_lost)

    def time_out(self) -> bool:
        """Let the ringing run out, unless somebody talks."""
        with self._lock:
            return self.state == "ringing" and self._finish("no answer", is_end_lost=False)

    def _finish(self, disposition: str, is_end_lost: bool) -> bool:
        with self._lock:
            if self.state not in ("ringing", "talking"):
                return False
            self._end(disposition, is_end_lost)
            return True

    def _ring(self, extensions: Sequence[str]) -> None:
        if self.state != "talking":
            self.state = "ringing"
        online = [one for one in extensions if one in self._exchange.account.online]
        for extension in online:
            self.ringing.append(extension)
            self.rang.append(extension)
            self._post(
                "NOTIFY_INTERNAL", self._parties() | {"internal": extension} | self._transfer
            )

    def _end(self, disposition: str, is_end_lost: bool = False) -> None:
        who = {"internal": self.talker} | ({"last_internal": self.talker} if self.talker else {})
        fields = self._end_fields(disposition)
        self.ringing = []
        self._post_end("NOTIFY_END", is_end_lost, self._parties() | who | fields)

    def _parties(self) -> dict[str, str]:
        return {"caller_id": self.client, "called_did": self._exchange.account.did}


class OutgoingCall(LiveCall):
    """An extension calls a client, by its own keys or because the API was asked to.

    After a click-to-call the extension rings first (`waiting`) and has to answer.
    """

    way: Literal["in", "out"] = "out"

    def __init__(self, exchange: Exchange, extension: str, client: str) -> None:
        super().__init__(exchange, client)
        self.extension = extension

    @property
    def can_decline(self) -> bool:
        """The client's phone rings."""
        return self.state == "ringing"

    def start(self) -> bool:
        """Dial the client; after a click-to-call this is the employee's answer."""
        with self._lock:
            if self.state != "waiting":
                return False
            self.state = "ringing"
            self._post(
                "NOTIFY_OUT_START", self._parties() | {"caller_id": "0", "calltype": "normal"}
            )
            return True

    def answer(self) -> bool:
        """Let the client answer."""
        with self._lock:
            if self.state != "ringing":
                return False
            self._talk(self.extension)
            self._post("NOTIFY_ANSWER", self._parties() | {"caller_id": self.extension})
            return True

    def decline(self) -> bool:
        """Let the client refuse to answer."""
        with self._lock:
            return self.state == "ringing" and self._finish("busy")

    def hang_up(self, *, is_end_lost: bool = False) -> bool:
        """End the talk, or the attempt; False if it is over already."""
        return self._finish("answered" if self.state == "talking" else "cancel", is_end_lost)

    def time_out(self) -> bool:
        """Let the ringing run out, unless somebody talks."""
        with self._lock:
            return self.state != "talking" and self._finish("no answer")

    def _finish(self, disposition: str, is_end_lost: bool = False) -> bool:
        with self._lock:
            if self.state == "ended":
                return False
            was_dialled = self.state != "waiting"
            fields = self._end_fields(disposition)
            if was_dialled:
                fields |= {"caller_id": self._exchange.account.did, "calltype": "normal"}
                self._post_end("NOTIFY_OUT_END", is_end_lost, self._parties() | fields)
            return True

    def _parties(self) -> dict[str, str]:
        return {"destination": self.client.lstrip("+"), "internal": self.extension}
