"""The simulator: one account with its phones, served over HTTP on this machine."""

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

from crm_app.simulator.account import (
    Account,
    ApiCall,
    ApiFault,
    FaultKind,
    as_online,
    extension_of,
)
from crm_app.simulator.api import Api
from crm_app.simulator.app import create_app, serve
from crm_app.simulator.calls import IncomingCall, OutgoingCall
from crm_app.simulator.history import History
from crm_app.simulator.posting import Delivery, deliver, not_sent
from crm_app.simulator.scenarios import Post, placeholders, posts, scenario
from crm_app.simulator.sounds import Sounds

RING_SECONDS = 30.0
INTERACTIVE = "interactive"


class Simulator:
    """Plays Zadarma for an office: `with Simulator(key, secret, webhook_url) as pbx: ...`.

    `speed` stretches the pauses of scenarios and of what follows a call: 1 = as in life,
    0 = none. `ring_seconds` is how long a steered call rings, None = for ever.
    Everything set in `account` can be changed while it runs. Thread-safe.
    """

    def __init__(  # noqa: PLR0913 (settings, given by name)
        self,
        key: str,
        secret: str,
        webhook_url: str = "",
        *,
        extensions: Sequence[str] = ("101", "102", "103", "104", "105"),
        online: Iterable[str] | None = None,
        did: str = "351210000001",
        balance: Decimal | float | str = "25.00",
        speed: float = 0.0,
        ring_seconds: float | None = None,
        port: int = 0,
        clients: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.account = Account(key, secret, webhook_url, list(extensions), did=did)
        self.account.online = as_online(extensions, online)
        self.account.balance = Decimal(str(balance))
        self.speed = speed
        self.ring_seconds = ring_seconds
        self.clients = tuple(clients)
        self.history, self.sounds = History(), Sounds()
        self.live_calls: deque[IncomingCall | OutgoingCall] = deque(maxlen=50)
        self.deliveries: deque[Delivery] = deque(maxlen=2000)
        self._is_started = False
        # The same notifications are lost in every run.
        self._losing = random.Random(1)  # noqa: S311 (nothing secret)
        self._stopping = threading.Event()
        self._threads: set[threading.Thread] = set()
        self._threads_lock = threading.Lock()
        self.api = Api(
            self.account,
            self.history,
            self.sounds,
            self._click_to_call,
            lambda: self.url,
            self._stopping,
        )
        # What went wrong in the simulator itself while it answered.
        self.errors: list[BaseException] = []
        self._server = serve(create_app(self), port)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """The address of the API and, at its root, of the page to ring the office."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def api_calls(self) -> list[ApiCall]:
        """All requests that the API got so far."""
        return list(self.api.calls)

    def start(self) -> Self:
        """Serve until stopped."""
        self._is_started = True
        self._run(self._server.serve_forever, 0.05)
        return self

    def stop(self) -> None:
        """End the server, all calls and all threads; a stopped simulator stays stopped."""
        self._stopping.set()
        if self._is_started:
            self._server.shutdown()
        self._server.server_close()
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join()

    def play(
        self,
        scenario_id: str,
        *,
        lost: Collection[str] = (),
        speed: float | None = None,
        **given: str,
    ) -> list[Delivery]:
        """Play a scenario to its end; return each notification with its answer.

        `given` overrides placeholders (client, did, ext1 ... ext5, in_id, t0 ...); events
        named in `lost` are remembered by the statistics but not sent. `speed` as for the
        class. Raises UnknownScenarioError.
        """
        pace = self.speed if speed is None else speed
        values = placeholders(self.account.wall_clock(), self._usual(given))
        played = []
        for post in posts(scenario(scenario_id), values):
            if self._stopping.wait(post.delay * pace):
                break
            played.append(self.send(post, is_lost=post.fields["event"] in lost))
        return played

    def ring(self, client: str, extensions: Sequence[str] | None = None) -> IncomingCall:
        """Let a client call, and steer what happens by the call that is returned."""
        call = IncomingCall(self, client, extensions or self.account.extensions)
        self.live_calls.appendleft(call)
        call.start()
        self._limit_ringing(call)
        return call

    def dial(self, extension: str, client: str) -> OutgoingCall:
        """Let an extension call a client by its own keys."""
        call = OutgoingCall(self, extension, client)
        self.live_calls.appendleft(call)
        call.start()
        self._limit_ringing(call)
        return call

    def text(self, client: str, text: str) -> Delivery:
        """Let a client send the office a text message."""
        result = {"caller_id": client, "caller_did": self.account.did, "text": text}
        fields = {"event": "SMS", "result": json.dumps(result)}
        return self.send(Post(fields, "events"))

    def inject(
        self, kind: FaultKind, *, path: str = "", seconds: float = 0.0, times: int | None = None
    ) -> None:
        """Let API requests under a path fail: `times` times, or until `heal`."""
        self.api.faults.add(ApiFault(kind, path, seconds, times))

    def heal(self) -> None:
        """Let all API requests succeed again."""
        self.api.faults.clear()

    def send(self, post: Post, *, is_lost: bool = False) -> Delivery:
        """Post one notification, unless it is lost, switched off or has no address."""
        self.history.note(post.fields, self.account.utc_offset, has_quirks=self.account.has_quirks)
        self.sounds.note(post.fields.get("call_id_with_rec", ""))
        url = self.account.webhook_url
        if post.channel == "events":
            url = self.account.events_url or url
        is_lost = is_lost or self._losing.random() < self.account.lost_share
        if is_lost or not url or not self.account.wants(post.fields["event"]):
            delivery = not_sent(post)
        else:
            self._stopping.wait(self.account.delay_seconds)
            delivery = deliver(post, url, self.account.secret)
            if self._is_sent_twice(post):
                self.deliveries.append(deliver(post, url, self.account.secret))
        self.deliveries.append(delivery)
        return delivery

    def _is_sent_twice(self, post: Post) -> bool:
        is_record = post.fields["event"] == "NOTIFY_RECORD"
        return is_record and self.sounds.is_repeated(post.fields["call_id_with_rec"])

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after a while, at once if pauses are switched off."""
        if self.speed == 0:
            action()
        else:
            self.after(seconds * self.speed, action)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after so many true seconds, unless stopped before."""

        def wait() -> None:
            if not self._stopping.wait(seconds):
                action()

        self._run(wait)

    def seconds(self) -> float:
        """Read a clock that only goes forward, in seconds."""
        return time.monotonic()

    def _usual(self, given: dict[str, str]) -> dict[str, str]:
        own = {f"ext{place}": one for place, one in enumerate(self.account.extensions[:5], 1)}
        return {"did": self.account.did, **own, **given}

    def _limit_ringing(self, call: IncomingCall | OutgoingCall) -> None:
        if self.ring_seconds is not None:
            self.after(self.ring_seconds, call.time_out)

    def _click_to_call(self, from_: str, to: str) -> None:
        extension = extension_of(from_)
        played = self.account.callback
        if "-" in from_:
            played = "callback-no-events"
        elif extension not in self.account.online:
            played = "callback-manager-declines"
        if played == INTERACTIVE:
            call = OutgoingCall(self, extension, to)
            self.live_calls.appendleft(call)
            self._limit_ringing(call)
        else:
            self._run(lambda: self.play(played, client=to, ext1=extension))

    def _run(self, action: Callable[..., object], *arguments: object) -> None:
        thread = threading.Thread(
            target=action, args=arguments, name="zadarma-simulator", daemon=True
        )
        with self._threads_lock:
            if not self._stopping.is_set():
                self._threads = {one for one in self._threads if one.is_alive()} | {thread}
                thread.start()
