"""corun-inference and an independent HTTP client: the protocol's published examples, every kind of
wrong request, full queues, deadlines, streams, draining."""

import concurrent.futures
import json
import pathlib
import socket
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import serving  # noqa: E402

MYMODEL = "mymodel=echo,tensors=UINT32:2x2+BOOL:3,max-batch=0"
OCTETS = {"Content-Type": "application/octet-stream"}


def fp32(name, values, shape=None):
    return {"name": name, "shape": shape or [len(values)], "datatype": "FP32", "data": values}


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cleanups = unittest.TestCase()
        cls.server = serving.Server(cls.cleanups, MYMODEL, "simple=add,max-batch=8",
                                    "rows=echo,tensors=FP32:2,max-batch=4",
                                    "half=echo,tensors=FP16:2",
                                    "words=echo,tensors=BYTES:2,max-batch=0", "talk=repeat",
                                    options=["--max-body", "100KiB"])

    @classmethod
    def tearDownClass(cls):
        cls.cleanups.doCleanups()

    def error(self, status, says, method, path, body=None, headers=None):
        got, kind, answer = self.server.request(method, path, body, headers)
        self.assertEqual(got, status, answer)
        self.assertEqual(kind["Content-Type"], "application/json")
        text = json.loads(answer)["error"]
        self.assertIn(says, text)
        self.assertNotIn("\n", text)

    def test_server_metadata(self):
        status, body = self.server.get("/v2")
        self.assertEqual(status, 200)
        self.assertEqual(body["name"], "corun-inference")
        self.assertIn("binary_tensor_data", body["extensions"])

    def test_health(self):
        self.assertEqual(self.server.get("/v2/health/live"), (200, {"live": True}))
        self.assertEqual(self.server.get("/v2/health/ready"), (200, {"ready": True}))
        for path in ("/v2/models/simple/ready", "/v2/models/simple/versions/1/ready"):
            self.assertEqual(self.server.get(path), (200, {"name": "simple", "ready": True}))

    def test_model_metadata(self):
        for path in ("/v2/models/simple", "/v2/models/simple/versions/1"):
            status, body = self.server.get(path)
            self.assertEqual(status, 200)
            self.assertEqual(body["inputs"][0],
                             {"name": "INPUT0", "datatype": "INT32", "shape": [-1, 16]})
            self.assertEqual(body["versions"], ["1"])

    def test_the_published_json_example(self):
        # The published one gives one element for the second input's three; here there are three.
        status, body = self.server.post("/v2/models/mymodel/infer", {
            "id": "42",
            "inputs": [
                {"name": "INPUT0", "shape": [2, 2], "datatype": "UINT32", "data": [1, 2, 3, 4]},
                {"name": "INPUT1", "shape": [3], "datatype": "BOOL", "data": [True, False, True]},
            ],
            "outputs": [{"name": "OUTPUT0"}],
        })
        self.assertEqual(status, 200)
        self.assertEqual(body, {
            "model_name": "mymodel", "model_version": "1", "id": "42",
            "outputs": [{"name": "OUTPUT0", "datatype": "UINT32", "shape": [2, 2],
                         "data": [1, 2, 3, 4]}]})

    def test_the_published_binary_example(self):
        header = json.dumps({
            "model_name": "mymodel",
            "inputs": [
                {"name": "INPUT0", "shape": [2, 2], "datatype": "UINT32",
                 "parameters": {"binary_data_size": 16}},
                {"name": "INPUT1", "shape": [3], "datatype": "BOOL",
                 "parameters": {"binary_data_size": 3}},
            ],
            "outputs": [{"name": "OUTPUT0", "parameters": {"binary_data": True}}],
        }).encode()
        data = struct.pack("<4I", 5, 6, 7, 8) + b"\0\1\1"
        status, headers, body = self.server.request(
            "POST", "/v2/models/mymodel/infer", header + data,
            OCTETS | {"Inference-Header-Content-Length": str(len(header))})
        self.assertEqual(status, 200, body)
        self.assertEqual(headers["Content-Type"], "application/octet-stream")
        length = int(headers["Inference-Header-Content-Length"])
        answer = json.loads(body[:length])
        self.assertEqual(answer["outputs"][0]["parameters"], {"binary_data_size": 16})
        self.assertEqual(body[length:], data[:16])

    def test_a_batch_of_the_example_model(self):
        rows = [list(range(16)), [-1] * 16]
        inputs = [{"name": name, "shape": [2, 16], "datatype": "INT32", "data": rows}
                  for name in ("INPUT0", "INPUT1")]
        status, body = self.server.post("/v2/models/simple/versions/1/infer", {"inputs": inputs})
        self.assertEqual(status, 200, body)
        sums, differences = body["outputs"]
        self.assertEqual(sums["data"], [2 * x for x in rows[0]] + [-2] * 16)
        self.assertEqual(differences["data"], [0] * 32)

    def test_strings_come_back(self):
        status, body = self.server.post("/v2/models/words/infer", {"inputs": [
            {"name": "INPUT0", "shape": [2], "datatype": "BYTES", "data": ["gr\u00fcn", ""]}]})
        self.assertEqual((status, body["outputs"][0]["data"]), (200, ["gr\u00fcn", ""]))

    def test_wrong_requests(self):
        good = {"inputs": [fp32("INPUT0", [1, 2], [1, 2])]}

        def but(**changes):
            return json.dumps({"inputs": [good["inputs"][0] | changes]})

        path = "/v2/models/rows/infer"
        for says, body in [
            ("not JSON", "{"),
            ("not JSON", ""),
            ("'inputs' is missing", "{}"),
            ("'name' is missing", json.dumps({"inputs": [{}]})),
            ("input 'INPUT0' is missing", json.dumps({"inputs": []})),
            ("takes no input 'X'", json.dumps({"inputs": good["inputs"] + [fp32("X", [1])]})),
            ("datatype is FP64, the model takes FP32", but(datatype="FP64")),
            ("unknown datatype 'FP7'", but(datatype="FP7")),
            ("shape is [2,1], the model takes [-1,2]", but(shape=[2, 1])),
            ("'data' has 2 elements", but(shape=[2, 2])),
            ("is no FP32", but(data=[1, "a"])),
            ("batch size 5", but(shape=[5, 2], data=[0] * 10)),
            ("has no output 'Y'", json.dumps(good | {"outputs": [{"name": "Y"}]})),
            ("'timeout'", json.dumps(good | {"parameters": {"timeout": -1}})),
        ]:
            with self.subTest(says=says, body=body):
                self.error(400, says, "POST", path, body)

    def test_half_precision_travels_as_binary_data_only(self):
        header = json.dumps({"inputs": [{"name": "INPUT0", "shape": [1, 2], "datatype": "FP16",
                                         "parameters": {"binary_data_size": 4}}]}).encode()
        self.error(400, "FP16 has no JSON form", "POST", "/v2/models/half/infer", header + b"abcd",
                   {"Inference-Header-Content-Length": str(len(header))})

    def test_wrong_binary_parts(self):
        header = json.dumps({"inputs": [{"name": "INPUT0", "shape": [1, 2], "datatype": "FP32",
                                         "parameters": {"binary_data_size": 8}}]}).encode()
        for says, length, data in [
            ("has 5 bytes left", len(header), b"short"),
            ("belong to no input", len(header), bytes(9)),
            ("the body has", len(header) + 100, bytes(8)),
            ("which is no length", "8 bytes", bytes(8)),
            ("which is no length", "-1", bytes(8)),
        ]:
            with self.subTest(says=says):
                self.error(400, says, "POST", "/v2/models/rows/infer", header + data,
                           {"Inference-Header-Content-Length": str(length)})

    def test_other_places_and_methods(self):
        self.error(404, "there is nothing at /v3", "GET", "/v3")
        self.error(404, "there is no model 'x'", "GET", "/v2/models/x")
        self.error(404, "there is no model 'x'", "POST", "/v2/models/x/infer", "{}")
        self.error(404, "in version '2'", "GET", "/v2/models/simple/versions/2")
        self.error(405, "does not take GET", "GET", "/v2/models/simple/infer")
        self.assertEqual(self.server.request("DELETE", "/v2/models/simple")[1]["Allow"], "GET")
        self.error(400, "generates text", "POST", "/v2/models/talk/infer", "{}")
        self.error(400, "generates no text", "POST", "/v2/models/simple/generate", "{}")

    def test_a_body_that_is_too_large(self):
        self.error(413, "larger than 102400 bytes", "POST", "/v2/models/rows/infer", bytes(102401))
        # Told by its length alone, before it is sent.
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.putrequest("POST", "/v2/models/rows/infer")
        connection.putheader("Content-Length", str(1 << 40))
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 413)

    def raw(self, data):
        """What comes back until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.server.port), serving.PATIENCE_S) as peer:
            peer.sendall(data)
            return b"".join(iter(lambda: peer.recv(65536), b""))

    def test_what_is_no_http(self):
        for says, data in [
            (b"400", b"\x16\x03\x01 hello\r\n\r\n"),
            (b"505", b"GET /v2 HTTP/3.0\r\n\r\n"),
            (b"431", b"GET /v2 HTTP/1.1\r\nX: " + b"x" * 20000),
            (b"400", b"POST /v2/models/rows/infer HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
        ]:
            with self.subTest(says=says, data=data[:40]), socket.create_connection(
                    ("127.0.0.1", self.server.port), serving.PATIENCE_S) as peer:
                peer.sendall(data)
                self.assertEqual(peer.recv(65536).split()[1], says)

    def test_a_client_that_leaves_amid_a_request_harms_nobody(self):
        with socket.create_connection(("127.0.0.1", self.server.port)) as peer:
            peer.sendall(b"POST /v2/models/rows/infer HTTP/1.1\r\nContent-Length: 50\r\n\r\n{")
        self.assertEqual(self.server.get("/v2/health/ready")[0], 200)

    def test_requests_of_one_connection_are_answered_in_order(self):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        for path in ("/v2", "/v2/models/simple", "/v3", "/v2/health/live"):
            connection.request("GET", path)
            self.assertIn(connection.getresponse().read()[:2], (b'{"',))
        with socket.create_connection(("127.0.0.1", self.server.port), serving.PATIENCE_S) as peer:
            count = 3000  # sent at once
            peer.sendall(b"GET /v2/health/live HTTP/1.1\r\n\r\n" * (count - 1) +
                         b"GET /v2/models/simple/ready HTTP/1.1\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: peer.recv(65536), b""))
            self.assertEqual(answer.count(b'{"live":true}'), count - 1)
            self.assertTrue(answer.endswith(b'{"name":"simple","ready":true}'))

    def test_a_body_in_pieces_and_one_that_waits_to_be_asked_for(self):
        body = json.dumps({"inputs": [fp32("INPUT0", [1, 2], [1, 2])]}).encode()
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.request("POST", "/v2/models/rows/infer", iter([body[:7], body[7:]]),
                           encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(connection.getresponse().status, 200)
        with socket.create_connection(("127.0.0.1", self.server.port), serving.PATIENCE_S) as peer:
            peer.sendall(b"POST /v2/models/rows/infer HTTP/1.1\r\nExpect: 100-continue\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body))
            self.assertEqual(peer.recv(65536), b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.sendall(body)
            self.assertTrue(peer.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_http_1_0_ends_its_connection(self):
        answer = self.raw(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
        self.assertIn(b"Connection: close\r\n", answer)
        body = b'{"text_input":"ab","max_tokens":2}'
        answer = self.raw(b"POST /v2/models/talk/generate_stream HTTP/1.0\r\n"
                          b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.assertNotIn(b"chunked", answer)
        self.assertEqual(answer.count(b"data: "), 2)

    def test_generate(self):
        status, body = self.server.post("/v2/models/talk/generate", {
            "text_input": "client input", "parameters": {"stream": False, "temperature": 0},
            "max_tokens": 14})
        self.assertEqual((status, body), (200, {
            "model_name": "talk", "model_version": "1", "text_output": "client inputcl"}))
        self.error(400, "'text_input' is missing", "POST", "/v2/models/talk/generate", "{}")
        self.error(400, "tokens of prompt", "POST", "/v2/models/talk/generate_stream",
                   json.dumps({"text_input": "abc", "max_tokens": 1 << 20}))

    def test_generate_stream(self):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        for text in ("abc", "xyz"):  # one connection: the stream's end is told
            connection.request("POST", "/v2/models/talk/generate_stream",
                               json.dumps({"text_input": text, "max_tokens": 4, "id": "7"}))
            response = connection.getresponse()
            self.assertEqual(response.headers["Content-Type"], "text/event-stream; charset=utf-8")
            got = list(serving.events(response))
            self.assertEqual("".join(event["text_output"] for event in got), text + text[0])
            self.assertEqual(got[0]["id"], "7")


class UnderLoad(unittest.TestCase):
    def setUp(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.addCleanup(self.pool.shutdown)

    def infer(self, server, model, **more):
        return self.pool.submit(server.request, "POST", f"/v2/models/{model}/infer",
                                json.dumps({"inputs": [fp32("INPUT0", [1], [1, 1])]} | more))

    def test_a_full_queue_a_deadline_and_a_client_that_leaves(self):
        server = serving.Server(self, "slow=echo,takes=1s,queue=2,max-batch=1")
        first = self.infer(server, "slow")
        server.until(1, "corun_inference_requests_running", model="slow")
        late = self.infer(server, "slow", parameters={"timeout": 1000})
        server.until(1, "corun_inference_requests_waiting", model="slow")
        leaver = server.connect()
        leaver.request("POST", "/v2/models/slow/infer",
                       json.dumps({"inputs": [fp32("INPUT0", [1], [1, 1])]}))
        server.until(2, "corun_inference_requests_waiting", model="slow")
        status, headers, body = self.infer(server, "slow").result()
        self.assertEqual(status, 429)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertIn("queue of model 'slow' is full", json.loads(body)["error"])
        leaver.close()
        self.assertEqual(first.result()[0], 200)
        status, _, body = late.result()
        self.assertEqual(status, 504, body)
        server.until(1, "corun_inference_requests_cancelled_total", model="slow")
        self.assertEqual(server.metric("corun_inference_batches_total", model="slow"), 1)

    def test_requests_that_wait_share_a_batch(self):
        server = serving.Server(self, "m=echo,takes=300ms,max-batch=4")
        first = self.infer(server, "m")
        server.until(1, "corun_inference_requests_running", model="m")
        others = [self.infer(server, "m") for _ in range(4)]
        server.until(4, "corun_inference_requests_waiting", model="m")
        for answer in [first, *others]:
            self.assertEqual(answer.result()[0], 200)
        self.assertEqual(server.metric("corun_inference_batches_total", model="m"), 2)

    def test_sigterm_answers_what_was_taken_and_ends(self):
        server = serving.Server(self, "slow=echo,takes=1s,max-batch=1")
        taken = self.infer(server, "slow")
        server.until(1, "corun_inference_requests_running", model="slow")
        server.terminate()
        while server.get("/v2/health/ready")[0] == 200:
            pass
        self.assertEqual(server.get("/v2/health/live")[0], 200)
        status, _, body = self.infer(server, "slow").result()
        self.assertEqual((status, json.loads(body)["error"]), (503, "the server is ending"))
        self.assertEqual(taken.result()[0], 200)
        self.assertEqual(server.exit_code(), 0)

    def test_a_client_that_leaves_amid_a_stream_ends_its_sequence(self):
        server = serving.Server(self, "talk=repeat,takes=5ms")
        connection = server.connect()
        connection.request("POST", "/v2/models/talk/generate_stream",
                           json.dumps({"text_input": "abc", "max_tokens": 1000000}))
        stream = serving.events(connection.getresponse())
        self.assertEqual([next(stream)["text_output"] for _ in range(3)], ["a", "b", "c"])
        stream.close()
        connection.close()
        server.until(1, "corun_inference_requests_cancelled_total", model="talk")
        server.until(0, "corun_inference_requests_running", model="talk")
        self.assertEqual(server.metric("corun_inference_streams_cut_total"), 1)

    def test_a_deadline_amid_a_stream_is_an_event(self):
        server = serving.Server(self, "talk=repeat,takes=20ms", options=["--deadline", "300ms"])
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.request("POST", "/v2/models/talk/generate_stream",
                           json.dumps({"text_input": "abc", "max_tokens": 1000}))
        last = list(serving.events(connection.getresponse()))[-1]
        self.assertIn("the deadline of 300.0 ms was past", last["error"])

    def test_a_slow_client_is_told_so(self):
        server = serving.Server(self, "m=echo", options=["--request-timeout", "200ms"])
        with socket.create_connection(("127.0.0.1", server.port), serving.PATIENCE_S) as peer:
            peer.sendall(b"POST /v2/models/m/infer HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
            answer = b"".join(iter(lambda: peer.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), answer)
        self.assertTrue(answer.endswith(b'{"error":"the request took too long to arrive"}'))

    def test_an_idle_connection_ends_quietly(self):
        server = serving.Server(self, "m=echo", options=["--idle-timeout", "200ms"])
        with socket.create_connection(("127.0.0.1", server.port), serving.PATIENCE_S) as peer:
            self.assertEqual(peer.recv(1), b"")

    def test_connections_beyond_the_bound_are_turned_away(self):
        server = serving.Server(self, "m=echo", options=["--max-connections", "2"])
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        try:
            with socket.create_connection(("127.0.0.1", server.port), serving.PATIENCE_S) as peer:
                answer = b"".join(iter(lambda: peer.recv(65536), b""))
            self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        finally:
            for peer in held:
                peer.close()

    def test_many_idle_connections_cost_little(self):
        server = serving.Server(self, "m=echo")

        def resident_kib():
            text = pathlib.Path(f"/proc/{server.child.pid}/status").read_text()
            return int(text.split("VmRSS:")[1].split()[0])

        before = resident_kib()
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(400)]
        try:
            server.until(401, "corun_inference_connections")
            self.assertLess((resident_kib() - before) / 400, 8)
            self.assertEqual(self.infer(server, "m").result()[0], 200)
        finally:
            for peer in held:
                peer.close()
        server.until(1, "corun_inference_connections")


class CommandLine(unittest.TestCase):
    def run_it(self, *arguments, port=0):
        server = serving.Server(self, options=arguments, port=port, ends=True)
        return server.exit_code(), server.lines[-1] if server.lines else ""

    def test_wrong_ones_are_one_line_and_exit_code_2(self):
        for says, arguments in [
            ("no model is given", []),
            ("there is no kind 'x'; use one of", ["--model", "m=x"]),
            ("no setting 'colour'", ["--model", "m=echo,colour=red"]),
            ("'queue': '0' is no whole number", ["--model", "m=echo,queue=0"]),
            ("'tensors': 'FP33:1' is no tensor", ["--model", "m=echo,tensors=FP33:1"]),
            ("two models are called 'm'", ["--model", "m=echo", "--model", "m=add"]),
            ("'x' is no IP address", ["--model", "echo", "--address", "x"]),
            ("--deadline 0s is out of range", ["--model", "echo", "--deadline", "0s"]),
        ]:
            with self.subTest(says=says):
                code, line = self.run_it(*arguments)
                self.assertEqual(code, 2)
                self.assertIn(says, line)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            code, line = self.run_it("--model", "echo", port=taken.getsockname()[1])
        self.assertEqual(code, 1)
        self.assertIn("choose another --port", line)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
