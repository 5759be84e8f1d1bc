"""corun-inference under a harness: rows of what it answered in a window."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import serving  # noqa: E402


class Rows(unittest.TestCase):
    def serve(self, *models):
        node = serving.SimulatedNode(self)
        harness = serving.Harness(self, node.env)
        server = serving.Server(self, *models, env=harness.env)
        harness.until("initialised")
        return harness, server

    def test_requests_of_a_window_and_their_checksum(self):
        harness, server = self.serve("m=synthetic,width=2,kernels=4,takes=200us")
        ready = harness.warm()
        self.assertEqual((ready["kind"], ready["unit"]), ("inference", "requests/s"))
        self.assertGreater(ready["rate"], 0)
        harness.start(seconds=1.5)
        harness.until("progress")
        body = {"inputs": [{"name": "INPUT0", "shape": [1, 2], "datatype": "FP32",
                            "data": [1, 2]}]}
        for _ in range(9):
            self.assertEqual(server.post("/v2/models/m/infer", body)[0], 200)
        self.assertEqual(server.post("/v2/models/m/infer", {})[0], 400)
        messages = harness.until("done")
        done = messages[-1]
        self.assertEqual((done["items"], done.get("unanswered", 0)), (9, 0))
        self.assertTrue(done["checksum_ok"])
        self.assertGreater(done["memory_bytes"], 0)
        requests = [m for m in messages if m["type"] == "requests"]
        self.assertEqual(sum(len(m["end_us"]) for m in requests), 9)
        for message in requests:
            for scheduled, start, end in zip(message["scheduled_us"], message["start_us"],
                                             message["end_us"], strict=True):
                self.assertTrue(0 <= scheduled <= start < end)
        harness.send(cmd="stop")
        self.assertEqual(server.exit_code(), 0)

    def test_a_text_model_counts_tokens(self):
        harness, server = self.serve("t=synthetic-text,kernels=4,takes=300us,prompt-token=5us")
        self.assertEqual(harness.warm()["unit"], "tokens/s")
        harness.start(seconds=1)
        harness.until("progress")
        for tokens in (3, 4):
            server.post("/v2/models/t/generate", {"text_input": "x", "max_tokens": tokens})
        self.assertEqual(harness.until("done")[-1]["items"], 7)

    def test_a_harness_that_is_gone_ends_it(self):
        harness, server = self.serve("m=echo")
        harness.control.write("no command\n")
        self.assertEqual(json.loads(harness.rows.readline())["type"], "error")
        self.assertEqual(server.exit_code(), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
