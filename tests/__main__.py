"""Runs all tests: first those that can share the machine, then those that need it for themselves.

A browser and server processes that wait for each other would time out beside a second worker.
"""

import subprocess
import sys

NO_TESTS = 5
Part = tuple[str, ...]
ALONE = "browser or processes"
TOGETHER: Part = ("--numprocesses", "auto", "--maxprocesses", "4", "-m", f"not ({ALONE})")


def main(arguments: list[str]) -> int:
    """Run both parts, or what is chosen by `-m`; 0 when all passed, 5 when no test was left."""
    parts: list[Part] = [()] if "-m" in arguments else [TOGETHER, ("-m", ALONE)]
    ends = [
        subprocess.run([sys.executable, "-m", "pytest", *part, *arguments], check=False).returncode
        for part in parts
    ]
    failed = [end for end in ends if end not in (0, NO_TESTS)]
    return failed[0] if failed else min(ends)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
