# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven over a pipe by the DevTools protocol: no port, no library. CHROMIUM names another one."""
import base64
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading

from processes import PATIENCE, _die_with_parent, wait_for

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--remote-debugging-pipe", "--lang=en-GB"]


START = 5 * PATIENCE  # seconds; a hundred megabytes may have to be read first


class Navigated(AssertionError):
    pass


class Thrown(AssertionError):
    """By an expression in the page."""


class Browser:
    """One browser with one tab. `errors` collects what the page reports: exceptions, console errors, refused content."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="sensorgw-chromium-")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def prepare():  # the protocol's pipes are descriptors 3 and 4
            _die_with_parent()
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(a, 3)
            os.dup2(b, 4)
        # pylint: disable=consider-using-with
        self.popen = subprocess.Popen([CHROMIUM, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"], preexec_fn=prepare,
                                      close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = ours_out
        self._answers, self._last, self._lock = {}, 0, threading.Lock()
        self.events, self.errors, self.session = [], [], None
        threading.Thread(target=self._read, args=(ours_in,), daemon=True).start()
        tab = wait_for("a tab", lambda: [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"], START)[0]
        self.session = self.call("Target.attachToTarget", targetId=tab["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _read(self, fd):
        with os.fdopen(fd, "rb") as pipe:
            rest = b""
            while chunk := pipe.read1(65536):
                *messages, rest = (rest + chunk).split(b"\0")
                for message in messages:
                    self._take(json.loads(message))

    def _take(self, message):
        if "id" in message:
            self._answers[message["id"]].put(message)
            return
        method, params = message["method"], message["params"]
        self.events.append((method, params))
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(str(params["args"]))

    def call(self, method, **params):
        with self._lock:
            self._last += 1
            number, answer = self._last, queue.Queue()
            self._answers[number] = answer
            message = {"id": number, "method": method, "params": params}
            if self.session:
                message["sessionId"] = self.session
            os.write(self._out, json.dumps(message).encode() + b"\0")
        got = answer.get(timeout=PATIENCE if self.session else START)
        if got.get("error", {}).get("code") == -32000 and ("navigated" in got["error"]["message"] or "context" in got["error"]["message"]):
            raise Navigated(got["error"]["message"])
        if "error" in got:
            raise AssertionError(f"{method}: {got['error']}")
        return got["result"]

    def open(self, url):
        self.call("Page.navigate", url=url)

    def run(self, script):
        """The value of an expression in the page; promises are waited for. None when the page changes meanwhile."""
        try:
            got = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        except Navigated:
            return None
        if "exceptionDetails" in got:
            raise Thrown(f"{script}: {got['exceptionDetails'].get('exception', {}).get('description')}")
        return got["result"].get("value")

    def wait(self, what, script):
        """Waits until the expression is true (in Python too: an element is not); its value. One that throws is not: what it asks for
        may not be there yet."""
        thrown = None

        def holds():
            nonlocal thrown
            try:
                return self.run(script)
            except Thrown as e:
                thrown = e
                return None
        try:
            return wait_for(what, holds)
        except AssertionError as e:
            raise AssertionError(f"{e}\nshown: {self.text()}\nerrors: {self.errors}\nthrown: {thrown}") from e

    def click(self, selector):
        """What is there is clicked in the same step: the page may make its elements anew at any time."""
        self.wait(selector, f"(document.querySelector({json.dumps(selector)}).click(), true)")

    def focus(self, selector):
        self.wait(selector, f"(document.querySelector({json.dumps(selector)}).focus(), true)")

    def key(self, key):
        codes = {"Escape": 27, "Tab": 9, "Enter": 13}  # what the browser itself acts on goes by number
        text = {"text": "\r"} if key == "Enter" else {}  # which is what presses a button
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes.get(key, 0), **(text if kind == "keyDown" else {}))

    def type(self, selector, text):
        self.focus(selector)
        self.call("Input.insertText", text=text)

    def text(self, selector="body"):
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def look(self, width, height, scheme="light", scale=1):
        """Size of the window and preferred colours; nothing moves, so that what is measured is not half-way to another colour."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme},
                                                          {"name": "prefers-reduced-motion", "value": "reduce"}])

    def screenshot(self, path, full=False):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.popen.wait(PATIENCE)
        except (OSError, queue.Empty, subprocess.TimeoutExpired):
            self.popen.kill()
            self.popen.wait()
        os.close(self._out)
        shutil.rmtree(self.profile, ignore_errors=True)
