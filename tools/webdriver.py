"""A small client of chromedriver (https://www.w3.org/TR/webdriver2/): enough to open a page, run a
script in it, and take a picture. Only Debian's chromium and chromium-driver are needed."""

import base64
import contextlib
import json
import re
import subprocess
import tempfile
import urllib.request

# No sandbox, because CI runs as root; nothing else than the given page is ever opened.
CHROMIUM_OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--disable-quic", "--hide-scrollbars"]


class Browser:
    """One browser window. Use `open_browser`."""

    def __init__(self, base, profile):
        self._base = base
        options = {"args": CHROMIUM_OPTIONS + [f"--user-data-dir={profile}"]}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options,
                        "goog:loggingPrefs": {"browser": "ALL"}}
        reply = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._window = "/session/" + reply["sessionId"]

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["value"]

    def size(self, width, height):
        self._call("POST", self._window + "/window/rect", {"width": width, "height": height})

    def open(self, url):
        """Returns when the page has loaded."""
        self._call("POST", self._window + "/url", {"url": url})

    def run(self, script):
        """The value that `script` returns (with `return`)."""
        return self._call("POST", self._window + "/execute/sync", {"script": script, "args": []})

    def scheme(self, name):
        """Shows pages as a reader who prefers "light" or "dark" sees them."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self._call("POST", self._window + "/goog/cdp/execute",
                   {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def messages(self):
        """The console's entries since the last call: [{level, message}]."""
        return self._call("POST", self._window + "/se/log", {"type": "browser"})

    def picture(self):
        """PNG bytes of the window."""
        return base64.b64decode(self._call("GET", self._window + "/screenshot"))

    def close(self):
        self._call("DELETE", self._window)


@contextlib.contextmanager
def open_browser():
    """A Browser with a profile of its own; closed and cleaned up at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        try:
            found = (re.search(r"started successfully on port (\d+)", line)
                     for line in driver.stdout)
            port = next((match.group(1) for match in found if match), None)
            if port is None:
                raise RuntimeError("chromedriver ended without naming its port")
            browser = Browser(f"http://127.0.0.1:{port}", profile)
            try:
                yield browser
            finally:
                browser.close()
        finally:
            driver.terminate()
            driver.wait()
            driver.stdout.close()
