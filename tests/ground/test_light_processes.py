"""Those who serve pages load nothing that only commands need."""

import subprocess
import sys

HEAVY = ("alembic", "flask_migrate", "zxcvbn", "crm_app.serving", "crm_app.demo_office")
PROGRAM = """
import sys
from pathlib import Path
from crm_app import create_app
from crm_app.config import Config

create_app(Config(_env_file=None, data_dir=Path(sys.argv[1]), secret_key="k" * 40))
print(*[name for name in sys.argv[2:] if name in sys.modules])
"""


def test_a_web_process_loads_no_commands_no_migrations_and_no_dictionaries(tmp_path: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
