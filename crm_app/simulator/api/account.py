"""The account: its money, its clock, its tariff."""

from datetime import timedelta

from crm_app.clock import now
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError
from crm_app.simulator.scenarios import WALL_CLOCK


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


METHODS: Methods = {
    ("GET", "/v1/info/balance/"): _balance,
    ("GET", "/v1/info/timezone/"): _timezone,
    ("GET", "/v1/info/price/"): _price,
    ("GET", "/v1/tariff/"): _tariff,
}
