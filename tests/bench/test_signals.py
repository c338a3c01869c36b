import os
import signal
import subprocess
import sys

import pytest

from causerie.bench.signals import ENDS, ended_in_order, interrupts_held


def test_an_interrupt_waits_until_it_may_come() -> None:
    reached: list[str] = []

    def interrupt() -> None:
        with interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert reached


def test_a_process_that_was_started_meanwhile_never_hears_one() -> None:
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with interrupts_held():
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert child.stdout == b"True\n"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("number", ENDS)
def test_what_ends_the_program_unwinds_it(number: signal.Signals) -> None:
    former = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, ended_in_order():
        signal.raise_signal(number)
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) is former


def test_who_was_started_with_nohup_goes_on() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_in_order():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)
