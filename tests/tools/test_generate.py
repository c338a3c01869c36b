"""Generated files are current, and the generator says which are not."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.tools.generated import ROOT
from tools import generate


@pytest.mark.parametrize("path", generate.GENERATED, ids=lambda path: path.name)
def test_a_generated_file_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate.GENERATED[path]()


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file that is current, one that is stale, and one that is missing."""
    made = {tmp_path / name: lambda text=name: f"{text}\n" for name in ("good", "stale", "gone")}
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "GENERATED", made)
    (tmp_path / "good").write_text("good\n")
    (tmp_path / "stale").write_text("once\n")
    return tmp_path


def test_a_check_names_what_is_stale_and_writes_nothing(
    workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split()[0] for line in told.err.splitlines()] == ["stale", "gone"]
    assert (workshop / "stale").read_text() == "once\n"
    assert not (workshop / "gone").exists()


def test_a_run_writes_what_is_stale_and_then_a_check_is_content(
    workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (workshop / "good").stat().st_mtime_ns
    assert generate.main([]) == 0
    assert capsys.readouterr().out.splitlines() == ["wrote stale", "wrote gone"]
    assert (workshop / "gone").read_text() == "gone\n"
    assert (workshop / "good").stat().st_mtime_ns == before
    assert generate.main(["--check"]) == 0
    assert generate.main([]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_the_generator_runs_from_anywhere(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "tools" / "generate.py"), "--check"]
    run = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
