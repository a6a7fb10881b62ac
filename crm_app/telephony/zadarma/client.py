"""The client of Zadarma's API; nothing else calls it."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import BinaryIO, Literal, TypeVar
from urllib.parse import quote, urlsplit

import requests
from urllib3.exceptions import MaxRetryError

from crm_app.clock import now
from crm_app.telephony.zadarma import replies, sms, widget
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError, error_from_answer
from crm_app.telephony.zadarma.signing import authorization, params_string

RequestKind = Literal["api", "statistics"]
Budget = Callable[[RequestKind], bool | None]

LONGEST_LINK_SECONDS = 5_184_000
SHORTEST_LINK_SECONDS = 180
MAX_PAGE_ROWS = 1000
_MAX_ANSWER_BYTES = 10 * 1024 * 1024
_MAX_ANSWER_SECONDS = 30.0
_MAX_DOWNLOAD_SECONDS = 600.0
_CHUNK_BYTES = 65_536

_Reply = TypeVar("_Reply")


class ZadarmaClient:
    """Calls Zadarma's API for one account; every method may raise ZadarmaError.

    `timeout` is (connect, read) in seconds; `budget`, if given, is asked before each
    request and refuses it by returning False or raising ZadarmaError. Nothing is ever
    repeated: a call must not be dialled twice, and a queue knows better when to ask again.
    """

    def __init__(
        self,
        key: str,
        secret: str,
        base_url: str = "https://api.zadarma.com",
        timeout: tuple[float, float] = (3.05, 8.0),
        budget: Budget | None = None,
    ) -> None:
        self._key = key
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._budget = budget
        # urllib3 logs full addresses, with phone numbers in them.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def balance(self) -> replies.Balance:
        """Ask what is left on the account; also the cheapest test of the keys."""
        return self._read(replies.balance, "GET", "/v1/info/balance/")

    def timezone(self) -> replies.AccountClock:
        """Ask for the account's clock, in which the PBX writes its times."""
        return self._read(replies.account_clock, "GET", "/v1/info/timezone/")

    def extensions(self) -> replies.ExtensionList:
        """Ask which extensions the PBX has."""
        return self._read(replies.extension_list, "GET", "/v1/pbx/internal/")

    def extension_status(self, extension: str) -> bool:
        """Ask whether a phone is registered on the extension (it may still be busy)."""
        path = f"/v1/pbx/internal/{quote(extension, safe='')}/status/"
        return self._read(lambda answer: replies.flag(answer, "is_online"), "GET", path)

    def direct_numbers(self) -> tuple[replies.DirectNumber, ...]:
        """Ask which numbers the account has, those that wait for papers or money included."""
        return self._read(replies.direct_numbers, "GET", "/v1/direct_numbers/")

    def request_callback(
        self, from_extension: str, to_number: str, sip: str | None = None
    ) -> replies.CallbackAccepted:
        """Ring an extension and, once it answers, call a number (E.164 with its plus).

        `sip` is whose caller number and rules apply, by default the extension itself.
        If the error says `may_have_happened`, the phones may be ringing.
        """
        params = {"from": from_extension, "to": to_number, "sip": sip or from_extension}
        return self._read(replies.callback_accepted, "GET", "/v1/request/callback/", params)

    def browser_phone_domains(self) -> tuple[str, ...] | None:
        """Ask on which hosts the maker's browser phone may be used; None before it is set up."""
        return self._read(widget.domains, "GET", "/v1/webrtc/")

    def allow_browser_phone(self, host: str, *, is_first: bool) -> None:
        """Let the maker's browser phone be used on a host, and set it up if that is the first."""
        path = "/v1/webrtc/create/" if is_first else "/v1/webrtc/domain/"
        self._read(lambda _answer: None, "POST", path, {"domain": host})

    def browser_phone_key(self, extension: str) -> widget.PhoneKey:
        """Make the key with which a browser becomes the phone of an extension, for 72 hours.

        It stands for the password of the phone: with it one can call at the account's expense.
        """
        pbx_id = self.extensions().pbx_id
        login = f"{pbx_id}-{extension}" if pbx_id else extension
        reader = partial(widget.key_for, login)
        return self._read(reader, "GET", "/v1/webrtc/get_key/", {"sip": login})

    def pbx_statistics(
        self, start: str, end: str, skip: int = 0, limit: int = MAX_PAGE_ROWS
    ) -> replies.StatisticsPage:
        """Ask for legs of calls between two wall clock texts `YYYY-MM-DD HH:MM:SS`.

        At most 1000 rows a page, one month a request and 3 requests a minute.
        """
        params = {"start": start, "end": end, "version": 2, "skip": skip, "limit": limit}
        return self._read(
            replies.statistics_page, "GET", "/v1/statistics/pbx/", params, kind="statistics"
        )

    def recording_links(
        self,
        *,
        recording_id: str | None = None,
        pbx_call_id: str | None = None,
        lifetime: int = 1800,
    ) -> replies.RecordingLinks:
        """Ask where one recording, or all those of a call, can be fetched.

        `lifetime` is in seconds, brought into the API's bounds of 180 and 5184000.
        NOT_FOUND means that there is none, or none yet.
        """
        if (recording_id is None) == (pbx_call_id is None):
            raise ValueError("Ask for one recording or for those of one call.")
        seconds = min(max(lifetime, SHORTEST_LINK_SECONDS), LONGEST_LINK_SECONDS)
        params = {"call_id": recording_id, "pbx_call_id": pbx_call_id, "lifetime": seconds}
        try:
            found = self._read(replies.recording_links, "GET", "/v1/pbx/record/request/", params)
        except ZadarmaError as error:
            # A file that is not ready is refused like a wrong id, and may be there tomorrow.
            if error.code not in (ErrorCode.WRONG_REQUEST, ErrorCode.UNKNOWN):
                raise
            raise _not_there() from None
        if not found.links:
            raise _not_there()
        return found

    def webhook_address(self) -> replies.WebhookAddress:
        """Ask where the PBX posts call notifications, and which of them."""
        return self._read(replies.webhook_address, "GET", "/v1/pbx/callinfo/")

    def set_webhook_address(self, url: str) -> str:
        """Set where the PBX posts; it asks the address for an echo first.

        WRONG_REQUEST mostly means that the address did not return the echo.
        """
        return self._read(
            lambda answer: replies.text(answer, "url"),
            "POST",
            "/v1/pbx/callinfo/url/",
            {"url": url},
        )

    def set_notifications(self, wanted: replies.Notifications) -> replies.Notifications:
        """Choose which call notifications the PBX posts."""
        return self._read(
            lambda answer: replies.Notifications.from_answer(answer.get("notifications")),
            "POST",
            "/v1/pbx/callinfo/notifications/",
            wanted.to_params(),
        )

    def events_address(self) -> replies.EventsAddress:
        """Ask where the PBX posts other events, and which of them."""
        return self._read(replies.events_address, "GET", "/v1/pbx/webhooks/")

    def set_events_address(self, url: str) -> str:
        """Set where the PBX posts other events; it asks the address for an echo first."""
        return self._read(
            lambda answer: replies.text(answer, "url"),
            "POST",
            "/v1/pbx/webhooks/url/",
            {"url": url},
        )

    def set_hooks(self, wanted: replies.Hooks) -> replies.Hooks:
        """Choose which other events the PBX posts."""
        return self._read(
            lambda answer: replies.Hooks.from_answer(answer.get("hooks")),
            "POST",
            "/v1/pbx/webhooks/hooks/",
            wanted.to_params(),
        )

    def download_recording(self, link: str, to: BinaryIO, max_bytes: int) -> int:
        """Copy the sound file behind a link of `recording_links` to `to`; return its size.

        The link must lead to Zadarma. NOT_FOUND means that it has expired or that the
        file is not there yet; on any error `to` may hold a part of the file.
        """
        if not self._is_ours(link):
            raise ZadarmaError(ErrorCode.FOREIGN_LINK, "The link does not lead to the API.")
        request = requests.Request("GET", link).prepare()
        with self._send(request) as response:
            if response.status_code == 404:
                raise _not_there()
            if response.status_code == 410:
                raise ZadarmaError(ErrorCode.GONE, "The recording is gone.")
            if response.status_code != 200:
                raise _error(response, "")
            if _is_words(response.headers.get("Content-Type", "")):
                raise ZadarmaError(ErrorCode.UNREADABLE_ANSWER, "The link gave no sound.")
            size = 0
            whole = _chunks(response, max_bytes, _MAX_DOWNLOAD_SECONDS, ErrorCode.TOO_LONG)
            for chunk in whole:
                size += to.write(chunk)
        return size

    def delete_recording(self, recording_id: str) -> None:
        """Delete a recording in the PBX; NOT_FOUND when it has none of that id."""
        path = "/v1/pbx/record/request/"
        try:
            self._read(lambda answer: None, "DELETE", path, {"call_id": recording_id})
        except ZadarmaError as error:
            if error.code not in (ErrorCode.WRONG_REQUEST, ErrorCode.UNKNOWN):
                raise
            raise _not_there() from None

    def speech(self, recording_id: str) -> replies.RecognisedSpeech:
        """Ask what was recognised in a recording; this never starts a recognition."""
        params = {"call_id": recording_id, "return": "words"}
        return self._read(replies.recognised_speech, "GET", "/v1/speech_recognition/", params)

    def send_sms(self, number: str, message: str, sender: str = "") -> sms.SmsSent:
        """Send a text message to one number in E.164, under a sender that `sms_senders` lists.

        The API gives it no id and never says whether it arrived. If the error says
        `may_have_happened`, it may have been sent.
        """
        # Without one it goes out under a sender of the API's choice; `caller_id` does nothing.
        params = {"number": number.lstrip("+"), "message": message, "sender": sender or None}
        return self._read(sms.sent, "POST", "/v1/sms/send/", params)

    def sms_senders(self, number: str) -> tuple[str, ...]:
        """Ask under which senders a message to a number may go out."""
        params = {"phones": number.lstrip("+")}
        return self._read(sms.senders, "GET", "/v1/sms/senderid/", params)

    def _is_ours(self, link: str) -> bool:
        wanted, asked = urlsplit(self._base_url), urlsplit(link)
        if (asked.scheme, asked.netloc) == (wanted.scheme, wanted.netloc):
            return True
        host = asked.hostname or ""
        return asked.scheme == "https" and f".{host}".endswith(".zadarma.com")

    def _read(
        self,
        reader: Callable[[replies.Answer], _Reply],
        method: str,
        path: str,
        params: Mapping[str, object] | None = None,
        kind: RequestKind = "api",
    ) -> _Reply:
        if self._budget is not None and self._budget(kind) is False:
            raise ZadarmaError(ErrorCode.RATE_LIMITED, "Our own budget of requests is used up.")
        signed = {**(params or {}), "format": "json"}
        with self._send(self._signed_request(method, path, signed)) as response:
            answer = _answer(response)
        try:
            return reader(answer)
        except replies.UnreadableReplyError as error:
            raise _unreadable(str(error)) from None

    def _signed_request(
        self, method: str, path: str, params: Mapping[str, object]
    ) -> requests.PreparedRequest:
        text = params_string(params)
        request = requests.Request(method, self._base_url + path).prepare()
        if method == "GET":
            # Set afterwards, because the library would write some characters differently.
            request.url = f"{self._base_url}{path}?{text}"
        else:
            request.prepare_body(text.encode(), None)
            request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        request.headers["Authorization"] = authorization(self._key, self._secret, path, params)
        return request

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        request.headers["User-Agent"] = "Ramal"
        settings = self._session.merge_environment_settings(request.url, {}, True, None, None)
        # Only the simulator, on this machine, is used without TLS: bypass proxies for it.
        proxies = settings["proxies"] if self._base_url.startswith("https:") else {}
        try:
            return self._session.send(
                request,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                verify=settings["verify"],
                proxies=proxies,
            )
        # Not chained: the library's messages hold the address with phone numbers.
        except requests.ConnectTimeout:
            raise ZadarmaError(ErrorCode.UNREACHABLE, "The API cannot be reached.") from None
        except requests.Timeout:
            raise _timed_out() from None
        except requests.RequestException as error:
            if error.args and isinstance(error.args[0], MaxRetryError):
                raise ZadarmaError(ErrorCode.UNREACHABLE, "The API cannot be reached.") from None
            raise _timed_out() from None


