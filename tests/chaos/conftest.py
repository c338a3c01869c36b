"""The table of all rounds that were played, at the end of a run."""

from collections.abc import Iterator

import pytest
from tests.chaos.rounds import Outcome

OUTCOMES = pytest.StashKey[list[Outcome]]()


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> list[Outcome]:
    """Where a round is noted for the table."""
    return request.config.stash.setdefault(OUTCOMES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Writes the table: a line for each fault."""
    outcomes = config.stash.get(OUTCOMES, [])
    if outcomes:
        terminalreporter.section("chaos")
        for line in table(outcomes):
            terminalreporter.write_line(line)


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Yields the lines of the table; times are the longest of all rounds of a fault, in seconds."""
    yield f"{'fault':<12}{'rounds':>8}{'broken':>8}{'acks':>10}{'to the last':>13}{'stall':>9}"
    for fault in dict.fromkeys(outcome.fault for outcome in outcomes):
        of_it = [outcome for outcome in outcomes if outcome.fault == fault]
        yield (
            f"{fault:<12}{len(of_it):>8}{sum(bool(outcome.broken) for outcome in of_it):>8}"
            f"{sum(outcome.acks for outcome in of_it):>10,}"
            f"{max(outcome.to_last for outcome in of_it):>11.1f} s"
            f"{max(outcome.stall for outcome in of_it):>7.1f} s"
        )
