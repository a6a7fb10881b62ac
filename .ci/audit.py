"""Asks whether a locked package has a known weakness: 0 none, 1 some, 2 when nobody could be asked.

With `--if-reachable`, as in `make check`, a source that cannot be reached is said and no failure.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
SECONDS = 180


def ask(lock: str) -> list[dict[str, object]] | str:
    """Give what is known of the packages of a lock file, or why nobody could be asked."""
    command = [
        sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes",
        "--requirement", lock, "--format", "json", "--progress-spinner", "off",
    ]  # fmt: skip
    try:
        answer = subprocess.run(  # noqa: S603
            command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        found: list[dict[str, object]] = json.loads(answer.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} seconds"
    except (ValueError, KeyError):
        lines = answer.stderr.strip().splitlines() or ["it said nothing"]
        return lines[-1][:200]
    return found


def main() -> int:
    """Print each weakness, or that there is none."""
    weak = {}
    for lock in LOCKS:
        found = ask(lock)
        if isinstance(found, str):
            print(f"audit: the list of known weaknesses could not be asked ({found})")  # noqa: T201
            return 0 if "--if-reachable" in sys.argv else 2
        for package in found:
            for entry in package.get("vulns") or []:
                weak[entry["id"]] = f"{package['name']} {package['version']}: {entry['id']}"
    for line in sorted(weak.values()):
        print(f"audit: {line}")  # noqa: T201
    if not weak:
        print("audit: no package has a known weakness")  # noqa: T201
    return int(bool(weak))


if __name__ == "__main__":
    sys.exit(main())