def _answer(response: requests.Response) -> replies.Answer:
    try:
        body = b"".join(_chunks(response, _MAX_ANSWER_BYTES, _MAX_ANSWER_SECONDS))
        # Call ids look like numbers with a fraction; as floats they would lose digits.
        answer = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        if response.status_code >= 400:
            raise _error(response, "")
        raise _unreadable("The answer is not JSON.")
    if response.status_code >= 400 or answer.get("status") == "error":
        raise _error(response, str(answer.get("message") or answer.get("data") or ""))
    if answer.get("status") != "success":
        raise _unreadable("The answer does not say that it succeeded.")
    return answer


def _is_words(content_type: str) -> bool:
    """Whether a body says that it is a page, a text or JSON; any other type may be a sound."""
    kind = content_type.partition(";")[0].strip().casefold()
    return kind.startswith("text/") or kind.endswith(("json", "xml"))


def _chunks(
    response: requests.Response,
    max_bytes: int,
    max_seconds: float,
    too_long: ErrorCode = ErrorCode.UNREADABLE_ANSWER,
) -> Iterator[bytes]:
    # The read timeout restarts with each byte, so a slow download needs its own deadline.
    end = time.monotonic() + max_seconds
    size = 0
    try:
        for chunk in response.iter_content(_CHUNK_BYTES):
            size += len(chunk)
            if size > max_bytes:
                raise ZadarmaError(too_long, "The answer is too long.", may_have_happened=True)
            if time.monotonic() > end:
                raise _timed_out()
            yield chunk
    except requests.RequestException:
        raise _timed_out() from None


def _error(response: requests.Response, message: str) -> ZadarmaError:
    reset = response.headers.get("X-RateLimit-Reset", "")
    is_time = reset.isdecimal() and len(reset) < 12
    reset_in = int(reset) - int(now().timestamp()) if is_time else None
    return error_from_answer(
        response.status_code, message, response.headers.get("Retry-After"), reset_in
    )


def _timed_out() -> ZadarmaError:
    return ZadarmaError(
        ErrorCode.TIMED_OUT, "The API did not answer in time.", may_have_happened=True
    )


def _not_there() -> ZadarmaError:
    return ZadarmaError(ErrorCode.NOT_FOUND, "The recording is not there.")


def _unreadable(message: str) -> ZadarmaError:
    return ZadarmaError(ErrorCode.UNREADABLE_ANSWER, message, may_have_happened=True)
