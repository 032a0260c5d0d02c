"""`make demo OPEN=1`: the local Intercom stays, with its page in a browser, until Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from integration_tests.support.processes import ROOT

DEADLINE = 30.0
DEMO = ROOT / "integration_tests" / "demo" / "demo.py"
KEEP = f"import runpy; runpy.run_path({str(DEMO)!r})['keep_open']('http://127.0.0.1:9')"


@pytest.mark.parametrize("has_browser", [True, False])
def test_demo_when_it_stays_then_opens_a_browser_if_there_is_one_and_ends_with_ctrl_c(
    tmp_path: Path, has_browser: bool
) -> None:
    """The address is printed in any case."""
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    told = os.open(opened, os.O_RDWR)
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    browser.chmod(0o700)
    without = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"}
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment |= {"BROWSER": f"{browser} %s"} if has_browser else {}
    with subprocess.Popen([sys.executable, "-c", KEEP], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline() for _ in range(3)]
            assert ["\n", "Look at it: http://127.0.0.1:9\n", "  Ctrl-C ends the local Intercom.\n"] == said
            assert has_browser == bool(select.select([told], [], [], DEADLINE if has_browser else 0)[0])
            assert not has_browser or os.read(told, 100) == b"http://127.0.0.1:9\n"
            process.send_signal(signal.SIGINT)
            assert 0 == process.wait(DEADLINE)
        finally:
            process.kill()
    os.close(told)


@pytest.mark.parametrize(("told", "stays"), [([], False), (["OPEN=1"], True)])
def test_make_demo_when_told_to_open_then_the_demo_stays(told: list[str], stays: bool) -> None:
    """Otherwise it ends by itself, as in continuous integration."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "OPEN"))}
    done = subprocess.run(
        ["make", "--dry-run", "demo", *told], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert stays == done.stdout.rstrip().endswith("demo.py --open")
