"""Links to recordings."""

from datetime import timedelta

from crm_app.clock import now
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError
from crm_app.simulator.scenarios import WALL_CLOCK


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


METHODS: Methods = {("GET", "/v1/pbx/record/request/"): _record}
