"""`corun top` in a real terminal (tmux): keys, sizes, and the terminal as it was on every way out.

  tmux_test.py BUILD_DIR     exits with 77 where tmux is missing
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path("build")
PATIENCE_S = 20


class Screen:
    """A tmux server of our own with one window."""

    def __init__(self, folder, columns, rows):
        self.socket = str(folder / "tmux")
        self.folder = folder
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "env PS1='ready$ ' bash --norc --noprofile")
        self.wait_for("ready$")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], check=True, text=True,
                              capture_output=True).stdout

    def text(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def wait_for(self, what, gone=False):
        """The text of the screen once `what` is (not) there."""
        until = time.monotonic() + PATIENCE_S
        while True:
            text = self.text()
            if (what in text) != gone:
                return text
            if time.monotonic() > until:
                raise AssertionError(f"'{what}' {'stays' if gone else 'does not come'}:\n{text}")
            time.sleep(0.05)

    def top(self, options=""):
        """Starts corun top, with its PID in a file."""
        program = BUILD / "bin" / "corun"
        self.keys(f"sh -c 'echo $$ > {self.folder}/pid; exec {program} top --gpu simulated "
                  f"--every 200ms {options}'", "Enter")
        return self.wait_for("q end")

    def pid(self):
        return int((self.folder / "pid").read_text())

    def close(self):
        self.tmux("kill-server")


class TopInTmux(unittest.TestCase):
    def setUp(self):
        self.kept = tempfile.TemporaryDirectory()
        os.environ["XDG_RUNTIME_DIR"] = self.kept.name
        self.screen = Screen(pathlib.Path(self.kept.name), 80, 24)

    def tearDown(self):
        self.screen.close()
        self.kept.cleanup()

    def assert_given_back(self):
        """The shell's screen is back, and the terminal echoes and shows its cursor."""
        self.screen.wait_for("q end", gone=True)
        self.screen.keys("stty -a | grep -o ' -*echo ' | tr -d ' '; echo an''swer", "Enter")
        text = self.screen.wait_for("answer")
        self.assertIn("\necho\n", text)
        self.assertEqual(self.screen.tmux("display", "-p", "#{cursor_flag}").strip(), "1")
        self.assertEqual(self.screen.tmux("display", "-p", "#{alternate_on}").strip(), "0")

    def test_keys_and_sizes(self):
        screen = self.screen
        text = screen.top()
        self.assertIn("SIMULATED", text)
        self.assertIn("GPU 0", text)
        screen.keys("s")
        screen.wait_for("s sort: gpu")
        screen.keys("Left")
        screen.wait_for("s sort: memory")
        screen.keys("?")
        screen.wait_for("send SIGTERM to the chosen process")
        screen.keys("Escape")
        screen.wait_for("q end  s sort")
        screen.keys("/", "x", "y")
        screen.wait_for("filter: xy_")
        screen.keys("Enter")
        screen.wait_for("filter: xy")
        screen.wait_for("No process matches")
        screen.keys("Space")
        screen.wait_for("PAUSED")
        screen.tmux("resize-window", "-x", "120", "-y", "40")
        lines = screen.wait_for("no corund                               MEM").splitlines()
        self.assertIn("q end", lines[39])
        screen.tmux("resize-window", "-x", "60", "-y", "12")
        until = time.monotonic() + PATIENCE_S
        while not any("q end" in line for line in screen.text().splitlines()[11:12]):
            self.assertLess(time.monotonic(), until, screen.text())
            time.sleep(0.05)
        screen.keys("q")
        self.assert_given_back()

    def test_colours_only_where_they_are_wanted(self):
        self.screen.top()
        self.assertIn("\x1b[32m", self.screen.text("-e"))
        self.screen.keys("q")
        self.screen.wait_for("q end", gone=True)
        self.screen.keys("export NO_COLOR=1; clear", "Enter")
        self.screen.top()
        self.assertNotIn("\x1b[32m", self.screen.text("-e"))
        self.screen.keys("C-c")
        self.assert_given_back()

    def test_signals_give_the_terminal_back(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV, signal.SIGQUIT):
            self.screen.keys("clear", "Enter")
            self.screen.top()
            os.kill(self.screen.pid(), number)
            self.assert_given_back()

    def test_a_process_is_ended_after_a_yes_only(self):
        # Both live in one workload of a simulated node of their own.
        self.screen.keys(f"PATH={(BUILD / 'bin').resolve()}:$PATH; clear", "Enter")
        self.screen.keys("corun run --gpu simulated --name job -- sh -c '"
                         "corun-synthetic notebook --duration 90s >/dev/null 2>&1 & "
                         "corun top --every 200ms; kill $! 2>/dev/null; wait'", "Enter")
        text = self.screen.wait_for("host · job")
        self.assertRegex(text, r"job +normal")
        self.assertRegex(text, r"\d+ .* corun-synthetic notebook")
        self.screen.keys("k")
        self.screen.wait_for("no process is chosen")
        self.screen.keys("/", "n", "o", "t", "e", "Enter", "Down", "k")
        self.screen.wait_for("Send SIGTERM to")
        self.screen.keys("n")
        self.screen.wait_for("no signal was sent")
        self.screen.keys("k")
        self.screen.wait_for("Send SIGTERM to")
        self.screen.keys("y")
        self.screen.wait_for("No process matches")
        self.screen.keys("q")
        self.assert_given_back()

    def test_ctrl_z_stops_and_fg_goes_on(self):
        self.screen.top()
        self.screen.keys("C-z")
        self.assert_given_back()
        self.screen.keys("fg", "Enter")
        self.screen.wait_for("q end")
        self.screen.keys("q")
        self.assert_given_back()


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("tmux_test: not run: tmux is not installed")
        sys.exit(77)
    unittest.main()
