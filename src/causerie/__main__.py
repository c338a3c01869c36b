"""The program: `causerie`, or `python -m causerie`."""

import signal
import sys


def main() -> int:
    """Runs the command line, and returns the exit code."""
    # What it needs takes a moment to load: whoever interrupts that is shown no traceback.
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from causerie import cli

    signal.signal(signal.SIGINT, handler)
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
