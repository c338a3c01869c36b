"""A pytest plugin that tells coverage on whose behalf each line runs.

Every line is recorded under one of these contexts:

- ``run tests/chat/test_room.py``: while a test of this module runs, with its fixtures;
- ``import causerie.chat.room``: while this module is executed by its first import, whoever
  asked for it;
- none: while tests are collected, and in processes that a test starts.

``tools/coverage_gate.py`` reads them. Use: ``coverage run -m pytest -p tools.coverage_contexts``.
"""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

import coverage
import pytest

PACKAGE = "causerie"


@contextmanager
def recorded_as(context: str) -> Iterator[None]:
    """Records under this context what runs inside, and then goes on with the former one."""
    measurement = coverage.Coverage.current()
    assert measurement is not None, "to be run under 'coverage run -m pytest'"
    former = measurement.switch_context(context)
    try:
        yield
    finally:
        measurement.switch_context(former or "")


class ModuleLoader(SourceFileLoader):
    """A loader that records the execution of its module's body as that module's import."""

    def exec_module(self, module: ModuleType) -> None:
        """Executes the module's body."""
        with recorded_as(f"import {module.__name__}"):
            super().exec_module(module)


class PackageFinder(MetaPathFinder):
    """A finder that gives the modules of the package their recording loader."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns how to load a module of the package, None for any other module."""
        if fullname.partition(".")[0] != PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = ModuleLoader(spec.loader.name, spec.loader.path)
        return spec


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Watches the package's imports from before the first conftest, so that none goes unseen."""
    assert PACKAGE not in sys.modules, "the package was imported before its imports were watched"
    sys.meta_path.insert(0, PackageFinder())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Records a test, set-up and tear-down included, as its module's."""
    with recorded_as(f"run {item.path.relative_to(item.config.rootpath).as_posix()}"):
        return (yield)
