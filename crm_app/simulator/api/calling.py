"""Click-to-call and text messages."""

import re
from decimal import Decimal

from crm_app.clock import now
from crm_app.simulator.account import Account, SentSms
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError

PRICE = Decimal("0.06")
_NUMBER = re.compile(r"\+?[0-9]{7,15}")


def _callback(office: Office, params: Params) -> Answer:
    from_, to = params.get("from", ""), params.get("to", "")
    _refuse_a_bad_callback(office.account, from_, to, params.get("sip", ""))
    office.click_to_call(from_, to)
    return {"from": from_, "to": to, "time": int(now().timestamp())}


def _refuse_a_bad_callback(account: Account, from_: str, to: str, sip: str) -> None:
    # The API's own words mislead.
    digits = to.lstrip("+")
    if not from_ or not to:
        raise RefusedError(400, "Wrong parameters!")
    if sip and sip not in account.extensions:
        raise RefusedError(400, 'Field "sip" could be only SIP or PBX number')
    if not digits.isdecimal() or (len(digits) < 3 and digits not in account.extensions):
        raise RefusedError(400, "Check phone's number")
    if from_ not in account.extensions and "-" not in from_:
        raise RefusedError(400, "Check your phone number")
    if digits == account.did:
        raise RefusedError(400, "to cannot be equal to Callerid")
    if account.balance <= 0:
        raise RefusedError(400, "Not enough money")


def _send(office: Office, params: Params) -> Answer:
    account, text = office.account, params.get("message", "")
    numbers = _numbers(params)
    if not numbers or not text or not all(map(_NUMBER.fullmatch, numbers)):
        raise RefusedError(400, "Wrong parameters!")
    # A sender that is not allowed is no error: the message goes out under the maker's name.
    sender = params.get("sender", "")
    sender = sender if sender in account.senders else "zadarma.com"
    parts = _parts(text)
    denied = [one for one in numbers if one.lstrip("+") in account.denied]
    sent = [one for one in numbers if one not in denied]
    cost = PRICE * parts
    if cost * len(sent) > account.balance:
        raise RefusedError(400, "Not enough money")
    account.balance -= cost * len(sent)
    account.sent.extend(SentSms(one.lstrip("+"), text, sender, parts, now()) for one in sent)
    return {
        "messages": parts * len(sent),
        "cost": float(cost * len(sent)),
        "currency": account.currency,
        "sms_detalization": [
            {"senderid": sender, "number": one, "cost": float(cost)} for one in sent
        ],
        "denied_numbers": [
            {"number": one, "message": "The operator does not take messages"} for one in denied
        ],
    }


def _senders(office: Office, params: Params) -> Answer:
    if not _NUMBER.fullmatch(params.get("phones", "")):
        raise RefusedError(400, "Wrong parameters!")
    return {"senders": list(office.account.senders)}


def _templates(office: Office, params: Params) -> Answer:
    return {"list": []}


def _numbers(params: Params) -> list[str]:
    """Read the numbers, which come as one text or as a list."""
    listed = [value for name, value in sorted(params.items()) if name.startswith("number[")]
    return listed or [one.strip() for one in params.get("number", "").split(",") if one.strip()]


def _parts(text: str) -> int:
    """Count parts roughly: what is not ASCII needs the long alphabet."""
    single, many = (160, 153) if text.isascii() else (70, 67)
    return 1 if len(text) <= single else -(-len(text) // many)


METHODS: Methods = {
    ("GET", "/v1/request/callback/"): _callback,
    ("POST", "/v1/sms/send/"): _send,
    ("GET", "/v1/sms/senderid/"): _senders,
    ("GET", "/v1/sms/templates/"): _templates,
}
