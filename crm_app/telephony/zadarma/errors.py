"""What can go wrong between us and Zadarma's API, in one error type."""

import re
from enum import StrEnum

_LONG_NUMBER = re.compile(r"\+?\d[\d ().-]{3,}\d")
_LONGEST_WAIT_SECONDS = 3600


class ErrorCode(StrEnum):
    """Why a request to the API failed."""

    NOT_AUTHORISED = "not_authorised"
    WRONG_NUMBER = "wrong_number"
    NO_MONEY = "no_money"
    RATE_LIMITED = "rate_limited"
    WRONG_REQUEST = "wrong_request"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    UNREADABLE_ANSWER = "unreadable_answer"
    TOO_LONG = "too_long"
    FOREIGN_LINK = "foreign_link"
    GONE = "gone"
    UNKNOWN = "unknown"


_PERMANENT = frozenset(
    {
        ErrorCode.NOT_AUTHORISED,
        ErrorCode.WRONG_NUMBER,
        ErrorCode.NO_MONEY,
        ErrorCode.WRONG_REQUEST,
        ErrorCode.FOREIGN_LINK,
        ErrorCode.GONE,
    }
)


class ZadarmaError(Exception):
    """A request to the API failed; `is_permanent` says that repeating it cannot help.

    `retry_after` is in seconds, if the API said so; `may_have_happened` is true when the
    request may have been carried out although no clear answer came, and `was_sent` is false
    when our own budget refused it. Phone numbers are masked in `message`, so that it can be
    logged.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        retry_after: int | None = None,
        may_have_happened: bool = False,
        was_sent: bool = True,
    ) -> None:
        self.code, self.was_sent = code, was_sent
        self.message = _LONG_NUMBER.sub("…", " ".join(message.split()))[:200]
        self.is_permanent = code in _PERMANENT
        self.retry_after = retry_after
        self.may_have_happened = may_have_happened
        super().__init__(f"{code}: {self.message}")


def error_from_answer(
    status: int, message: str, retry_after: str | None = None, reset_in: int | None = None
) -> ZadarmaError:
    """Make the error for an answer that says it failed, also if it says so with 200.

    The API's texts mislead (a wrong extension is called a wrong phone number), but
    with code 400 and 200 they are all there is to tell cases apart.
    """
    code = _code_from_status(status) or _code_from_text(message)
    if code is None:
        code = ErrorCode.WRONG_REQUEST if status == 400 else ErrorCode.UNKNOWN
    wait = _seconds(retry_after, reset_in) if code is ErrorCode.RATE_LIMITED else None
    return ZadarmaError(
        code,
        message or f"The API answered {status}.",
        retry_after=wait,
        may_have_happened=status >= 500,
    )


def _code_from_status(status: int) -> ErrorCode | None:
    if status >= 500:
        return ErrorCode.UNREACHABLE
    return {
        401: ErrorCode.NOT_AUTHORISED,
        402: ErrorCode.NO_MONEY,
        403: ErrorCode.NOT_AUTHORISED,
        404: ErrorCode.WRONG_REQUEST,
        429: ErrorCode.RATE_LIMITED,
    }.get(status)


def _code_from_text(message: str) -> ErrorCode | None:
    text = message.casefold()
    for words, code in (
        (("rate limit",), ErrorCode.RATE_LIMITED),
        (("not authorized", "auth error"), ErrorCode.NOT_AUTHORISED),
        (("money", "funds", "balance"), ErrorCode.NO_MONEY),
        (("check phone", "check your phone", "callerid"), ErrorCode.WRONG_NUMBER),
        (("wrong", "could be only"), ErrorCode.WRONG_REQUEST),
    ):
        if any(word in text for word in words):
            return code
    return None


def _seconds(retry_after: str | None, reset_in: int | None) -> int | None:
    if retry_after and re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        return min(int(retry_after), _LONGEST_WAIT_SECONDS)
    if reset_in is not None and 0 < reset_in <= _LONGEST_WAIT_SECONDS:
        return reset_in
    return None
