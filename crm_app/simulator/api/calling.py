"""Click-to-call."""

from crm_app.clock import now
from crm_app.simulator.account import Account
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError


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


METHODS: Methods = {("GET", "/v1/request/callback/"): _callback}
