"""A headless Chromium, driven over a pipe by its own DevTools protocol: nothing to install beside it, no port, no network.

What it must not reach is unreachable: every name but those of the loopback resolves to nothing.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
REBOUND: Final = "rebound.example"
"""A name that leads to the loopback, as DNS rebinding has it."""

DEADLINE: Final = 60.0
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--disable-default-apps", "--disable-extensions", "--no-proxy-server"),
    *("--disable-domain-reliability", "--disable-breakpad", "--metrics-recording-only", "--no-pings"),
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-pipe",
)


def find_browser() -> str | None:
    """Return the path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a Chromium; it notes what the browser complains of, and what it asks for on the network."""

    def __init__(self, process: subprocess.Popen[bytes], commands: int, answers: int) -> None:
        self._process = process
        self._commands = commands
        self._answers = answers
        self._buffer = b""
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    def open(self) -> None:
        """Open an empty page."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Security"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command of the protocol and return its result; raise RuntimeError where it fails."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": number, "method": method, "params": parameters, **session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._answers], [], [], DEADLINE)[0]:
                raise RuntimeError("the browser does not answer")
            piece = os.read(self._answers, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def go(self, address: str) -> None:
        """Open an address and wait until it is loaded."""
        self.ask("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """Return what a script gives, promises awaited; raise RuntimeError where it throws."""
        done = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"].get("exception", {}).get("description", "a script failed"))
        return done["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a script is true; a page that is just being replaced is asked again."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            with contextlib.suppress(RuntimeError):
                if self.run(condition):
                    return
            time.sleep(0.02)
        raise RuntimeError(f"never true: {condition}")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and let it go; `code` is the virtual one of Windows, as the protocol has it."""
        more = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **more)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **more)

    def type(self, words: str) -> None:
        """Type into what has the focus."""
        self.ask("Input.insertText", text=words)

    def resize(self, width: int, height: int = 800) -> None:
        """Give the page a size, in CSS pixels."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """Prefer `dark` or `light`."""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def take_picture(self) -> bytes:
        """Return what of the page fits into its size as a PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def forget(self) -> None:
        """Forget what was noted so far."""
        self.run("0")  # what is on its way arrives before the answer
        self.events.clear()

    @property
    def complaints(self) -> list[str]:
        """What the browser had to say against the page: violations of its policy, errors of its script."""
        told = [each["params"] for each in self.events if each.get("method") == "Log.entryAdded"]
        thrown = [each["params"] for each in self.events if each.get("method") == "Runtime.exceptionThrown"]
        return [each["entry"]["text"] for each in told] + [str(each["exceptionDetails"]) for each in thrown]

    @property
    def asked(self) -> list[str]:
        """The addresses that were asked for."""
        sent = [each["params"] for each in self.events if each.get("method") == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent]


@contextlib.contextmanager
def browsing(path: str) -> Iterator[Browser]:
    """Run a Chromium with an empty profile."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        to_read, commands = os.pipe()
        answers, to_write = os.pipe()
        # It reads from descriptor 3 and writes to 4.
        script = f'exec 3<&{to_read} 4>&{to_write}; exec "$0" "$@"'
        command = ["/bin/bash", "-c", script, path, *FLAGS, f"--user-data-dir={folder}/profile"]
        environment = {**os.environ, "HOME": folder}
        process = subprocess.Popen(
            command,
            pass_fds=(to_read, to_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        os.close(to_read)
        os.close(to_write)
        try:
            browser = Browser(process, commands, answers)
            browser.open()
            yield browser
        finally:
            process.kill()
            process.wait()
            os.close(commands)
            os.close(answers)
