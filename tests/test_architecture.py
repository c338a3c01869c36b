"""What the import contracts in pyproject.toml cannot express about the layers.

The contracts forbid the pure layers the modules of clocks, sockets and so on. A clock can also be
read through datetime, a file opened and a coroutine awaited without importing anything.
"""

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

import causerie
from causerie.wire.errors import CauserieError

SOURCE = Path(__file__).parents[1] / "src" / "causerie"
PURE = ("wire/*.py", "chat/*.py", "ports.py", "client/machine/*.py")

CLOCKS = {"now", "today", "utcnow"}
BUILTINS = {"__import__", "breakpoint", "eval", "exec", "input", "open", "print"}


def datetime_names(tree: ast.Module) -> set[str]:
    """Returns the names under which a module knows datetime or something out of it."""
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            from_datetime = isinstance(node, ast.ImportFrom) and node.module == "datetime"
            names.update(
                alias.asname or alias.name
                for alias in node.names
                if from_datetime or alias.name == "datetime"
            )
    return names


def root_name(node: ast.expr) -> str | None:
    """Returns the leftmost name of ``a.b.c``, None where there is none."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def impurities(source: str, *, may_declare_coroutines: bool = False) -> Iterator[str]:
    """Yields what a pure module may not do: read a clock, do I/O, wait."""
    tree = ast.parse(source)
    clocks = datetime_names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attr) if attr in CLOCKS and root_name(node) in clocks:
                yield f"line {node.lineno} reads a clock: {ast.unparse(node)}"
            case ast.Name(id=name) if name in BUILTINS:
                yield f"line {node.lineno} uses {name}"
            case ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield f"line {node.lineno} waits"
            case ast.AsyncFunctionDef(name=name) if not may_declare_coroutines:
                yield f"line {node.lineno} makes a coroutine of {name}"
            case _:
                pass


def sleeps(source: str) -> Iterator[str]:
    """Yields the calls that let time pass; ``sleep(0)`` lets others run, which is no waste."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(args=[ast.Constant(value=0)]):
                pass
            case ast.Call(func=ast.Attribute(attr="sleep") | ast.Name(id="sleep")):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case _:
                pass


def imported_packages(source: str) -> set[str]:
    """Returns the top-level packages that a module imports, wherever in it."""
    packages = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            packages.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            packages.add(node.module.partition(".")[0])
    return packages


def importers(package: str) -> dict[str, list[str]]:
    """Returns the modules that import a package, by their layer."""
    found: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if package in imported_packages(path.read_text()):
            inner = path.relative_to(SOURCE)
            found.setdefault(inner.parts[0], []).append(inner.as_posix())
    return found


@pytest.mark.parametrize("pattern", PURE)
def test_a_pure_layer_reads_no_clock_does_no_input_or_output_and_never_waits(pattern: str) -> None:
    modules = list(SOURCE.glob(pattern))
    assert modules
    # A port may promise a coroutine; it has none itself.
    faults = [
        f"{module.relative_to(SOURCE)}: {impurity}"
        for module in modules
        for impurity in impurities(
            module.read_text(), may_declare_coroutines=module.name == "ports.py"
        )
    ]
    assert not faults


def test_few_modules_know_the_websockets_library() -> None:
    assert importers("websockets") == {
        "client": ["client/transport.py"],
        "server": ["server/handshake.py", "server/reader.py"],
    }


def test_only_adapters_and_their_test_kit_know_sqlite() -> None:
    assert importers("apsw").keys() <= {"adapters", "testing"}
    assert not importers("sqlite3")


def test_only_adapters_know_nats() -> None:
    assert importers("nats").keys() <= {"adapters"}


def test_where_nats_is_not_installed_everything_else_is() -> None:
    code = "import sys; sys.modules['nats'] = None; import causerie.app, causerie.cli"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_whoever_catches_our_errors_catches_all_of_them() -> None:
    ours: set[type[BaseException]] = set()
    for module in pkgutil.walk_packages(causerie.__path__, "causerie."):
        if not module.name.startswith("causerie.testing.contracts"):
            values = vars(importlib.import_module(module.name)).values()
            ours.update(value for value in values if _is_error_of(module.name, value))
    assert len(ours) > 30
    strangers = {error.__qualname__ for error in ours if not issubclass(error, CauserieError)}
    # It never leaves the module's own package.
    assert strangers == {"Lost"}


def _is_error_of(module: str, value: object) -> TypeGuard[type[BaseException]]:
    return (
        isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module
    )


def test_no_test_sleeps() -> None:
    tests = Path(__file__).parent
    assert not [
        f"{module.relative_to(tests)}: {sleep}"
        for module in tests.rglob("test_*.py")
        for sleep in sleeps(module.read_text())
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "import datetime as dt\nx = dt.date.today",
        "from datetime import datetime as when\nwhen.utcnow()",
        "open('f')",
        "say = print",
        "async def f(): pass",
        "def f():\n    async def g(): await h()",
    ],
)
def test_an_impurity_is_seen(source: str) -> None:
    assert list(impurities(source))


@pytest.mark.parametrize(
    "source",
    [
        "def f(now, clock): return max(now, clock.now, clock.today())",
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC).isoformat()",
        "def f(log): log.open()",
    ],
)
def test_what_only_looks_like_an_impurity_is_let_pass(source: str) -> None:
    assert not list(impurities(source))


@pytest.mark.parametrize(
    ("source", "count"),
    [("time.sleep(0.1)", 1), ("async def f(): await sleep(x)", 1), ("asyncio.sleep(0)", 0)],
)
def test_a_sleep_is_seen(source: str, count: int) -> None:
    assert len(list(sleeps(source))) == count


def test_an_import_is_seen_wherever_it_stands() -> None:
    source = "import a.b\ndef f():\n    from c.d import e\n    from . import g"
    assert imported_packages(source) == {"a", "c"}
