"""The public face of the library: what `import causerie` shows, and what it costs."""

import ast
import importlib
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import assert_type, get_args

import pytest

import causerie


def test_everything_that_is_shown_is_there() -> None:
    for name in causerie.__all__:
        assert getattr(causerie, name) is not None


def test_nothing_else_is() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = causerie.nonsense  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = causerie.Machine  # type: ignore[attr-defined]


def test_help_and_completion_find_what_is_shown() -> None:
    assert set(causerie.__all__) <= set(dir(causerie))
    shown = pydoc.plain(pydoc.render_doc(causerie))
    for name in ("class Client", "class Gap", "class NotJoined", "connect("):
        assert name in shown


def test_a_name_is_what_the_type_checker_takes_it_for() -> None:
    face = ast.parse(Path(causerie.__file__).read_text("utf-8"))
    [imports] = [
        node
        for node in face.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    told = {
        alias.name: vars(importlib.import_module(node.module))[alias.name]
        for node in imports.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }
    assert told.keys() == {*causerie.__all__} - {"__version__"}
    for name, meant in told.items():
        assert getattr(causerie, name) is meant, name


def test_all_errors_of_the_client_are_shown() -> None:
    def tree(error: type[Exception]) -> set[str]:
        return {error.__name__}.union(*(tree(one) for one in error.__subclasses__()))

    assert tree(causerie.ClientError) <= set(causerie.__all__)


def test_all_that_a_client_tells_is_shown() -> None:
    assert {one.__name__ for one in get_args(causerie.Event)} <= set(causerie.__all__)


def test_a_name_means_the_clients_own() -> None:
    assert causerie.ServerError.__module__ == "causerie.client.machine.events"
    assert issubclass(causerie.HelloRefused, causerie.Ended)
    assert issubclass(causerie.Ended, causerie.ClientError)
    assert issubclass(causerie.ClientError, causerie.CauserieError)


@pytest.mark.slow
def test_who_imports_causerie_alone_does_not_pay_for_the_client() -> None:
    program = "import sys, causerie; print([m for m in sys.modules if 'websockets' in m])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


async def use(client: causerie.Client) -> None:
    """Is never called; says which types the methods have."""
    assert_type(await client.send("hi"), causerie.Receipt)
    assert_type(await client.private("Bob", "psst"), causerie.Receipt)
    assert_type(await client.join("lobby"), causerie.Joined)
    assert_type(await client.history(), causerie.History)
    assert_type(await client.members(), list[str])
    assert_type(client.state, causerie.State)
    async for event in client:
        match event:
            case causerie.Message():
                assert_type(event.content, str)
            case causerie.Gap():
                assert_type(event.missing, int | None)
            case _:
                assert_type(client.rtt_ms, int | None)
