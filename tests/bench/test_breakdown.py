"""Where the time goes: of what was seen, what belongs to which step."""

import importlib
import pkgutil

from bench.breakdown import REST, STEPS, shares

import causerie.adapters
import causerie.server

ELSEWHERE = {"Runner.run"}
"""Of the standard library."""


def test_every_step_is_of_functions_that_there_are() -> None:
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for package in (causerie.server, causerie.adapters)
        for module in pkgutil.iter_modules(package.__path__)
    ]
    for name in STEPS.keys() - ELSEWHERE:
        owner, _, function = name.partition(".")
        classes = [vars(module)[owner] for module in modules if owner in vars(module)]
        assert any(function in vars(one) for one in classes), name


def test_a_sample_belongs_to_the_innermost_step_that_is_named() -> None:
    raw = [
        "Runner.run (runners.py:118);Turn.flush (turn.py:1);WebSocketProtocol.write (x.py:2) 6",
        "Runner.run (runners.py:118);Turn.flush (turn.py:1);of_no_step (turn.py:9) 3",
        "thread (threading.py:1);of_no_step (turn.py:9) 1",
    ]
    assert [(step, share) for step, share in shares(raw)] == [
        (STEPS["WebSocketProtocol.write"], 0.6),
        (STEPS["Turn.flush"], 0.3),
        (REST, 0.1),
    ]
