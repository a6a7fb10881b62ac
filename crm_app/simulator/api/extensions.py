"""The extensions, and which phones are registered."""

from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError, word


def _extensions(office: Office, params: Params) -> Answer:
    numbers = [int(number) for number in office.account.extensions]
    return {"pbx_id": office.account.pbx_id, "numbers": numbers}


def _status(office: Office, params: Params) -> Answer:
    number = _known(office, params)
    answer: dict[str, object] = {"pbx_id": office.account.pbx_id, "number": int(number)}
    return answer | {"is_online": word(number in office.account.online)}


def _info(office: Office, params: Params) -> Answer:
    number = _known(office, params)
    return {
        "pbx_id": office.account.pbx_id,
        "number": int(number),
        "name": f"Extension {number}",
        "caller_id": office.account.did,
        "caller_id_app_change": "true",
        "caller_id_by_direction": "false",
        "lines": "3",
        "ip_restriction": "false",
        "record_store": "Without recognition",
        "record_email": "false",
        "supervisor_status": 0,
    }


def _known(office: Office, params: Params) -> str:
    number = params["extension"]
    if number not in office.account.extensions:
        raise RefusedError(400, "Wrong parameters!")
    return number


METHODS: Methods = {
    ("GET", "/v1/pbx/internal/"): _extensions,
    ("GET", "/v1/pbx/internal/<extension>/status/"): _status,
    ("GET", "/v1/pbx/internal/<extension>/info/"): _info,
}
