"""Models on the simulated GPU: the server as any other program that uses it."""

import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import serving  # noqa: E402


def values(rows, width=4):
    return {"name": "INPUT0", "shape": [rows, width], "datatype": "FP32",
            "data": [i + 0.5 for i in range(rows * width)]}


class OnTheSimulatedGpu(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cleanups = unittest.TestCase()
        cls.node = serving.SimulatedNode(cls.cleanups)

    @classmethod
    def tearDownClass(cls):
        cls.cleanups.doCleanups()

    def serve(self, *models, **more):
        return serving.Server(self, *models, env=self.node.env, **more)

    def test_what_goes_through_device_memory_comes_back(self):
        server = self.serve("m=synthetic,width=4,kernels=4,takes=200us,row=50us,max-batch=4")
        for rows in (1, 4, 2):
            status, body = server.post("/v2/models/m/infer", {"inputs": [values(rows)]})
            self.assertEqual(status, 200, body)
            self.assertEqual(body["outputs"][0]["data"], values(rows)["data"])

    def test_out_of_memory_fails_the_request_and_the_server_stays(self):
        server = self.serve("m=synthetic,width=4,workspace=30GiB,max-batch=4")
        status, body = server.post("/v2/models/m/infer", {"inputs": [values(4)]})
        self.assertEqual(status, 500)
        self.assertIn("OUT_OF_MEMORY", body["error"])
        self.assertEqual(server.get("/v2/health/ready")[0], 200)
        status, body = server.post("/v2/models/m/infer", {"inputs": [values(1)]})
        self.assertEqual(status, 200, body)

    def test_tokens(self):
        server = self.serve("t=synthetic-text,kernels=4,takes=300us,prompt-token=5us,context=100")
        status, body = server.post("/v2/models/t/generate",
                                   {"text_input": "x" * 50, "max_tokens": 28})
        self.assertEqual((status, body["text_output"]), (200, "abcdefghijklmnopqrstuvwxyzab"))
        status, body = server.post("/v2/models/t/generate",
                                   {"text_input": "x" * 50, "max_tokens": 51})
        self.assertEqual(status, 400, body)

    def test_two_models_share_the_gpu(self):
        server = self.serve("a=synthetic,width=4", "b=synthetic-text,kernels=4,takes=300us")
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.request("POST", "/v2/models/b/generate_stream",
                           json.dumps({"text_input": "x", "max_tokens": 200}))
        response = connection.getresponse()
        self.assertEqual(server.post("/v2/models/a/infer", {"inputs": [values(1)]})[0], 200)
        self.assertEqual(len(list(serving.events(response))), 200)


class WithoutAGpu(unittest.TestCase):
    def test_the_program_says_so_with_exit_code_3(self):
        server = serving.Server(self, "m=synthetic", ends=True,
                                env=os.environ | {"CORUN_DRIVER_DIR": "/nonexistent"})
        self.assertEqual(server.exit_code(), 3)
        self.assertIn("error", server.lines[-1])

    def test_work_that_takes_no_time_is_a_usage_error(self):
        server = serving.Server(self, "m=synthetic,takes=0s", ends=True)
        self.assertEqual(server.exit_code(), 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
