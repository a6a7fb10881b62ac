"""Runs all tests in three parts, each with as many processes as it can share the machine with.

A server whose seconds are counted would be late beside another one; a browser only takes longer.
"""

import subprocess
import sys

NO_TESTS = 5
Part = tuple[str, ...]
ALL_CORES: Part = ("--numprocesses", "auto", "--maxprocesses", "4")
PARTS: tuple[Part, ...] = (
    (*ALL_CORES, "-m", "not (browser or processes)"),
    # The tests of a file share what the first of them has loaded; the order is that of `conftest`.
    (*ALL_CORES, "--dist", "loadfile", "--no-loadscope-reorder", "-m", "browser or unhurried"),
    ("-m", "processes and not (browser or unhurried)"),
)


def main(arguments: list[str]) -> int:
    """Run every part, or what is chosen by `-m`; 0 when all passed, 5 when no test was left."""
    parts: tuple[Part, ...] = ((),) if "-m" in arguments else PARTS
    ends = [
        subprocess.run([sys.executable, "-m", "pytest", *part, *arguments], check=False).returncode
        for part in parts
    ]
    failed = [end for end in ends if end not in (0, NO_TESTS)]
    return failed[0] if failed else min(ends)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
