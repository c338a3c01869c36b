"""Proves that each module is covered by the tests that it should be covered by.

A module of the pure layers has to be covered whole, every line and every branch, by its own test
module alone: src/causerie/chat/room.py by tests/chat/test_room.py. What other tests happen to run
does not count, so that a module can be changed with only its own tests at hand. The body of a
module, which runs when it is imported, counts as covered by whoever imports it.

All other modules have to be covered to REST_PERCENT together and to FILE_PERCENT each, by any test
and in any process.

Reads one run's data (COVERAGE_FILE, or .coverage) with the contexts that tools/coverage_contexts.py
recorded. With files as arguments it judges only these, and the rest not as a whole.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coverage import Coverage

SOURCE: Final = Path("src/causerie")
COVERED_BY_THEIR_OWN: Final = ("wire", "chat", "client/machine")
REST_PERCENT: Final = 90
FILE_PERCENT: Final = 80


@dataclass(frozen=True, slots=True)
class Measured:
    """How much of a module was run, lines and branches counted alike."""

    covered: int
    total: int
    missing: str
    """The lines that never ran and those with a branch that was never taken; empty if none."""

    @property
    def percent(self) -> float:
        """The share of lines and branches together, as ``coverage report`` counts it."""
        return 100 * self.covered / self.total if self.total else 100.0


def is_covered_by_its_own(module: Path) -> bool:
    """Tells whether the module (a path under SOURCE) belongs to the pure layers."""
    name = module.relative_to(SOURCE).with_suffix("").as_posix()
    return any(name == layer or name.startswith(f"{layer}/") for layer in COVERED_BY_THEIR_OWN)


def own_test(module: Path) -> Path:
    """Returns the one test module that mirrors a module."""
    inner = module.relative_to(SOURCE)
    return Path("tests", inner.parent, f"test_{inner.name}")


def import_name(module: Path) -> str:
    """Returns the dotted name under which a module is imported."""
    parts = module.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def measure(coverage: Coverage, module: Path, contexts: Sequence[str] | None) -> Measured:
    """Counts what was run of a module, under these contexts (regular expressions) or under all."""
    coverage.get_data().set_query_contexts(contexts)
    _, statements, _, missing, missing_lines = coverage.analysis2(str(module.resolve()))
    branches = coverage.branch_stats(str(module.resolve()))
    missing_branches = ", ".join(
        # A branch on a line that never ran says nothing new.
        str(line)
        for line, (exits, taken) in sorted(branches.items())
        if taken < exits and line not in missing
    )
    parts = {"lines": missing_lines, "branches from": missing_branches}
    return Measured(
        covered=len(statements) - len(missing) + sum(taken for _, taken in branches.values()),
        total=len(statements) + sum(exits for exits, _ in branches.values()),
        missing="; ".join(f"{kind} {lines}" for kind, lines in parts.items() if lines),
    )


def judge_own(coverage: Coverage, module: Path) -> str | None:
    """Says what a module's own test leaves uncovered, None if nothing."""
    test = own_test(module)
    contexts = [
        f"^run {re.escape(test.as_posix())}$",
        f"^import {re.escape(import_name(module))}$",
    ]
    missing = measure(coverage, module, contexts).missing
    return f"{module}: not covered by {test} alone: {missing}" if missing else None


def main(arguments: Sequence[str]) -> int:
    """Judges these modules, or all; returns the exit code."""
    modules = [Path(argument) for argument in arguments] or sorted(SOURCE.rglob("*.py"))
    coverage = Coverage()
    coverage.load()
    faults: list[str] = []
    rest_covered = rest_total = 0
    for module in modules:
        if is_covered_by_its_own(module):
            fault = judge_own(coverage, module)
        else:
            measured = measure(coverage, module, None)
            rest_covered += measured.covered
            rest_total += measured.total
            fault = (
                f"{module}: {measured.percent:.0f} % < {FILE_PERCENT} %: {measured.missing}"
                if measured.percent < FILE_PERCENT
                else None
            )
        if fault is not None:
            faults.append(fault)
    judged = len(modules)
    if not arguments and rest_total:
        judged += 1
        rest_percent = 100 * rest_covered / rest_total
        print(f"coverage outside the pure layers: {rest_percent:.1f} %")
        if rest_percent < REST_PERCENT:
            faults.append(f"{rest_percent:.1f} % < {REST_PERCENT} % outside the pure layers")
    for fault in faults:
        print(fault)
    print(f"coverage: {judged - len(faults)} passed, {len(faults)} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
