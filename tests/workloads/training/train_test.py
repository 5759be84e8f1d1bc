"""corun-train on the processor: losses that fall, trainings that are resumed, rows."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "inference"))
import serving  # noqa: E402

PROGRAM = serving.BUILD / "bin" / "corun-train"
SMALL = {"gpt-tiny": ["--batch", "8", "--sequence", "32"],
         "bert-tiny": ["--batch", "8", "--sequence", "32"], "resnet-tiny": ["--batch", "16"]}


def train(*words, code=0):
    """What it printed; on one processor, where sums are always in the same order."""
    ran = subprocess.run([PROGRAM, "--device", "cpu", "--threads", "1", *map(str, words)],
                         capture_output=True, text=True, timeout=serving.PATIENCE_S)
    if ran.returncode != code:
        raise AssertionError(f"exit code {ran.returncode}: {ran.stderr}")
    return ran.stdout if code == 0 else ran.stderr


def losses(output):
    return [float(value) for value in re.findall(r"loss (\S+)", output)]


def falls(found):
    return sum(found[-5:]) < 0.95 * sum(found[:5])


class Learning(unittest.TestCase):
    def learns_and_goes_on(self, model):
        """Twenty steps at once, and seventeen and three: the same losses, which fall."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "state.safetensors"
            words = ["--model", model, *SMALL[model]]
            whole = losses(train(*words, "--seed", 5, "--steps", 20))
            self.assertEqual(len(whole), 20)
            self.assertTrue(falls(whole), whole)
            train(*words, "--seed", 5, "--steps", 17, "--checkpoint", file)
            resumed = train(*words, "--steps", 3, "--resume", file)
            self.assertEqual(losses(resumed), whole[17:])
            self.assertIn("step     20", resumed)
            bert = ["--model", "bert-tiny", "--steps", 1, "--resume", file]
            self.assertIn("the checkpoint is not one of bert-tiny", train(*bert, code=2))

    def test_images(self):
        self.learns_and_goes_on("resnet-tiny")

    def test_text(self):
        self.learns_and_goes_on("gpt-tiny")

    def test_masked_text_in_mixed_precision(self):
        found = losses(train("--model", "bert-tiny", *SMALL["bert-tiny"], "--steps", 20,
                             "--precision", "bf16", "--learning-rate", "0.01"))
        self.assertTrue(falls(found), found)

    def test_a_loss_that_is_no_number_ends_it(self):
        said = train("--model", "resnet-tiny", "--learning-rate", "100", "--batch", 4, "--steps",
                     200, code=1)
        self.assertIn("is not a number; try a lower --learning-rate", said)


class Rows(unittest.TestCase):
    def test_samples_and_step_times_of_a_window(self):
        harness = serving.Harness(self)
        child = subprocess.Popen([PROGRAM, "--model", "gpt-tiny", "--threads", "1", "--device",
                                  "cpu", *SMALL["gpt-tiny"]], env=harness.env)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        harness.until("initialised")
        ready = harness.warm()
        self.assertEqual((ready["kind"], ready["unit"]), ("training", "samples/s"))
        harness.start(seconds=0.5)
        messages = harness.until("done")
        steps = [time for m in messages if m["type"] == "requests" for time in m["end_us"]]
        self.assertEqual(messages[-1]["items"], 8 * len(steps))
        self.assertGreater(len(steps), 0)
        notes = [m["text"] for m in messages if m["type"] == "note"]
        self.assertTrue(any(note.startswith("loss ") for note in notes), notes)
        harness.send(cmd="stop")
        self.assertEqual(child.wait(serving.PATIENCE_S), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
