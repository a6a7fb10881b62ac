"""Signatures, limits, faults and errors around the methods of all families."""

import hmac
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from flask import Request, Response

from crm_app.clock import now
from crm_app.simulator import signatures
from crm_app.simulator.account import Account, ApiCall, ApiFault, Faults, Limiter
from crm_app.simulator.api import (
    account as account_methods,
)
from crm_app.simulator.api import (
    browser_phone,
    calling,
    extensions,
    numbers,
    recordings,
    speech,
    statistics,
    webhooks,
)
from crm_app.simulator.api.method import Answer, Method, Office, RefusedError
from crm_app.simulator.api.requests import hang_up, params, path_of, written
from crm_app.simulator.history import History
from crm_app.simulator.sounds import Sounds

REQUESTS_A_MINUTE = 100
STATISTICS_A_MINUTE = 3
_FAMILIES = (
    account_methods,
    browser_phone,
    calling,
    extensions,
    numbers,
    recordings,
    speech,
    statistics,
    webhooks,
)
_CALL_ID_NUMBER = re.compile(r'("call_id": )"([0-9]+\.[0-9]+)"')


class Api:
    """Answers API requests for one account, and keeps a list of them."""

    def __init__(
        self,
        account: Account,
        history: History,
        sounds: Sounds,
        click_to_call: Callable[[str, str], None],
        base_url: Callable[[], str],
        stopping: threading.Event,
    ) -> None:
        self.calls: deque[ApiCall] = deque(maxlen=10_000)
        self.faults = Faults()
        self._account = account
        self._office = Office(account, history, sounds, click_to_call, base_url)
        self._all, self._statistics = Limiter(REQUESTS_A_MINUTE), Limiter(STATISTICS_A_MINUTE)
        self._stopping = stopping

    def answer(self, request: Request) -> Response:
        """Answer a request, or hang up without a word."""
        fault = self.faults.take(path_of(request))
        reply = self._faulty(fault) if fault else None
        if reply is None and not (fault and fault.kind == "down"):
            reply = self._checked(request)
        status = reply.status_code if reply else 0
        call = ApiCall(request.method, path_of(request), params(request), status, now())
        self.calls.append(call)
        return reply or hang_up(request)

    def _faulty(self, fault: ApiFault) -> Response | None:
        if fault.kind == "slow":
            self._stopping.wait(fault.seconds)
        message = {"status": "error", "message": "You exceeded the rate limit"}
        replies: Mapping[str, Response] = {
            "error": _json(500, {"status": "error", "message": "Internal error"}),
            "limit": _json(429, message, {"Retry-After": str(int(fault.seconds) or 60)}),
            "limit200": _json(200, message),
            "html": Response("<!doctype html><title>Maintenance</title>"),
        }
        return replies.get(fault.kind)

    def _checked(self, request: Request) -> Response:
        # A request with a wrong key counts, too.
        is_allowed, headers = self._counted(request)
        signature = signatures.of_request(path_of(request), written(request), self._account.secret)
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(f"{self._account.key}:{signature}".encode(), given):
            message = {"status": "error", "message": "Not authorized"}
            return _json(401, message, headers)
        if not is_allowed:
            message = {"status": "error", "message": "You exceeded the rate limit"}
            return _json(429, message, headers)
        try:
            return _json(200, {"status": "success", **self._dispatch(request)}, headers)
        except RefusedError as refusal:
            message = {"status": "error", "message": refusal.message}
            return _json(refusal.status, message, headers)

    def _counted(self, request: Request) -> tuple[bool, dict[str, str]]:
        """Count a request by all limits that it is under; the headers are about the closest."""
        limits = [self._all]
        if path_of(request).startswith("/v1/statistics/"):
            limits.append(self._statistics)
        taken = [(limiter.take(now()), limiter.limit) for limiter in limits]
        (_, left, reset), limit = min(taken, key=lambda one: one[0][1])
        headers = {
            "X-Zadarma-Method": path_of(request),
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(reset),
        }
        return all(is_allowed for (is_allowed, _, _), _ in taken), headers

    def _dispatch(self, request: Request) -> Answer:
        for pattern, method in _METHODS:
            found = pattern.fullmatch(f"{request.method} {path_of(request)}")
            if found:
                return method(self._office, params(request) | found.groupdict())
        raise RefusedError(404, "Wrong method name")


def _patterns() -> Iterator[tuple[re.Pattern[str], Method]]:
    for family in _FAMILIES:
        for (verb, path), method in family.METHODS.items():
            named = re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path)
            yield re.compile(f"{verb} {named}"), method


_METHODS = tuple(_patterns())


def _json(
    status: int, answer: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """Answer JSON; call ids go out as bare numbers, as the real API writes them."""
    text = _CALL_ID_NUMBER.sub(r"\1\2", json.dumps(answer))
    return Response(text, status, headers, content_type="application/json")
