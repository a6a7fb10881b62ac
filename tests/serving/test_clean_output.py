"""What a command prints for another program is free of what it logs."""

import json
from pathlib import Path

import pytest

from tests.serving.running import flask

pytestmark = [pytest.mark.processes, pytest.mark.unhurried]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_command_prints_one_json_object_while_it_logs(tmp_path: Path, log_format: str) -> None:
    settings = {"LOG_FORMAT": log_format, "LOG_LEVEL": "INFO"}
    assert flask(tmp_path / "data", "db", "upgrade", **settings).returncode == 0
    answer = flask(tmp_path / "data", "telephony", "switches", "sms", "on", "--json", **settings)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["sms"] == "on"
    assert "switches_changed" in answer.stderr
