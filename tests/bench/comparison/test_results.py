from dataclasses import replace

from bench.comparison.records import V1
from bench.comparison.results import document
from tests.bench.comparison.canned import MACHINE, comparison, run


def test_it_tells_of_what_everything_was_and_how_it_was_made() -> None:
    text = document(comparison(run("burst", V1, p99_ms=1.0)), {})
    for said in (
        "Made by `make bench`",
        "3 times over: figures are medians of these rounds",
        "| CPU | Quick \\| Cheap, 2 cores |",
        "ext4; an append and its fsync 0.50 ms",
        "2026-01-02, 20 minutes",
        "| commit | abc |",
        "| Bun | Bun 1: what Bun is |",
        "- aiohttp is not installed.",
        "### 500 members, 64 in flight",
    ):
        assert said in text
    assert "Something else ran" not in text


def test_every_row_has_as_many_cells_as_its_header() -> None:
    text = document(
        comparison(
            run("burst", V1, deliveries_per_second=1.0, p99_ms=1.0),
            run("members 10", V1, cpu_us_per_delivery=1.0),
            run("history", V1, part="a: b", p99_ms=1.0),
        ),
        {},
    )
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 7
    for block in blocks:
        widths = {line.replace("\\|", "").count("|") for line in block.splitlines()}
        assert len(widths) == 1, block


def test_the_targets_come_before_what_was_measured() -> None:
    text = document(comparison(run("burst", V1, p99_ms=30.0)), {})
    targets, _, measured = text.partition("## What was measured")
    assert (
        "| 500 members, 64 in flight: p99 | Causerie (v1) | 30 ms | ≤ 25 ms | **not held** |"
        in (targets)
    )
    assert "not held" not in measured


def test_pictures_are_for_light_and_dark_pages() -> None:
    text = document(comparison(), {"../docs/pictures/bench-servers": "Bars"})
    assert (
        'media="(prefers-color-scheme: dark)" srcset="../docs/pictures/bench-servers-dark.svg"'
        in (text)
    )
    assert '<img alt="Bars" src="../docs/pictures/bench-servers-light.svg">' in text


def test_what_would_mislead_is_said() -> None:
    machine = replace(MACHINE, load_average=0.5, filesystem="tmpfs")
    text = document(replace(comparison(rounds=1), machine=machine), {})
    assert "It was one round" in text
    assert "in the minute before, 50% of the cores were taken" in text
    assert "nothing was synced to a disk" in text
