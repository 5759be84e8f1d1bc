"""corun-load and corun-inference over loopback: what a window tells, and what goes wrong."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import serving  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
SERVER = ["--", "corun-inference", "--port", "{port}", "--model"]


def program(name):
    return serving.BUILD / "bin" / name


class Rows(unittest.TestCase):
    def load(self, *words):
        """A generator under a harness, warm."""
        harness = serving.Harness(self)
        child = subprocess.Popen([program("corun-load"), *words], env=harness.env,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        harness.until("initialised")
        self.ready = harness.warm()
        return harness

    def window(self, harness, seconds, seed=7):
        """(the done line, all requests as (scheduled, start, end), the notes) of one window."""
        harness.start(seconds=seconds, seed=seed)
        messages = harness.until("done")
        requests = []
        for message in messages:
            if message["type"] == "requests":
                requests += zip(message["scheduled_us"], message["start_us"], message["end_us"],
                                strict=True)
        notes = [message["text"] for message in messages if message["type"] == "note"]
        return messages[-1], requests, notes

    def test_requests_are_sent_on_time_and_each_is_accounted_for(self):
        harness = self.load("--model", "m", "--rate", "400", "--same-answers", "--slo", "10s",
                            *SERVER, "m=echo")
        self.assertEqual((self.ready["kind"], self.ready["unit"]), ("inference", "requests/s"))
        done, requests, notes = self.window(harness, 0.5)
        self.assertEqual((done["items"], done.get("unanswered", 0)), (len(requests), 0))
        self.assertTrue(done["checksum_ok"])
        self.assertGreater(len(requests), 100)
        for scheduled, start, end in requests:
            self.assertTrue(0 <= scheduled <= start < end)
        self.assertTrue(any(note.startswith("generator lag: p50") for note in notes), notes)
        self.assertTrue(any(note.startswith("goodput: ") for note in notes), notes)
        again = self.window(harness, 0.5)[1]
        self.assertEqual(sorted(r[0] for r in again), sorted(r[0] for r in requests))
        harness.send(cmd="stop")

    def test_what_the_server_refuses_is_told(self):
        harness = self.load("--model", "m", "--rate", "300", "--arrivals", "constant",
                            "--connections", "16", *SERVER,
                            "m=echo,takes=50ms,queue=1,max-batch=1")
        done, requests, notes = self.window(harness, 0.4)
        self.assertGreater(done["unanswered"], 0)
        self.assertEqual(len(requests) + done["unanswered"], 120)
        self.assertIn(f"refused: {done['unanswered']} of 120 requests with status 429, to be sent "
                      "again after 1 s at most; none was", notes)

    def test_a_trace_is_replayed_with_its_tokens(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as trace:
            trace.write("TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                        "2023-11-16 18:00:00.0000000,5,3\r\n2023-11-16 18:00:00.5000000,900,11\r\n"
                        "2023-11-16 18:00:01.0000000,7,1\r\n2023-11-16 19:00:00.0000000,7,1")
            trace.flush()
            harness = self.load("--model", "t", "--text", "--trace", trace.name, "--trace-speed",
                                "10", *SERVER, "t=repeat")
        self.assertEqual(self.ready["unit"], "tokens/s")
        done, requests, notes = self.window(harness, 0.3)
        self.assertEqual([round(r[0]) for r in requests], [0, 50_000, 100_000])
        self.assertEqual((done["items"], done.get("unanswered", 0)), (15, 0))
        self.assertIn("tokens: 50.0/s", notes)


class Trouble(unittest.TestCase):
    def fails(self, code, says, *words):
        ran = subprocess.run([program("corun-load"), *words], capture_output=True, text=True,
                             timeout=serving.PATIENCE_S)
        self.assertEqual(ran.returncode, code, ran.stderr)
        self.assertRegex(ran.stderr, says)

    def test_servers_that_do_not_serve(self):
        self.fails(1, r"127.0.0.1:1 is not ready after 30 ms: .*refused.*--ready-within",
                   "--model", "m", "--url", "http://127.0.0.1:1", "--ready-within", "30ms")
        self.fails(1, r"the server ended \(exit code 1\)", "--model", "m", "--",
                   "sh", "-c", "exit 1", "{port}")
        self.fails(3, r"the server ended \(exit code 3\)", "--model", "m", "--",
                   "sh", "-c", "exit 3", "{port}")
        self.fails(1, r"/v2/models/other: status 404.*--model", "--model", "other", *SERVER,
                   "m=echo")
        self.fails(2, r"no --model is given")

    def test_a_server_that_dies_amid_a_window_does_not_hang_it(self):
        server = serving.Server(self, "m=echo")
        harness = serving.Harness(self)
        child = subprocess.Popen([program("corun-load"), "--model", "m", "--url",
                                  f"http://127.0.0.1:{server.port}"], env=harness.env,
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.stderr.close)
        harness.until("initialised")
        harness.warm()
        harness.start(seconds=30)
        harness.until("progress")
        server.child.kill()
        with self.assertRaisesRegex(AssertionError, "cannot connect|takes no requests"):
            harness.until("done")
        self.assertEqual(child.wait(serving.PATIENCE_S), 1)


class Help(unittest.TestCase):
    def test_help_texts(self):
        """UPDATE=1 in the environment rewrites the golden files."""
        for name in ("corun-load", "corun-inference"):
            text = subprocess.run([program(name), "--help"], capture_output=True, text=True,
                                  check=True).stdout
            path = GOLDEN / f"help-{name}.txt"
            if os.environ.get("UPDATE") == "1":
                path.write_text(text)
            self.assertEqual(text, path.read_text())
            widest = max(len(line) for line in text.splitlines())
            self.assertLessEqual(widest, 100, re.escape(name))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
