"""Drives Debian's Chromium without a window, through its debugging pipe; nothing but Python's own library."""
import base64
import json
import os
import select
import subprocess
import time


class Chromium:
    """One page. Failed requests, refused loads and errors of scripts gather in `faults`, answers in `answers`."""

    def __init__(self, program, folder, width, height, scale=1, touch=False):
        down, up = os.pipe(), os.pipe()
        child = [os.dup(down[0]), os.dup(up[1])]

        def pipes():
            high = [os.dup(f) for f in child]
            high = [f if f > 9 else os.dup2(f, 20 + i) for i, f in enumerate(high)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-pipe",
             f"--user-data-dir={folder}", "about:blank"],
            preexec_fn=pipes, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for f in child + [down[0], up[1]]:
            os.close(f)
        self.to, self.back, self.rest = down[1], up[0], b""
        self.number, self.session, self.faults, self.answers = 0, None, [], []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Network", "Log":
            self.call(domain + ".enable")
        self.size(width, height, scale, touch)

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(20)
        except (OSError, EOFError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
        os.close(self.to)
        os.close(self.back)

    def size(self, width, height, scale=1, touch=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)

    def note(self, m):
        kind, p = m.get("method"), m.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.faults.append("script: " + json.dumps(p["exceptionDetails"])[:400])
        elif kind == "Log.entryAdded" and p["entry"]["level"] == "error":
            self.faults.append("log: " + p["entry"]["text"] + " " + p["entry"].get("url", ""))
        elif kind == "Network.responseReceived":
            self.answers.append((p["response"]["url"], p["response"]["status"]))
            if p["response"]["status"] >= 400:
                self.faults.append(f"{p['response']['status']}: {p['response']['url']}")

    def read(self, until):
        while b"\0" not in self.rest:
            if not select.select([self.back], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.back, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        m = {"id": self.number, "method": method, "params": params}
        if self.session:
            m["sessionId"] = self.session
        os.write(self.to, json.dumps(m).encode() + b"\0")
        until = time.monotonic() + 120
        while True:
            got = self.read(until)
            if got.get("id") != self.number:
                self.note(got)
            elif "error" in got:
                raise RuntimeError(f"{method}: {got['error']}")
            else:
                return got["result"]

    def run(self, script):
        """Value of an expression in the page."""
        got = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(f"{script}: {got['exceptionDetails']}")
        return got["result"].get("value")

    def wait(self, script, what, seconds=60):
        until = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > until:
                raise AssertionError(f"in {seconds} s not: {what} ({script})")
            time.sleep(0.05)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def key(self, key, code=0, text=None):
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def click(self, x, y):
        for kind in "mousePressed", "mouseReleased":
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def tap(self, x, y):
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, selector):
        """Clicks in the middle of what the selector finds."""
        x, y = self.run(f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect();"
                        "return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        self.click(x, y)

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
        return path
