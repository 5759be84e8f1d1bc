"""corun-infer-torch on the processor, over HTTP: networks, text, TorchScript files, failures."""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "inference"))
import serving  # noqa: E402

PROGRAM = "corun-infer-torch"
TINY = ["--size", "tiny", "--device", "cpu"]
PROMPTS = ["a prompt", "b", "another prompt that is longer than the others", "..."]


def values_for(spec, rows, first):
    """Whole numbers in the shape of a model's input, which differ from row to row."""
    shape = [rows] + spec["shape"][1:]
    count = 1
    for size in shape:
        count *= size
    return {"name": spec["name"], "datatype": spec["datatype"], "shape": shape,
            "data": [(first + 31 * i) % 97 for i in range(count)]}


def rows_of(value, row):
    """One row of values_for()."""
    each = len(value["data"]) // value["shape"][0]
    return value | {"shape": [1] + value["shape"][1:],
                    "data": value["data"][row * each:(row + 1) * each]}


class Networks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cleanups = unittest.TestCase()
        cls.server = serving.Server(
            cls.cleanups, "resnet50", "bert-base,max-batch=4", "vit-b16,dtype=bf16", "dlrm",
            "memory=dlrm,workspace=100TiB", "text=llama-8b,max-batch=3",
            "chunks=llama-8b,chunk=5", "echo", options=TINY, program=PROGRAM)

    @classmethod
    def tearDownClass(cls):
        cls.cleanups.doCleanups()

    def infer(self, model, inputs):
        status, body = self.server.post(f"/v2/models/{model}/infer", {"inputs": inputs})
        self.assertEqual(status, 200, body)
        return body["outputs"][0]

    def test_a_batch_is_its_rows(self):
        for model in ("resnet50", "bert-base", "vit-b16", "dlrm"):
            metadata = self.server.get(f"/v2/models/{model}")[1]
            inputs = [values_for(spec, 3, 5) for spec in metadata["inputs"]]
            batch = self.infer(model, inputs)
            self.assertEqual(batch["shape"], [3] + metadata["outputs"][0]["shape"][1:])
            singles = []
            for row in range(3):
                singles += self.infer(model, [rows_of(value, row) for value in inputs])["data"]
            near = 0.1 if model == "vit-b16" else 1e-3  # in 16 bits sums differ sooner
            for together, alone in zip(batch["data"], singles):
                self.assertAlmostEqual(together, alone, delta=near * max(1, abs(alone)))

    def test_a_token_that_does_not_exist_is_refused(self):
        tokens = {"name": "TOKENS", "datatype": "INT64", "shape": [1, 16], "data": [256] * 16}
        status, body = self.server.post("/v2/models/bert-base/infer", {"inputs": [tokens]})
        self.assertEqual(status, 400)
        self.assertIn("has the value 256; model 'bert-base' takes 0 to 255", body["error"])

    def test_want_of_memory_fails_the_request_and_the_server_stays(self):
        specs = self.server.get("/v2/models/memory")[1]["inputs"]
        request = {"inputs": [values_for(spec, 8, 1) for spec in specs]}
        status, body = self.server.post("/v2/models/memory/infer", request)
        self.assertEqual(status, 500)
        self.assertIn("model 'memory': ", body["error"])
        self.assertIn("allocate", body["error"])
        self.assertNotIn("\n", body["error"])
        self.assertEqual(self.server.get("/v2/health/ready")[0], 200)
        self.infer("dlrm", request["inputs"])

    def generate(self, model, prompt, tokens=20):
        status, body = self.server.post(f"/v2/models/{model}/generate",
                                        {"text_input": prompt, "max_tokens": tokens})
        self.assertEqual(status, 200, body)
        self.assertEqual(len(body["text_output"]), tokens)
        return body["text_output"]

    def test_texts_together_are_texts_alone(self):
        alone = [self.generate("text", prompt) for prompt in PROMPTS]
        self.assertEqual(len(set(alone)), len(alone))
        with concurrent.futures.ThreadPoolExecutor(len(PROMPTS)) as pool:
            together = list(pool.map(lambda prompt: self.generate("text", prompt), PROMPTS))
        self.assertEqual(together, alone)
        self.assertEqual([self.generate("chunks", prompt) for prompt in PROMPTS], alone)

    def test_a_stream_is_the_text_token_by_token(self):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.request("POST", "/v2/models/text/generate_stream",
                           json.dumps({"text_input": PROMPTS[0], "max_tokens": 12}))
        tokens = [event["text_output"] for event in serving.events(connection.getresponse())]
        self.assertEqual(len(tokens), 12)
        self.assertEqual("".join(tokens), self.generate("text", PROMPTS[0], 12))

    def test_a_text_beyond_the_context_is_refused(self):
        status, body = self.server.post("/v2/models/text/generate",
                                        {"text_input": "x" * 250, "max_tokens": 7})
        self.assertEqual(status, 400)
        self.assertIn("takes 256 together", body["error"])


