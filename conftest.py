"""What all tests share: how hypothesis searches, and the options of the command line."""

import signal

import pytest
from hypothesis import HealthCheck, settings

# The same examples everywhere, and no verdict on the speed of a busy machine.
settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what a longer search than that of every day needs."""
    parser.addoption(
        "--crash-seeds",
        type=int,
        default=8,
        metavar="N",
        help="how many syncs integration_tests/crash disturbs, of the seeds 0 to N - 1 (default 8)",
    )
    parser.addoption(
        "--all-faults",
        action="store_true",
        help="run each cell of the fault matrix in integration_tests/faults, and not a ninth of them only",
    )


def pytest_sessionstart() -> None:
    """Let the processes of tests be interrupted, also where this one ignores it, as a job in the background does."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
