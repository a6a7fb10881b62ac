"""Zadarma's API over a played account: signatures, limits, methods, errors."""

import contextlib
import hmac
import http.client
import json
import re
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from flask import Request, Response

from crm_app.clock import now
from crm_app.simulator import signatures
from crm_app.simulator.account import (
    CALL_FLAGS,
    OTHER_FLAGS,
    Account,
    ApiCall,
    ApiFault,
    Faults,
    Limiter,
)
from crm_app.simulator.history import History
from crm_app.simulator.posting import fetch
from crm_app.simulator.scenarios import WALL_CLOCK

REQUESTS_A_MINUTE = 100
STATISTICS_A_MINUTE = 3
_EXTENSION_PATH = re.compile(r"/v1/pbx/internal/([^/]+)/(status|info)/\Z")

_CALL_ID_NUMBER = re.compile(r'("call_id": )"([0-9]+\.[0-9]+)"')
Params = Mapping[str, str]
Answer = Mapping[str, object]
_CHECK_SECONDS = 5.0
_MAX_ROWS = 1000


class RefusedError(Exception):
    """The API refuses a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Office:
    """What the methods work on."""

    account: Account
    history: History
    click_to_call: Callable[[str, str], None]
    base_url: Callable[[], str]

    def extension(self, number: str, what: str) -> Answer:
        """Answer whether a phone is registered, or how its extension is set up."""
        if number not in self.account.extensions:
            raise RefusedError(400, "Wrong parameters!")
        answer: dict[str, object] = {"pbx_id": self.account.pbx_id, "number": int(number)}
        if what == "status":
            return answer | {"is_online": _word(number in self.account.online)}
        return answer | {
            "name": f"Extension {number}",
            "caller_id": self.account.did,
            "caller_id_app_change": "true",
            "caller_id_by_direction": "false",
            "lines": "3",
            "ip_restriction": "false",
            "record_store": "Without recognition",
            "record_email": "false",
            "supervisor_status": 0,
        }

    def refuse_a_bad_callback(self, from_: str, to: str, sip: str) -> None:
        """Refuse a click-to-call as the API does, in its misleading words."""
        digits = to.lstrip("+")
        if not from_ or not to:
            raise RefusedError(400, "Wrong parameters!")
        if sip and sip not in self.account.extensions:
            raise RefusedError(400, 'Field "sip" could be only SIP or PBX number')
        if not digits.isdecimal() or (len(digits) < 3 and digits not in self.account.extensions):
            raise RefusedError(400, "Check phone's number")
        if from_ not in self.account.extensions and "-" not in from_:
            raise RefusedError(400, "Check your phone number")
        if digits == self.account.did:
            raise RefusedError(400, "to cannot be equal to Callerid")
        if self.account.balance <= 0:
            raise RefusedError(400, "Not enough money")


def _balance(office: Office, params: Params) -> Answer:
    return {"balance": float(office.account.balance), "currency": office.account.currency}


def _timezone(office: Office, params: Params) -> Answer:
    hours = office.account.utc_offset / timedelta(hours=1)
    return {
        "unixtime": int(now().timestamp()),
        "datetime": office.account.wall_clock().strftime(WALL_CLOCK),
        "timezone": f"UTC{hours:+g}",
    }


def _tariff(office: Office, params: Params) -> Answer:
    info = {
        "tariff_id": 5,
        "tariff_name": "Office",
        "is_active": True,
        "cost": 19,
        "currency": office.account.currency,
        "used_seconds": 1643,
        "used_seconds_mobile": 34,
        "used_seconds_fix": 726,
        "used_seconds_speech_recognition": 0,
        "tariff_id_for_next_period": 5,
        "tariff_for_next_period": "Office",
    }
    return {"info": info}


def _price(office: Office, params: Params) -> Answer:
    digits = params.get("number", "").lstrip("+")
    if not digits.isdecimal() or len(digits) < 7:
        raise RefusedError(400, "Check phone's number")
    info = {"prefix": digits[:4], "description": "Portugal, mobile", "price": "0.0350"}
    return {"info": info | {"currency": office.account.currency}}


def _extensions(office: Office, params: Params) -> Answer:
    numbers = [int(number) for number in office.account.extensions]
    return {"pbx_id": office.account.pbx_id, "numbers": numbers}


def _callback(office: Office, params: Params) -> Answer:
    from_, to = params.get("from", ""), params.get("to", "")
    office.refuse_a_bad_callback(from_, to, params.get("sip", ""))
    office.click_to_call(from_, to)
    return {"from": from_, "to": to, "time": int(now().timestamp())}


def _record(office: Office, params: Params) -> Answer:
    lifetime = params.get("lifetime", "1800")
    if not lifetime.isdecimal() or not 180 <= int(lifetime) <= 5_184_000:
        raise RefusedError(400, "Wrong parameters!")
    one = params.get("call_id", "")
    found = office.history.recordings_of(one, params.get("pbx_call_id", ""))
    if not found or not office.account.are_recordings_ready:
        raise RefusedError(400, "Record not found")
    until = now() + timedelta(seconds=int(lifetime))
    links = [office.base_url() + office.history.make_link(key, until, now()) for key in found]
    till = {"lifetime_till": (until + office.account.utc_offset).strftime(WALL_CLOCK)}
    return ({"link": links[0]} if one else {"links": links}) | till


def _statistics(office: Office, params: Params) -> Answer:
    # The window is read as UTC although rows are written by the account's clock.
    try:
        start, end = (
            datetime.strptime(params[name], WALL_CLOCK).replace(tzinfo=UTC)
            for name in ("start", "end")
        )
        skip, limit = int(params.get("skip", "0")), int(params.get("limit", "1000"))
    except (KeyError, ValueError):
        raise RefusedError(400, "Wrong parameters!") from None
    end = min(end, start + timedelta(days=30))
    rows = office.history.rows(start, end, params.get("call_type", ""))
    return {
        "start": start.strftime(WALL_CLOCK),
        "end": end.strftime(WALL_CLOCK),
        "version": 2,
        "stats": [row.answer for row in rows[skip : skip + min(limit, _MAX_ROWS)]],
    }


def _callinfo(office: Office, params: Params) -> Answer:
    flags = {name: _word(office.account.flags[name]) for name in CALL_FLAGS}
    return {"url": office.account.webhook_url, "notifications": flags}


def _set_callinfo_url(office: Office, params: Params) -> Answer:
    office.account.webhook_url = _echoing(params.get("url", ""))
    return {"url": office.account.webhook_url}


def _drop_callinfo_url(office: Office, params: Params) -> Answer:
    office.account.webhook_url = ""
    return {}


def _set_notifications(office: Office, params: Params) -> Answer:
    _set_flags(office, params, CALL_FLAGS)
    return {"notifications": _callinfo(office, params)["notifications"]}


def _webhooks(office: Office, params: Params) -> Answer:
    flags = {name: _word(office.account.flags[name]) for name in OTHER_FLAGS}
    return {"url": office.account.events_url, "hooks": flags}


def _set_webhooks_url(office: Office, params: Params) -> Answer:
    office.account.events_url = _echoing(params.get("url", ""))
    return {"url": office.account.events_url}


def _drop_webhooks_url(office: Office, params: Params) -> Answer:
    office.account.events_url = ""
    return {}


def _set_hooks(office: Office, params: Params) -> Answer:
    _set_flags(office, params, OTHER_FLAGS)
    return {"hooks": _webhooks(office, params)["hooks"]}


def _set_flags(office: Office, params: Params, names: tuple[str, ...]) -> None:
    for name in names:
        if name in params:
            office.account.flags[name] = params[name] == "true"


def _echoing(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise RefusedError(400, "Wrong parameters!")
    text = secrets.token_hex(8)
    check = f"{url}{'&' if urlsplit(url).query else '?'}zd_echo={text}"
    try:
        status, body = fetch("GET", check, None, {}, _CHECK_SECONDS)
    except (OSError, ValueError, http.client.HTTPException):
        raise RefusedError(400, "The address does not answer") from None
    if status != 200 or body != text:
        raise RefusedError(400, "The address does not return zd_echo")
    return url


def _word(value: bool) -> str:
    return "true" if value else "false"


METHODS: Mapping[tuple[str, str], Callable[[Office, Params], Answer]] = {
    ("GET", "/v1/info/balance/"): _balance,
    ("GET", "/v1/info/timezone/"): _timezone,
    ("GET", "/v1/info/price/"): _price,
    ("GET", "/v1/tariff/"): _tariff,
    ("GET", "/v1/pbx/internal/"): _extensions,
    ("GET", "/v1/request/callback/"): _callback,
    ("GET", "/v1/pbx/record/request/"): _record,
    ("GET", "/v1/statistics/pbx/"): _statistics,
    ("GET", "/v1/pbx/callinfo/"): _callinfo,
    ("POST", "/v1/pbx/callinfo/url/"): _set_callinfo_url,
    ("DELETE", "/v1/pbx/callinfo/url/"): _drop_callinfo_url,
    ("POST", "/v1/pbx/callinfo/notifications/"): _set_notifications,
    ("GET", "/v1/pbx/webhooks/"): _webhooks,
    ("POST", "/v1/pbx/webhooks/url/"): _set_webhooks_url,
    ("DELETE", "/v1/pbx/webhooks/url/"): _drop_webhooks_url,
    ("POST", "/v1/pbx/webhooks/hooks/"): _set_hooks,
}


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

    def answer(self, request: Request) -> Response:
        """Answer a request, or hang up without a word."""
        fault = self.faults.take(path_of(request))
        reply = self._faulty(fault) if fault else None
        if reply is None and not (fault and fault.kind == "down"):
            reply = self._checked(request)
        status = reply.status_code if reply else 0
        self.calls.append(ApiCall(request.method, path_of(request), params(request), status))
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
        signature = signatures.of_request(path_of(request), _written(request), self._account.secret)
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

    def _dispatch(self, request: Request) -> Mapping[str, object]:
        extension = _EXTENSION_PATH.match(path_of(request))
        if extension and request.method == "GET":
            return self._office.extension(extension[1], extension[2])
        method = METHODS.get((request.method, path_of(request)))
        if method is None:
            raise RefusedError(404, "Wrong method name")
        return method(self._office, params(request))


def path_of(request: Request) -> str:
    """The path as it was written, for the signature covers it so."""
    return urlsplit(request.environ["RAW_URI"]).path


def params(request: Request) -> dict[str, str]:
    """Read the query or the form, whatever type the form is said to have."""
    return dict(parse_qsl(_written(request), keep_blank_values=True))


def _written(request: Request) -> str:
    if request.method == "GET":
        return request.query_string.decode("utf-8", "replace")
    return request.get_data().decode("utf-8", "replace")


def _json(
    status: int, answer: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """Answer JSON; call ids go out as bare numbers, as the real API writes them."""
    text = _CALL_ID_NUMBER.sub(r"\1\2", json.dumps(answer))
    return Response(text, status, headers, content_type="application/json")


def hang_up(request: Request) -> Response:
    """End the connection; the response that Flask needs never leaves."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    return Response()