class Files(unittest.TestCase):
    """What a file itself can be wrong in: script_test.cc."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, source):
        path = self.folder / name
        subprocess.run([serving.BUILD / "tests" / "write_script", path, source], check=True)
        return path

    def refused(self, code, says, *words):
        ran = subprocess.run([serving.BUILD / "bin" / PROGRAM, "--port", "0", *words], text=True,
                             capture_output=True, env={"CUDA_VISIBLE_DEVICES": ""},
                             timeout=serving.PATIENCE_S)
        self.assertEqual(ran.returncode, code, ran.stderr)
        last = ran.stderr.splitlines()[-1]
        self.assertRegex(last, "^corun: error: .*" + re.escape(says))

    def test_files_are_served(self):
        pair = self.write("pair.pt", "def forward(self, x, n):\n"
                                     "    return x * 2 + n.sum(1, keepdim=True), n")
        pair.with_suffix(".json").write_text(json.dumps({"inputs": [
            {"name": "x", "datatype": "FP32", "shape": [3]},
            {"name": "n", "datatype": "INT64", "shape": [2], "below": 10}]}))
        free = self.write("free.pt", "def forward(self, x):\n    return x.cumsum(1)")
        typed = self.write("typed.pt", "def forward(self, x):\n    return x * self.weight")
        self.server = serving.Server(
            self, f"pair={pair}", f"free={free}", f"wide={typed},inputs=FP32:3",
            f"narrow={typed},inputs=FP32:3,dtype=bf16", options=["--device", "cpu"],
            program=PROGRAM)
        self.check_a_file_and_its_description()
        for count in (3, 5):
            self.assertEqual(self.infer("free", [1.0] * count), list(range(1, count + 1)))
        self.assertEqual(self.infer("wide", [1, 10, 257]), [1, 20, 771])
        self.assertEqual(self.infer("narrow", [1, 10, 257]), [1, 20, 768])  # 257 is 256 there

    def infer(self, model, data):
        value = {"name": "INPUT0", "datatype": "FP32", "shape": [1, len(data)], "data": data}
        status, body = self.server.post(f"/v2/models/{model}/infer", {"inputs": [value]})
        self.assertEqual(status, 200, body)
        return body["outputs"][0]["data"]

    def check_a_file_and_its_description(self):
        metadata = self.server.get("/v2/models/pair")[1]
        self.assertEqual(metadata["outputs"], [
            {"name": "OUTPUT0", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "OUTPUT1", "datatype": "INT64", "shape": [-1, 2]}])
        request = {"inputs": [
            {"name": "x", "datatype": "FP32", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]},
            {"name": "n", "datatype": "INT64", "shape": [2, 2], "data": [1, 2, 3, 4]}]}
        status, body = self.server.post("/v2/models/pair/infer", request)
        self.assertEqual(status, 200, body)
        self.assertEqual(body["outputs"][0]["data"], [5, 7, 9, 15, 17, 19])
        self.assertEqual(body["outputs"][1]["data"], [1, 2, 3, 4])
        request["inputs"][1]["data"] = [1, 2, 3, 10]
        self.assertEqual(self.server.post("/v2/models/pair/infer", request)[0], 400)

    def test_what_is_no_file_of_its_kind(self):
        path = self.folder / "mine.pt"
        path.write_bytes(b"no archive")
        self.refused(2, "mine.pt", "--model", f"m={path}")

    def test_what_this_machine_cannot_do(self):
        self.refused(3, "no GPU", "--model", "m=vit-b16,size=tiny,device=cuda")


class Measured(unittest.TestCase):
    def test_a_line_a_model(self):
        command = [serving.BUILD / "bin" / PROGRAM, *TINY, "--measure", "100ms", "--model",
                   "a=dlrm,max-batch=2", "--model", "b=llama-8b,max-batch=1"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True,
                             timeout=serving.PATIENCE_S)
        first, second = map(json.loads, ran.stdout.splitlines())
        self.assertEqual((first["model"], first["kind"], first["rows"]), ("a", "dlrm", 2))
        self.assertGreater(first["items_per_s"], 0)
        self.assertGreater(second["step_bytes"], second["weight_bytes"] // 2)
        self.assertAlmostEqual(second["of_copy_bandwidth"] * second["copy_bytes_per_s"],
                               second["items_per_s"] * second["step_bytes"],
                               delta=second["step_bytes_per_s"] * 1e-6)


class Rows(unittest.TestCase):
    def test_text_as_a_workload(self):
        harness = serving.Harness(self)
        server = serving.Server(self, "t=llama-1b", options=TINY, program=PROGRAM, env=harness.env)
        harness.warm()
        harness.start(0.3)
        connection = server.connect()
        self.addCleanup(connection.close)
        for _ in range(3):
            connection.request("POST", "/v2/models/t/generate", '{"text_input": "x"}')
            connection.getresponse().read()
        done = harness.until("done")[-1]
        self.assertTrue(done["checksum_ok"], done)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
