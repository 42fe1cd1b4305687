"""A headless Chromium that opens pages, driven through its DevTools protocol.

Debian's package `chromium` is enough (`.ci/run` installs it); where there is none, tests that ask for `browser` are
skipped. A page is asked by JavaScript: `page.evaluate("document.title")`.
"""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import websocket

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # CI runs as root
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card: parallel coordinates are drawn with it
    "--remote-debugging-port=0",
)
START_S = 60.0
ANSWER_S = 60.0


def find_browser() -> str | None:
    """Return the command of an installed Chromium or Chrome; None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass(slots=True)
class Page:
    """An open page.

    Attributes:
        requests: the addresses that the page asked for so far, its own among them.
        problems: what it wrote to the console as an error, and exceptions that nothing caught.
    """

    socket: websocket.WebSocket
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result.

        Raises:
            RuntimeError: when the browser refuses it.
        """
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown":
                self.problems.append(str(parameters["exceptionDetails"]))
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.problems.append(parameters["entry"]["text"])
            case "Runtime.consoleAPICalled" if parameters["type"] == "error":
                self.problems.append(str(parameters["args"]))

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited if it is a promise.

        Raises:
            RuntimeError: when the expression throws.
        """
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def wait_for(self, expression: str, *, timeout_s: float = ANSWER_S) -> Any:
        """Wait until an expression is true, and return its value.

        Raises:
            TimeoutError: when it stays false.
        """
        deadline = time.monotonic() + timeout_s
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression} stayed {value!r}; problems: {self.problems}")
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a pointer does.

        Raises:
            RuntimeError: when there is none.
        """
        place = self.evaluate(
            f"(element => {{ element.scrollIntoView({{block: 'center', behavior: 'instant'}}); "
            "const box = element.getBoundingClientRect(); "
            "return {x: box.x + box.width / 2, y: box.y + box.height / 2}; })"
            f"(document.querySelector({selector!r}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def screenshot(self, path: Path) -> None:
        """Write the whole page, beyond the window, as a PNG picture."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))


@dataclass(frozen=True, slots=True)
class Browser:
    """A running browser.

    Attributes:
        port: where its DevTools protocol listens.
    """

    port: int

    @contextmanager
    def open(self, address: str | Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Page]:
        """Open a file or an address in a page of its own.

        Args:
            address: the path of a file, or an address.
            width: of the window, in CSS pixels; below 600 it is a phone's, with a touch screen.
            height: of the window, in CSS pixels.
            dark: whether the page sees a preference for dark colours.
        """
        url = address.resolve().as_uri() if isinstance(address, Path) else address
        target = self._ask("PUT", "/json/new?about:blank")
        socket = websocket.create_connection(target["webSocketDebuggerUrl"], timeout=ANSWER_S, suppress_origin=True)
        page = Page(socket)
        try:
            for domain in ("Page", "Network", "Runtime", "Log"):
                page.call(f"{domain}.enable")
            mobile = width < 600
            page.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            page.call("Emulation.setEmulatedMedia", features=[scheme])
            page.call("Page.navigate", url=url)
            page.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")
            yield page
        finally:
            socket.close()
            self._ask("GET", f"/json/close/{target['id']}")

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - as above
            text = answer.read().decode()
        return json.loads(text) if text.startswith("{") else text


@contextmanager
def running_browser(command: str, profile: Path) -> Iterator[Browser]:
    """Run a browser without a window.

    Args:
        command: from `find_browser`.
        profile: an empty folder for its files.

    Raises:
        RuntimeError: when it does not start.
    """
    arguments = [command, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with (profile / "stderr.txt").open("wb") as stderr:
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        yield Browser(_port(process, profile))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], profile: Path) -> int:
    """Read where the browser listens, once it has written that down."""
    written = profile / "DevToolsActivePort"
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        if written.exists() and (lines := written.read_text().split()):
            return int(lines[0])
        time.sleep(0.05)
    raise RuntimeError(f"the browser did not start:\n{(profile / 'stderr.txt').read_text()}")
