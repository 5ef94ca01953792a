# SPDX-License-Identifier: Apache-2.0
"""A real browser without a window, driven through the pipe of its DevTools protocol: messages of JSON, each ended by a
zero byte, on descriptors 3 and 4 of the browser's process."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from .limits import PATIENCE, tool


class Navigated(Exception):
    """The page was loaded anew while it was asked."""


class Browser:
    def __init__(self):
        program = tool("chromium")
        self.folder = tempfile.mkdtemp(prefix="browser")
        theirs_in, self.out = os.pipe()
        self.answers, theirs_out = os.pipe()
        # The shell puts the two pipes where the browser looks for them.
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", f"--user-data-dir={self.folder}", "--remote-debugging-pipe"],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self.rest, self.last, self.session = b"", 0, None
        self.events = []

    def _receive(self, deadline):
        while b"\0" not in self.rest:
            left = deadline - time.monotonic()
            assert left > 0, "the browser does not answer"
            if select.select([self.answers], [], [], left)[0]:
                data = os.read(self.answers, 1 << 16)
                assert data, "the browser has ended"
                self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 2 * PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self.last:
                if "navigated" in answer.get("error", {}).get("message", ""):
                    raise Navigated
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(self, url):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=url)

    def value(self, script):
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def _is_true(self, script):
        try:
            return self.value(script)
        except Navigated:
            return False

    def wait(self, script, what):
        """Until the script's value is true."""
        deadline = time.monotonic() + 2 * PATIENCE
        while not self._is_true(script):
            assert time.monotonic() < deadline, f"{what}: {self.value('document.body && document.body.innerText')}"
            select.select([self.answers], [], [], 0.1)

    def complaints(self):
        """What the page's script and its policy had to say."""
        self.value("1")
        return [e for e in self.events if e.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")]

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.answers)
        shutil.rmtree(self.folder, ignore_errors=True)
