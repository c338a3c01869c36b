import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from bench.comparison.plots import LIBRARIES, CannotDraw, draw
from bench.comparison.records import Comparison, Record
from tests.bench.comparison.canned import NAMES, comparison, run


def everything() -> Comparison:
    records: list[Record] = []
    for place, name in enumerate(NAMES):
        figures: dict[str, Any] = {
            "deliveries_per_second": 1_000.0 + place,
            "cpu_us_per_delivery": 1.0 + place,
            "p50_ms": 1.0,
        }
        loads = ("burst", "quiet", "steady", "members 10", "members 100")
        records += [run(load, name, number, **figures) for load in loads for number in range(2)]
    return comparison(*records)


@pytest.fixture
def matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    if not LIBRARIES.exists():
        pytest.skip("what draws is not installed: `make bench` does it")
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.slow
@pytest.mark.usefixtures("matplotlib")
def test_everything_that_was_measured_is_drawn_for_light_and_dark_alike(tmp_path: Path) -> None:
    drawn = draw(everything(), tmp_path)
    assert list(drawn) == ["bench-servers", "bench-latency", "bench-members"]
    files = {file.name for file in tmp_path.iterdir()}
    assert files == {f"{name}-{scheme}.svg" for name in drawn for scheme in ("light", "dark")}
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for content in first.values():
        assert ET.fromstring(content).tag.endswith("svg")
    assert first["bench-servers-light.svg"] != first["bench-servers-dark.svg"]
    draw(everything(), tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first


def test_of_nothing_there_is_no_picture(tmp_path: Path) -> None:
    assert draw(comparison(), tmp_path) == {}


def test_where_nothing_draws_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(CannotDraw, match="make bench"):
        draw(everything(), tmp_path)
