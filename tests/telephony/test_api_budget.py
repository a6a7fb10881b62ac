"""The provider's limits slide: no sixty seconds hold more than three questions for statistics."""

import contextlib
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from crm_app import clock
from crm_app.extensions import db
from crm_app.simulator import Simulator
from crm_app.telephony.connection import client_for
from crm_app.telephony.zadarma.client import ZadarmaClient
from crm_app.telephony.zadarma.errors import ErrorCode, ZadarmaError
from tests.telephony.conftest import SECRET

WINDOW = ("2026-03-02 00:00:00", "2026-03-03 00:00:00")


def test_a_minute_never_holds_more_than_three_questions_for_statistics(
    connected: Flask, key: str
) -> None:
    link, counter = connected.extensions["telephony_links"].read(), connected.extensions["counter"]
    db.session.commit()
    waited: list[float] = []
    with (
        time_machine.travel("2026-03-02 09:00:50+00:00", tick=False) as moment,
        Simulator(key, SECRET) as pbx,
    ):
        config = connected.extensions["settings"].model_copy(update={"zadarma_api_url": pbx.url})

        def wait(seconds: float) -> None:
            waited.append(seconds)
            moment.shift(timedelta(seconds=seconds))

        patient = client_for(link, config, counter, wait=wait)
        hasty = client_for(link, config, counter)
        assert patient is not None
        assert hasty is not None
        for _ in range(8):
            patient.pbx_statistics(*WINDOW)
            moment.shift(timedelta(seconds=1))
        with pytest.raises(ZadarmaError) as refused:
            [hasty.pbx_statistics(*WINDOW) for _ in range(3)]
        patient.close()
        hasty.close()
        asked = [call for call in pbx.api_calls if call.path == "/v1/statistics/pbx/"]
        assert {call.status for call in asked} == {200}
        assert len(asked) >= 8
        for first, fourth in zip(asked, asked[3:], strict=False):
            assert fourth.at - first.at > timedelta(seconds=60)
    # From the third on it waits, and says for how long; nobody waits twice as long as needed.
    assert len(waited) == 2
    assert all(50 < seconds <= 62 for seconds in waited)
    assert refused.value.code is ErrorCode.RATE_LIMITED
    assert 0 < (refused.value.retry_after or 0) <= 62


def test_what_nobody_waits_for_leaves_room_for_a_click(connected: Flask, key: str) -> None:
    links, counter = connected.extensions["telephony_links"], connected.extensions["counter"]
    with Simulator(key, SECRET) as pbx:
        config = connected.extensions["settings"].model_copy(update={"zadarma_api_url": pbx.url})

        def client(*, is_background: bool) -> ZadarmaClient:
            # As another process would make it.
            made = client_for(links.read(), config, counter, is_background=is_background)
            assert made is not None
            return made

        db.session.commit()
        refused = []
        for _ in range(2):
            with contextlib.closing(client(is_background=True)) as busy:
                for _ in range(30):
                    try:
                        busy.balance()
                    except ZadarmaError as error:
                        refused.append(error)
        assert len(refused) == 30
        assert {(one.code, one.was_sent) for one in refused} == {(ErrorCode.RATE_LIMITED, False)}
        with contextlib.closing(client(is_background=False)) as clicked:
            for _ in range(70):
                clicked.balance()
            with pytest.raises(ZadarmaError):
                clicked.balance()
        assert {call.status for call in pbx.api_calls} == {200}


def test_the_simulator_counts_the_minute_from_each_request(key: str) -> None:
    with (
        time_machine.travel("2026-03-02 09:00:50+00:00", tick=False) as moment,
        Simulator(key, SECRET) as pbx,
    ):
        limiter = pbx.api._statistics
        assert [limiter.take(clock.now())[0] for _ in range(4)] == [True, True, True, False]
        # A new minute of the clock is no new minute of the limit.
        moment.shift(timedelta(seconds=30))
        assert not limiter.take(clock.now())[0]
        moment.shift(timedelta(seconds=31))
        assert limiter.take(clock.now())[0]
