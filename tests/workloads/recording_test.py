"""workloads/reference/recording.py: a small trace written by hand becomes a recording."""

import contextlib
import copy
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = HERE.parents[1] / "workloads" / "reference"
sys.path.insert(0, str(REFERENCE))
import record_profile  # noqa: E402
import recording  # noqa: E402

TRACE = json.loads((HERE / "kineto_trace.json").read_text(encoding="utf-8"))
ADD = "at::native::vectorized_elementwise_kernel"


class Conversion(unittest.TestCase):
    def setUp(self):
        self.shapes, self.steps, self.streams = recording.convert(TRACE["traceEvents"])

    def test_work_belongs_to_the_step_that_launched_it(self):
        # The second step's kernels begin after its host part has ended; the warm-up's are left out.
        self.assertEqual([[op["kind"] for op in step["ops"]] for step in self.steps],
                         [["copy", "kernel"], ["kernel", "kernel", "set"]])
        self.assertEqual([step["host"] for step in self.steps], [[0, 100], [200, 60]])

    def test_times_count_from_the_first_step(self):
        kernel = self.steps[0]["ops"][1]
        self.assertEqual((kernel["start"], kernel["dur"], kernel["launch"]), (20.25, 10.5, [10, 4]))
        self.assertEqual(self.steps[0]["waits"], [[60, 20]])
        self.assertEqual(self.steps[1]["waits"], [])

    def test_a_graph_launch_is_that_of_all_its_kernels(self):
        self.assertEqual([op["launch"] for op in self.steps[1]["ops"][:2]], [[205, 6]] * 2)

    def test_kernels_of_one_shape_are_written_once(self):
        self.assertEqual(len(self.shapes), 2)
        self.assertEqual(self.shapes[0], [ADD, [66, 2, 1], [128, 1, 1], 2048, 32])
        self.assertEqual([op.get("shape") for op in self.steps[1]["ops"]], [1, 0, None])

    def test_copies_and_sets_have_bytes_and_streams_small_numbers(self):
        copied, cleared = self.steps[0]["ops"][0], self.steps[1]["ops"][2]
        self.assertEqual((copied["direction"], copied["bytes"]), ("h2d", 1024))
        self.assertEqual(cleared["bytes"], 4096)
        self.assertEqual([op["stream"] for op in self.steps[1]["ops"]], [1, 0, 0])
        self.assertEqual(self.streams, 2)

    def test_names_are_shortened(self):
        for name, short in (("void f<int, (unsigned)2>(float*)", "f"), ("plain", "plain"),
                            ("void (anonymous namespace)::g<1>(int)", "anonymous::g"),
                            ("void a<b<1> >::c<2>(d<3>)", "a::c"), ("<>", "<>")):
            self.assertEqual(recording.short_name(name), short)
        long = recording.short_name("x" * 200 + "end")
        self.assertEqual((len(long), long[:3], long[-3:]), (recording.NAME_LENGTH, "...", "end"))


class Whole(unittest.TestCase):
    def test_the_file(self):
        about = {"name": "hand", "kind": "inference", "step_us": 70.0, "gpu": {"name": "none"}}
        whole = recording.assemble(about, TRACE)
        written = json.loads(json.dumps(recording.packed(whole)))
        self.assertEqual((written["format"], written["version"]), ("corun-recording", 1))
        self.assertEqual(written["steps"][0]["ops"],
                         [["c", "h2d", 1024, 0, 10, 2.125, 2.5, 3],
                          ["k", 0, 0, 0, 20.25, 10.5, 10, 4]])
        self.assertEqual(written["steps"][1]["ops"][2], ["s", None, 4096, 0, 335, 1, 220, 3])
        self.assertEqual(recording.summary(whole), "hand: 2 steps, 1.5 kernels and 25.8 us of "
                         "kernels a step, 70.0 us a step without the profiler")

    def test_the_program_that_replays_reads_this_file(self):  # recording_test.cc does
        path = HERE / "recordings" / "handwritten-trace.json"
        read = json.loads(path.read_text(encoding="utf-8"))
        made = ("format", "version", "streams", "shapes", "steps")
        about = {key: value for key, value in read.items() if key not in made}
        written = recording.packed(recording.assemble(about, TRACE))
        self.assertEqual(json.loads(json.dumps(written)), read)

    def test_a_trace_without_kernels_is_told(self):
        trace = copy.deepcopy(TRACE)
        trace["traceEvents"] = [event for event in trace["traceEvents"]
                                if event.get("cat") != "kernel"]
        with self.assertRaisesRegex(recording.NoKernels, "CUPTI gives no kernels"):
            recording.assemble({}, trace)

    def test_a_step_without_work_is_told(self):
        trace = copy.deepcopy(TRACE)
        trace["traceEvents"].append({"ph": "X", "cat": "user_annotation", "name": "corun-step",
                                     "ts": 5000.0, "dur": 1.0})
        with self.assertRaisesRegex(recording.NoKernels, "a step of the trace"):
            recording.assemble({}, trace)


class Program(unittest.TestCase):
    def ask(self, *arguments):
        return subprocess.run([sys.executable, REFERENCE / "record_profile.py", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    def test_bad_arguments(self):
        for arguments, text in ((["--models", "vgg", "--out", "x"], "no model 'vgg'; there are"),
                                (["--steps", "0", "--out", "x"], "no number of steps"),
                                ([], "--out")):
            done = self.ask(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)

    def test_a_model_that_fails_is_told_and_the_others_go_on(self):
        def record(name, steps, about):
            if name == "resnet50":
                raise ImportError("No module named 'torchvision'\nmore")
            return recording.assemble({"name": name, "step_us": 70.0, **about}, TRACE)

        said, told = io.StringIO(), io.StringIO()
        cuda = types.SimpleNamespace(is_available=lambda: True)
        with (tempfile.TemporaryDirectory() as folder,
              mock.patch.dict(sys.modules, torch=types.SimpleNamespace(cuda=cuda)),
              mock.patch.multiple(record_profile, record=record, probe=mock.DEFAULT,
                                  release=mock.DEFAULT, machine=lambda: {"gpu": {}}),
              contextlib.redirect_stdout(said), contextlib.redirect_stderr(told)):
            out = pathlib.Path(folder) / "new"
            options = record_profile.parse(["--models", "resnet50,gpt2", "--out", str(out)])
            self.assertEqual(record_profile.record_all(options), 1)
            self.assertEqual([path.name for path in out.iterdir()], ["train-gpt2.json"])
        self.assertEqual(told.getvalue(), "record_profile: resnet50: ImportError: "
                         "No module named 'torchvision'\n")
        self.assertIn("1 of 2 models", said.getvalue())


if __name__ == "__main__":
    unittest.main()
