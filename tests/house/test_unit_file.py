"""The systemd unit that is shipped gives Ramal what it needs, and little else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "docs" / "ramal.service"
# Of 10.0, in tenths: systemd calls everything below 2.0 safe enough for a service on the network.
MOST_EXPOSED = 20


def test_the_unit_gives_ramal_little() -> None:
    text = UNIT.read_text(encoding="utf-8")
    for line in (
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "StateDirectoryMode=0700",
        "UMask=0077",
        "LoadCredential=secret_key:/etc/ramal/secret_key",
        "Environment=SECRET_KEY_FILE=%d/secret_key",
    ):
        assert line in text.splitlines(), line
    assert re.search(r"^MemoryMax=\d", text, re.M)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_calls_the_unit_safe() -> None:
    answer = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", UNIT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "Unknown" in answer.stderr or "unrecognized option" in answer.stderr:
        pytest.skip("this systemd cannot look at a file")
    assert answer.returncode == 0, answer.stdout[-200:] + answer.stderr
