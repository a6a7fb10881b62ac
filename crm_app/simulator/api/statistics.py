"""Statistics of the PBX: the legs of its calls."""

from datetime import UTC, datetime, timedelta

from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError
from crm_app.simulator.scenarios import WALL_CLOCK

_MAX_ROWS = 1000


def _statistics(office: Office, params: Params) -> Answer:
    # The span is read as UTC although rows are written by the account's clock, or so it seems.
    try:
        start, end = (
            datetime.strptime(params[name], WALL_CLOCK).replace(tzinfo=UTC)
            for name in ("start", "end")
        )
        skip, limit = int(params.get("skip", "0")), int(params.get("limit", "1000"))
    except (KeyError, ValueError):
        raise RefusedError(400, "Wrong parameters!") from None
    end = min(end, start + timedelta(days=30))
    ahead = office.account.utc_offset if office.account.asks_by_wall_clock else timedelta()
    rows = office.history.rows(start - ahead, end - ahead, params.get("call_type", ""))
    return {
        "start": start.strftime(WALL_CLOCK),
        "end": end.strftime(WALL_CLOCK),
        "version": 2,
        "stats": [row.answer for row in rows[skip : skip + min(limit, _MAX_ROWS)]],
    }


METHODS: Methods = {("GET", "/v1/statistics/pbx/"): _statistics}
