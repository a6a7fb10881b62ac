"""Links to recordings, and their deletion."""

from datetime import timedelta

from crm_app.clock import now
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError
from crm_app.simulator.scenarios import WALL_CLOCK


def _record(office: Office, params: Params) -> Answer:
    lifetime = params.get("lifetime", "1800")
    if not lifetime.isdecimal() or not 180 <= int(lifetime) <= 5_184_000:
        raise RefusedError(400, "Wrong parameters!")
    one = params.get("call_id", "")
    found = _those_there(office, params)
    if not found or not office.account.are_recordings_ready:
        raise RefusedError(400, "Requested file not found" if one else "Record not found")
    until = now() + timedelta(seconds=int(lifetime))
    links = [office.base_url() + office.history.make_link(key, until, now()) for key in found]
    till = {"lifetime_till": (until + office.account.utc_offset).strftime(WALL_CLOCK)}
    return ({"link": links[0]} if one else {"links": links}) | till


def _those_there(office: Office, params: Params) -> list[str]:
    one, call = params.get("call_id", ""), params.get("pbx_call_id", "")
    return [
        key
        for key in office.history.recordings_of(one, call)
        if office.sounds.has_link(key, office.history.recorded_at(key), now())
    ]


def _delete(office: Office, params: Params) -> Answer:
    one, call = params.get("call_id", ""), params.get("pbx_call_id", "")
    known = office.history.recordings_of(one, call)
    found = [key for key in known if key not in office.sounds.deleted]
    if not found:
        raise RefusedError(400, "Requested file not found")
    for key in found:
        office.sounds.delete(key)
    names = [f"{key}.mp3" for key in found]
    return {"file_name": names[0]} if one else {"deleted_files": names, "failed_files": []}


METHODS: Methods = {
    ("GET", "/v1/pbx/record/request/"): _record,
    ("DELETE", "/v1/pbx/record/request/"): _delete,
}
