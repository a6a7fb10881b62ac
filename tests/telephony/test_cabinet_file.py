"""`flask calls import`: the list of calls from the PBX's cabinet, taken into the log once."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.jobs.models import Job
from crm_app.telephony.models import TelephonySettings
from tests.telephony.conftest import Post, start_fields

FIXTURES = Path(__file__).parent.parent / "fixtures" / "zadarma"
CABINET = FIXTURES / "pbx_statistics.csv"
EXPECTED = json.loads((FIXTURES / "pbx_statistics.json").read_text("utf-8"))["expected"]


def take_in(app: Flask, path: Path) -> tuple[int, dict[str, Any]]:
    got = app.test_cli_runner().invoke(args=["calls", "import", str(path), "--json"])
    assert got.stdout, got.output
    return got.exit_code, json.loads(got.stdout)


def test_the_file_makes_six_calls_and_the_second_time_none(connected: Flask) -> None:
    code, report = take_in(connected, CABINET)
    assert code == 0
    assert report == {
        "rows": 7, "new": 6, "completed": 1, "same": 0, "refused": 0, "refusals": [],
    }  # fmt: skip
    found = {call.pbx_call_id: call for call in db.session.scalars(select(Call))}
    assert len(found) == len(EXPECTED) == 6
    for wanted in EXPECTED:
        call = found[wanted["pbx_call_id"]]
        assert call.direction == {"in": "inbound", "out": "outbound"}[wanted["direction"]]
        assert call.outside_number == wanted["client_e164"]
        assert call.started_at.strftime("%Y-%m-%d %H:%M:%S") == wanted["start_in_cabinet_zone"]
        assert call.talk_seconds == wanted["seconds"]
        taken_part = {leg.extension for leg in call.legs} | {call.placed_by_extension}
        assert wanted["extension"] in taken_part or not wanted["extension"]
        assert (call.status == "answered") == (wanted["disposition"] == "answered")
    # Old calls make no call-backs, no leads, nothing to write up.
    assert db.session.scalar(select(func.count(Job.id))) == 0
    db.session.commit()
    assert take_in(connected, CABINET)[1] == report | {"new": 0, "completed": 0, "same": 7}


@time_machine.travel("2026-03-02 09:16:40+00:00", tick=False)
def test_a_call_that_events_have_brought_is_completed(connected: Flask, post: Post) -> None:
    post(
        start_fields(
            pbx_call_id="in_1111111111111111111111111111111111111111", caller_id="+351910000372"
        )
    )
    report = take_in(connected, CABINET)[1]
    assert (report["new"], report["completed"]) == (5, 2)
    assert db.session.scalar(select(func.count(Call.id))) == 6


def test_its_times_are_those_of_the_accounts_clock(connected: Flask) -> None:
    TelephonySettings.for_change().clock_offset_seconds = 3 * 3600
    db.session.commit()
    take_in(connected, CABINET)
    first = db.session.scalars(select(Call).order_by(Call.started_at)).first()
    assert first is not None
    assert first.started_at == datetime(2026, 3, 2, 6, 15, 7, tzinfo=UTC)


def test_what_cannot_be_read_is_named_and_the_rest_taken_in(
    connected: Flask, tmp_path: Path
) -> None:
    lines = CABINET.read_text("utf-8").splitlines()
    lines[3] = lines[3].replace("2026-03-02 09:16:40", "yesterday")
    lines[4] = lines[4].rpartition(";")[0] + ";"
    # The other side of a trunk lists its calls a second time.
    lines.append(";out;0;2026-03-02 09:25:00;351210000001;351910000379;answered;5;out_" + "7" * 40)
    path = tmp_path / "calls.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    code, report = take_in(connected, path)
    assert code == 0
    assert [(one["row"], one["reason"]) for one in report["refusals"]] == [
        (3, "date_unreadable"),
        (4, "id_missing"),
        (8, "phantom"),
    ]
    assert all(one["text"] for one in report["refusals"])
    assert (report["rows"], report["new"], report["completed"], report["refused"]) == (8, 4, 1, 3)


@pytest.mark.parametrize("content", ["", "a;b;c\n1;2;3\n", None])
def test_a_file_that_is_no_list_of_calls_is_refused_as_a_whole(
    connected: Flask, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "calls.csv"
    if content is not None:
        path.write_text(content)
    code, report = take_in(connected, path)
    assert code == 1
    assert report["import"] is None
    assert report["error"].endswith(".")
    assert report["rows"] == 0


HEAD = "id;call_type;internal_number;date;clid;destination;disposition;seconds;call_id"


def record(number: int, client: str = "351910000371", quote: str = "") -> str:
    values = (
        f"1772442907.{number}", "in", "101", "2026-03-02 09:15:07", client, "351211000370",
        "answered", "35", f"in_{number:040x}",
    )  # fmt: skip
    return ";".join(f"{quote}{value}{quote}" for value in values)


def report_of(app: Flask, folder: Path, records: list[str], line_end: str = "\n") -> dict[str, Any]:
    path = folder / "calls.csv"
    path.write_bytes((line_end.join([HEAD, *records]) + line_end).encode())
    code, report = take_in(app, path)
    assert code == 0
    return report


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("place", [1, 2, 49])
def test_a_quote_that_nobody_closes_costs_no_other_record(
    connected: Flask, tmp_path: Path, place: int, line_end: str
) -> None:
    records = [record(number) for number in range(1, 50)]
    records[place - 1] = record(place, '"Ana 351910000379')
    report = report_of(connected, tmp_path, records, line_end)
    assert (report["rows"], report["new"] + report["refused"]) == (49, 49)
    assert report["new"] >= 48


@pytest.mark.parametrize("other", [3, 4, 30])
def test_nor_does_one_that_a_quote_further_down_seems_to_close(
    connected: Flask, tmp_path: Path, other: int
) -> None:
    records = [record(number) for number in range(1, 50)]
    for place in (2, other):
        records[place - 1] = record(place, '"Ana 351910000379')
    report = report_of(connected, tmp_path, records)
    assert (report["rows"], report["new"] + report["refused"]) == (49, 49)
    assert report["new"] >= 47


def test_a_field_longer_than_any_reader_takes_costs_its_own_record_alone(
    connected: Flask, tmp_path: Path
) -> None:
    lost = record(2).replace("answered;35", '"' + "x" * 200_000)
    report = report_of(connected, tmp_path, [record(1), lost, record(3)])
    assert (report["rows"], report["new"], report["refused"]) == (3, 2, 1)


def test_a_quote_too_many_in_a_file_that_quotes_all_costs_no_record(
    connected: Flask, tmp_path: Path
) -> None:
    records = [record(number, quote='"') for number in range(1, 6)]
    records[1] = records[1].replace('"351910000371"', '"Ana 351910000371""')
    assert report_of(connected, tmp_path, records)["new"] == 5


@pytest.mark.parametrize("name", ["Ana{}Sousa", "Ana{}de; Lima{}Sousa", 'Ana ""A""{}Sousa'])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_line_break_within_quotes_belongs_to_its_field(
    connected: Flask, tmp_path: Path, name: str, line_end: str
) -> None:
    client = f'"{name.format(line_end, line_end)} (351910000379)"'
    report = report_of(connected, tmp_path, [record(1), record(2, client), record(3)], line_end)
    assert (report["rows"], report["new"], report["refused"]) == (3, 3, 0)
    numbers = set(db.session.scalars(select(Call.outside_number)))
    assert numbers == {"+351910000371", "+351910000379"}


def test_so_does_one_in_the_first_field(connected: Flask, tmp_path: Path) -> None:
    records = [record(1), '"1772442907\n' + record(2).replace(";", '";', 1), record(3)]
    report = report_of(connected, tmp_path, records)
    assert (report["rows"], report["new"], report["refused"]) == (3, 3, 0)


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\0"])
def test_a_strange_sign_in_a_name_does_not_tear_its_record(
    connected: Flask, tmp_path: Path, sign: str
) -> None:
    client = f"Ana{sign}Sousa (351910000379)"
    report = report_of(connected, tmp_path, [record(1), record(2, client), record(3)])
    assert (report["rows"], report["new"], report["refused"]) == (3, 3, 0)
