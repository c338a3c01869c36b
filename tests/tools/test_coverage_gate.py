"""The gate judges a small project, measured as the real one is: same settings, same plugin."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]

GOOD = {
    "src/causerie/__init__.py": "",
    "src/causerie/chat/__init__.py": "",
    "src/causerie/chat/room.py": """
        from typing import Literal, assert_never

        def sign(number: int) -> str:
            if number < 0:
                return "-"
            return "+"

        def word(kind: Literal["a", "b"]) -> int:
            match kind:
                case "a":
                    return 1
                case "b":
                    return 2
                case _ as never:
                    assert_never(never)
        """,
    "src/causerie/chat/table.py": """
        def _build() -> list[int]:
            return [number for number in range(5) if number % 2]

        TABLE = _build()
        """,
    "src/causerie/client/machine.py": """
        async def step() -> int:
            return 1
        """,
    "src/causerie/server/hub.py": """
        def serve(fast: bool) -> int:
            if fast:
                return 1
            return 2
        """,
    "tests/chat/test_room.py": """
        from hypothesis import given, strategies
        import pytest
        from causerie.chat import room, table

        @given(strategies.integers(-1, 0))
        def test_sign(number: int) -> None:
            assert room.sign(number) == ("-" if number < 0 else "+")

        @pytest.mark.parametrize("kind, number", [("a", 1), ("b", 2)])
        def test_word(kind: str, number: int) -> None:
            assert room.word(kind) == number
        """,
    "tests/client/test_machine.py": """
        async def test_step() -> None:
            from causerie.client.machine import step
            assert await step() == 1
        """,
    "tests/server/test_hub.py": """
        import subprocess, sys
        from causerie.server import hub

        def test_serve() -> None:
            assert hub.serve(fast=True) == 1

        def test_serve_in_another_process(tmp_path) -> None:
            program = "from causerie.server import hub; print(hub.serve(fast=False))"
            answer = subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path)
            assert answer == b"2\\n"
        """,
}


def judged(folder: Path, changes: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Writes the good project with these changes, runs its tests and the gate.

    Returns the gate's exit code and what it printed.
    """
    for name, text in (GOOD | changes).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip())
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "tools", folder / "tools")
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("COV")}
    environment["PYTHONPATH"] = str(folder / "src")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    for command in (
        ["-m", "coverage", "run", "-m", "pytest", "-q", "-p", "tools.coverage_contexts"],
        ["-m", "coverage", "combine", "--quiet"],
    ):
        done = run(*command)
        assert done.returncode == 0, done.stdout
    verdict = run("tools/coverage_gate.py", *arguments)
    return verdict.returncode, verdict.stdout


@pytest.mark.slow
def test_passes_a_project_that_is_covered(tmp_path: Path) -> None:
    code, output = judged(tmp_path, {})
    assert output == "coverage outside the pure layers: 100.0 %\ncoverage: 7 passed, 0 failed\n"
    assert code == 0


@pytest.mark.slow
def test_fails_each_module_that_is_not_covered_as_it_should_be(tmp_path: Path) -> None:
    code, output = judged(
        tmp_path,
        {
            "src/causerie/wire/branch.py": """
        def f(x: int) -> int:
            y = 1
            if x:
                y = 2
            return y
        """,
            "tests/wire/test_branch.py": """
        from causerie.wire.branch import f

        def test_f() -> None:
            assert f(1) == 2
        """,
            "src/causerie/wire/borrowed.py": """
        def f() -> int:
            return 1
        """,
            "tests/wire/test_lender.py": """
        from causerie.wire.borrowed import f

        COLLECTED = f()

        def test_f() -> None:
            assert f() == 1
        """,
            "src/causerie/wire/never.py": "X = 1",
            "src/causerie/tui/view.py": """
        def f(x: int) -> int:
            if x == 1:
                return 1
            if x == 2:
                return 2
            if x == 3:
                return 3
            return 4
        """,
            "tests/tui/test_view.py": """
        from causerie.tui.view import f

        def test_f() -> None:
            assert f(1) == 1
        """,
        },
    )
    assert output == dedent("""\
        coverage outside the pure layers: 50.0 %
        src/causerie/tui/view.py: 29 % < 80 %: lines 4-8; branches from 2
        src/causerie/wire/borrowed.py: not covered by tests/wire/test_borrowed.py alone: lines 2
        src/causerie/wire/branch.py: not covered by tests/wire/test_branch.py alone: branches from 3
        src/causerie/wire/never.py: not covered by tests/wire/test_never.py alone: lines 1
        50.0 % < 90 % outside the pure layers
        coverage: 6 passed, 5 failed
        """)
    assert code == 1


@pytest.mark.slow
def test_judges_only_the_files_it_is_given(tmp_path: Path) -> None:
    changes = {"src/causerie/wire/never.py": "X = 1"}
    code, output = judged(tmp_path, changes, "src/causerie/chat/room.py")
    assert (code, output) == (0, "coverage: 1 passed, 0 failed\n")
