"""Zadarma's API over a played account: signatures, limits, methods, errors."""

import hmac
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping

from crm_app.clock import now
from crm_app.simulator import signatures
from crm_app.simulator.account import Account, ApiCall, ApiFault, Faults, Limiter
from crm_app.simulator.history import History
from crm_app.simulator.http_types import Reply, Request, html_reply, json_reply
from crm_app.simulator.methods import METHODS, Office, RefusedError

REQUESTS_A_MINUTE = 100
STATISTICS_A_MINUTE = 3
_EXTENSION_PATH = re.compile(r"/v1/pbx/internal/([^/]+)/(status|info)/\Z")


class Api:
    """Answers API requests for one account, and keeps a list of them."""

    def __init__(
        self,
        account: Account,
        history: History,
        click_to_call: Callable[[str, str], None],
        base_url: Callable[[], str],
        stopping: threading.Event,
    ) -> None:
        self.calls: deque[ApiCall] = deque(maxlen=10_000)
        self.faults = Faults()
        self._account = account
        self._office = Office(account, history, click_to_call, base_url)
        self._all, self._statistics = Limiter(REQUESTS_A_MINUTE), Limiter(STATISTICS_A_MINUTE)
        self._stopping = stopping

    def answer(self, request: Request) -> Reply | None:
        """Answer a request; None = hang up without a word."""
        fault = self.faults.take(request.path)
        reply = self._faulty(fault) if fault else None
        if reply is None and not (fault and fault.kind == "down"):
            reply = self._checked(request)
        self.calls.append(
            ApiCall(
                request.method, request.path, dict(request.params), reply.status if reply else 0
            )
        )
        return reply

    def _faulty(self, fault: ApiFault) -> Reply | None:
        if fault.kind == "slow":
            self._stopping.wait(fault.seconds)
        message = {"status": "error", "message": "You exceeded the rate limit"}
        replies: Mapping[str, Reply] = {
            "error": json_reply(500, {"status": "error", "message": "Internal error"}),
            "limit": json_reply(429, message, {"Retry-After": str(int(fault.seconds) or 60)}),
            "limit200": json_reply(200, message),
            "html": html_reply(200, "<!doctype html><title>Maintenance</title>"),
        }
        return replies.get(fault.kind)

    def _checked(self, request: Request) -> Reply:
        # Whoever asks with a wrong key uses up requests, too.
        is_allowed, headers = self._counted(request)
        signature = signatures.of_request(request.path, request.written, self._account.secret)
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(f"{self._account.key}:{signature}".encode(), given):
            message = {"status": "error", "message": "Not authorized"}
            return json_reply(401, message, headers)
        if not is_allowed:
            message = {"status": "error", "message": "You exceeded the rate limit"}
            return json_reply(429, message, headers)
        try:
            return json_reply(200, {"status": "success", **self._dispatch(request)}, headers)
        except RefusedError as refusal:
            message = {"status": "error", "message": refusal.message}
            return json_reply(refusal.status, message, headers)

    def _counted(self, request: Request) -> tuple[bool, dict[str, str]]:
        """Count a request by all limits that it is under; the headers tell of the closest."""
        limits = [self._all]
        if request.path.startswith("/v1/statistics/"):
            limits.append(self._statistics)
        taken = [(limiter.take(now()), limiter.limit) for limiter in limits]
        (_, left, reset), limit = min(taken, key=lambda one: one[0][1])
        headers = {
            "X-Zadarma-Method": request.path,
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(reset),
        }
        return all(is_allowed for (is_allowed, _, _), _ in taken), headers

    def _dispatch(self, request: Request) -> Mapping[str, object]:
        extension = _EXTENSION_PATH.match(request.path)
        if extension and request.method == "GET":
            return self._office.extension(extension[1], extension[2])
        method = METHODS.get((request.method, request.path))
        if method is None:
            raise RefusedError(404, "Wrong method name")
        return method(self._office, request.params)
