"""The account's own numbers."""

from datetime import timedelta

from crm_app.simulator.account import NUMBER_LASTS_FOR_DAYS, Account
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError, word
from crm_app.simulator.scenarios import WALL_CLOCK


def _direct_numbers(office: Office, params: Params) -> Answer:
    return {"info": [_row(office.account, number) for number in _all(office.account)]}


def _direct_number(office: Office, params: Params) -> Answer:
    number = params.get("number", "").lstrip("+")
    if number not in _all(office.account):
        raise RefusedError(400, "Wrong parameters!")
    return {"info": _row(office.account, number)}


def _all(account: Account) -> list[str]:
    return [account.did, *account.other_numbers]


def _row(account: Account, number: str) -> dict[str, object]:
    today = account.wall_clock().replace(hour=0, minute=0, second=0)
    return {
        "number": number,
        "status": "on",
        "country": "Portugal",
        "description": "Lisbon",
        "number_name": None,
        "sip": account.extensions[0] if account.extensions else "0",
        "sip_name": None,
        "start_date": (today - timedelta(days=300)).strftime(WALL_CLOCK),
        "stop_date": (today + timedelta(days=account.number_ends_in)).strftime(WALL_CLOCK),
        "monthly_fee": 2,
        "currency": account.currency,
        "channels": 3,
        "minutes": 0,
        "autorenew": word(account.number_ends_in >= NUMBER_LASTS_FOR_DAYS),
        "is_on_test": "false",
        "type": "common",
        **account.other_numbers.get(number, {}),
    }


METHODS: Methods = {
    ("GET", "/v1/direct_numbers/"): _direct_numbers,
    ("GET", "/v1/direct_numbers/number/"): _direct_number,
}
