#!/usr/bin/env python3
"""Containers of podman that share a simulated GPU: who they are, as corun shows them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import podman
from node import Node, until

BUILD = sys.argv[1]
SKIPPED = 77
NOBODY = 65534
# Long kernels: shorter ones cannot be calibrated while others use the GPU.
WORK = [f"{BUILD}/bin/corun-synthetic", "train", "--kernel-us", "50000", "--duration", "600s"]


def managed(node, name, service_class):
    """The options that make a container a workload of the node's corund."""
    library = f"{BUILD}/lib/libcorun.so:{BUILD}/simgpu/libsimdev.so"
    return ["-v", f"{node.run_dir}:/run/corun:ro", "-e", "CORUN_RUN_DIR=/run/corun",
            "-e", f"LD_PRELOAD={library}", "-e", f"CORUN_NAME={name}",
            "-e", f"CORUN_CLASS={service_class}"]


class Box:
    """A container in the background."""

    def __init__(self, node, name, *options, command=None):
        self.node, self.name = node, name
        self.id = node.podman.run("run", "--detach", "--name", name, *node.podman.options(),
                                  *node.files(), *options, podman.IMAGE,
                                  *(command or WORK)).stdout.strip()

    def pid(self):
        """Of its first process, as podman knows it."""
        shown = self.node.podman.run("inspect", "--format", "{{.State.Pid}}", self.name)
        return int(shown.stdout)

    def remove(self):
        # podman may find a mount of a container that has just ended busy, once.
        words = ["rm", "--force", "--ignore", "--time", "0", self.name]
        until(lambda: self.node.podman.run(*words, check=False).returncode == 0, "removal")

    def process(self, pid=None):
        """Its process on the GPU, in a snapshot that names its container; None until then."""
        snapshot = self.node.snapshot()
        known = [c for c in snapshot["containers"] if c["id"] == self.id and c["name"]]
        pid = pid or self.pid()
        found = [p for p in snapshot["gpus"][0]["processes"] if p["pid"] == pid]
        return (known[0], found[0]) if known and found else None


def samples(text, family, **labels):
    """Values of a metric's samples that have these labels."""
    found = []
    for line in text.splitlines():
        if line.startswith(family + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            found.append(float(line.rsplit(" ", 1)[1]))
    return found


class WithNode(unittest.TestCase):
    user = None

    @classmethod
    def setUpClass(cls):
        cls.node = Node(BUILD, cls.user)
        cls.addClassCleanup(cls.node.end)

    def box(self, name, *options, **more):
        box = Box(self.node, name, *options, **more)
        self.addCleanup(box.remove)
        return box


class OfAnyUser:
    def test_corun_run_manages_the_container_of_its_command(self):
        child = self.node.spawn(
            [self.node.corun, "run", "--name", "ran", "--class", "latency-critical", "--weight",
             "3", "--", *self.node.podman.base, "run", "--name", "box-ran",
             *self.node.podman.options(), "-v", f"{BUILD}:{BUILD}:ro", podman.IMAGE, *WORK])
        self.addCleanup(self.node.podman.run, "rm", "--force", "--time", "0", "box-ran")
        workload = until(lambda: self.node.status().get("ran"), "the workload")
        self.assertEqual((workload["class"], workload["weight"]), ("latency-critical", 3))
        pid = int(self.node.podman.run("inspect", "--format", "{{.State.Pid}}", "box-ran").stdout)
        self.assertEqual([s["pid"] for s in workload["sessions"]], [pid])
        self.node.podman.run("kill", "box-ran")
        self.assertEqual(child.wait(60), 128 + 9)  # podman's own exit code
        until(lambda: not self.node.status().get("ran", {}).get("sessions"), "its end")


class Root(OfAnyUser, WithNode):
    def test_two_containers_of_one_command_are_told_apart(self):
        boxes = [self.box("box-a", *managed(self.node, "a", "best-effort")),
                 self.box("box-b", *managed(self.node, "b", "normal"))]
        for box, name, service_class in zip(boxes, "ab", ("best-effort", "normal")):
            container, process = until(box.process, box.name)
            self.assertEqual((container["name"], container["image"], container["runtime"]),
                             (box.name, podman.IMAGE, "podman"))
            self.assertEqual(process["container"], box.id[:12])
            self.assertEqual(process["command"], " ".join(WORK))
            self.assertEqual(process["workload"], f"{os.geteuid()}/{name}")
            workload = self.node.status()[name]
            self.assertEqual(workload["class"], service_class)
            self.assertEqual([s["pid"] for s in workload["sessions"]], [box.pid()])
            metrics = self.node.get("/metrics")
            of_box = {"container": box.name, "container_id": box.id[:12]}
            self.assertEqual(samples(metrics, "corun_container_memory_used_bytes", **of_box),
                             [process["memory_bytes"]])
            self.assertEqual(samples(metrics, "corun_container_processes", **of_box), [1])
            self.assertEqual(samples(metrics, "corun_container_info", image=podman.IMAGE,
                                     runtime="podman", **of_box), [1])
            until(lambda: sum(samples(self.node.get("/metrics"), "corun_client_gpu_seconds_total",
                                      name=name, **of_box)) > 0, "GPU time of the workload")
            told = workload["sessions"][0]["container"]
            self.assertEqual((told["id"], told["name"], told["runtime"], told["image"]),
                             (box.id, box.name, "podman", podman.IMAGE))
            status = self.node.output(self.node.corun, "status")
            self.assertRegex(status, rf"{name} +{box.name} +- +{box.pid()} +{box.id[:12]} +podman")
        top = self.node.output(self.node.corun, "top", "--once")
        for box in boxes:
            self.assertRegex(top, rf"{box.name}\b")

    def test_a_container_that_corun_does_not_manage_is_shown(self):
        box = self.box("alone")
        container, process = until(box.process, box.name)
        self.assertEqual((container["name"], process["container"]), ("alone", box.id[:12]))
        self.assertIsNone(process["workload"])

    def test_a_restart_is_a_new_session_and_a_removed_container_is_gone(self):
        box = self.box("again", *managed(self.node, "again", "normal"))
        until(box.process, "the container")
        first = self.node.status()["again"]["sessions"][0]
        self.node.podman.run("restart", "--time", "0", box.name)
        self.assertNotEqual(box.pid(), first["pid"])

        def session():
            sessions = self.node.status().get("again", {}).get("sessions", [])
            return sessions[0] if [s["pid"] for s in sessions] == [box.pid()] else None
        self.assertNotEqual(until(session, "another session")["session"], first["session"])
        until(box.process, "the same container")
        self.node.podman.run("rm", "--force", "--time", "0", box.name)
        until(lambda: box.id[:12] not in self.node.get("/metrics"), "no series of it")
        self.assertNotIn(box.id, [c["id"] for c in self.node.snapshot()["containers"]])
        self.assertEqual(self.node.status().get("again", {}).get("sessions", []), [])
        anew = Box(self.node, "again", *managed(self.node, "again", "normal"))
        container, _ = until(anew.process, "a new container of the name")
        self.assertNotEqual(container["id"], box.id)

    def test_what_is_executed_in_a_container_belongs_to_it(self):
        box = self.box("shell", *managed(self.node, "shell", "normal"),
                       command=["/usr/bin/sleep", "600"])
        self.node.podman.run("exec", "--detach", box.name, *WORK)

        def session():
            sessions = self.node.status().get("shell", {}).get("sessions", [])
            return sessions[0]["pid"] if sessions else None
        pid = until(session, "the executed workload")
        self.assertNotEqual(pid, box.pid())
        _, process = until(lambda: box.process(pid), "its process")
        self.assertEqual(process["container"], box.id[:12])


    def private(self, specs):
        return ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /run && mkdir /run/cdi "
                f"&& cp {specs}/*.json /run/cdi && exec \"$@\"", "sh"]

    def test_devices_of_corun_cdi_make_containers_clients_of_mps(self):
        """Without corund, and as workloads of one whose backend is MPS."""
        folder = self.node.folder / "mps"
        names = ("pipe", "log", "specs", "corund")
        pipe, log, specs, run_dir = (folder / name for name in names)
        for path in (pipe, log, specs, run_dir):
            path.mkdir(parents=True)
        env = {**self.node.env, "CUDA_MPS_PIPE_DIRECTORY": str(pipe),
               "CUDA_MPS_LOG_DIRECTORY": str(log), "CORUN_RUN_DIR": str(run_dir)}

        def ask(*words, command=None):
            done = subprocess.run(words, input=command, env=env, capture_output=True, text=True,
                                  timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout
        control = f"{BUILD}/simgpu/nvidia-cuda-mps-control"
        generate = [self.node.corun, "cdi", "generate", "--output"]
        refused = subprocess.run([*generate, specs / "a.json", "--mps"], env=env, text=True,
                                 capture_output=True, timeout=60)
        self.assertEqual(refused.returncode, 3)
        self.assertIn(f"no MPS daemon answers in {pipe}; start", refused.stderr)
        stated = ask(*generate, specs / "a.json", "--mps", "--mps-pipe", pipe)
        self.assertEqual(stated.split(), ["corun.dev/mps=client"])
        ask(control, "-d")
        self.addCleanup(ask, control, command="quit\n")
        governs = self.node.spawn([f"{BUILD}/bin/corund", "--foreground", "--backend", "mps"],
                                  env=env)
        self.addCleanup(governs.terminate)
        until(lambda: list(run_dir.glob("*/control.sock")), "corund with backend mps")
        ask(*generate, specs / "a.json", "--mps")
        made = ask(*generate, specs / "b.json")
        self.assertIn("corun.dev/class=best-effort", made.split())

        with tempfile.NamedTemporaryFile(dir="/dev/shm") as shared:  # what MPS shares is the host's
            seen = self.node.spawn([*self.private(specs), *self.node.podman.command(
                "run", "--rm", "--device", "corun.dev/mps=client", *self.node.podman.options(),
                podman.IMAGE, "/usr/bin/test", "-w", shared.name)])
            self.assertEqual(seen.wait(60), 0)

        def clients():
            servers = ask(control, command="get_server_list\n").split()
            return {int(pid) for server in servers
                    for pid in ask(control, command=f"get_client_list {server}\n").split()}
        known = set()
        try:
            for device in ("mps=client", "class=best-effort"):
                child = self.node.spawn([*self.private(specs), *self.node.podman.command(
                    "run", "--rm", "--device", f"corun.dev/{device}",
                    *self.node.podman.options(), "-v", f"{BUILD}:{BUILD}:ro", podman.IMAGE,
                    *WORK)])
                self.addCleanup(child.wait)
                known |= until(lambda: clients() - known, f"a client of {device}")

            def session():
                [daemon] = json.loads(ask(self.node.corun, "status", "--json"))["daemons"]
                self.assertEqual(daemon["backend"], "mps")
                return {s["pid"] for w in daemon["workloads"] for s in w["sessions"]}
            self.assertLess(until(session, "the session of the second"), known)
        finally:
            for pid in known:
                os.kill(pid, signal.SIGKILL)

    def test_devices_of_corun_cdi_make_containers_workloads(self):
        """Engines read /var/run/cdi: in a mount namespace of their own, to leave this machine's
        as it is."""
        specs = self.node.folder / "specs"
        specs.mkdir()
        made = self.node.output(self.node.corun, "cdi", "generate", "--output", specs / "a.json")
        self.assertEqual(made.split(), [f"corun.dev/class={one}" for one in (
            "latency-critical", "normal", "best-effort")])
        made = self.node.output(self.node.corun, "cdi", "generate", "--name", "serve", "--class",
                                "latency-critical", "--weight", "2", "--output",
                                specs / "b.json")
        self.assertEqual(made.split(), ["corun.dev/workload=serve"])
        private = self.private(specs)
        boxes = (("box-1", "class=best-effort", []), ("box-2", "class=best-effort", []),
                 ("box-3", "class=normal", ["-e", "CORUN_NAME=own"]),
                 ("box-4", "workload=serve", []))
        for name, device, options in boxes:
            child = self.node.spawn([*private, *self.node.podman.command(
                "run", "--rm", "--hostname", name, "--device", f"corun.dev/{device}", *options,
                *self.node.podman.options(), "-v", f"{BUILD}:{BUILD}:ro", podman.IMAGE, *WORK)])
            self.addCleanup(child.wait)

        def joined():
            found = self.node.status()
            wanted = {"corun-synthetic@box-1", "corun-synthetic@box-2", "own", "serve"}
            return found if wanted <= set(found) else None
        try:
            found = until(joined, "all four")
            for name, service_class, weight in (
                    ("corun-synthetic@box-1", "best-effort", 1), ("own", "normal", 1),
                    ("serve", "latency-critical", 2)):
                self.assertEqual((found[name]["class"], found[name]["weight"]),
                                 (service_class, weight))
        finally:
            # podman's own end of them would need its state in that namespace.
            for workload in self.node.status().values():
                for session in workload["sessions"]:
                    os.kill(session["pid"], signal.SIGKILL)

    def test_other_users_of_containers_join_the_corund_of_root(self):
        (self.node.sim / "socket").chmod(0o777)  # as a GPU's device files are
        self.node.podman.open_to_other_users()
        for name, options, user in (("mapped", ["--uidmap", "0:100000:65536"], 100000),
                                    ("plain", ["--user", "1234"], 1234)):
            box = self.box(name, *options, *managed(self.node, name, "normal"))
            _, process = until(box.process, name)
            self.assertEqual(process["workload"], f"{user}/{name}")
            self.assertEqual(process["container"], box.id[:12])

    def test_a_workload_in_a_container_is_parked_and_resumed(self):
        command = [f"{BUILD}/bin/corun-synthetic", "notebook", "--duration", "600s"]
        box = self.box("notes", *managed(self.node, "notes", "normal"), command=command)
        until(box.process, "the notebook")
        self.node.output(self.node.corun, "park", "notes", "--until-resume")
        self.assertEqual(self.node.status()["notes"]["state"], "parked")
        self.node.output(self.node.corun, "resume", "notes")
        self.assertEqual(self.node.status()["notes"]["state"], "running")

    def test_root_in_a_container_may_look_but_change_nothing(self):
        def inside(*words):
            return self.node.podman.run(
                "run", "--rm", *self.node.podman.options(), *self.node.files(),
                "-v", f"{self.node.run_dir}:/run/corun", "-e", "CORUN_RUN_DIR=/run/corun",
                podman.IMAGE, self.node.corun, *words, check=False)
        self.assertIn("policy priority", inside("status").stdout)
        change = inside("settings", "--policy", "fair")
        self.assertNotEqual(change.returncode, 0)
        self.assertIn("not changed from inside a container", change.stderr)
        self.assertIn("policy priority", self.node.output(self.node.corun, "status"))
        self.node.output(self.node.corun, "settings", "--policy", "priority")  # from outside

    def test_a_container_is_a_workload_of_a_mix(self):
        mix = self.node.folder / "boxes.yaml"
        box = [*self.node.podman.base, "run", "--rm", *self.node.podman.options(),
               "-v", f"{BUILD}:{BUILD}:ro", podman.IMAGE, f"{BUILD}/bin/corun-synthetic"]
        mix.write_text(json.dumps({"workloads": [
            {"name": "serve", "class": "latency-critical",
             "command": [*map(str, box), "infer", "--rate", "100"]}]}))
        out = self.node.folder / "results"
        self.node.output(self.node.corun, "bench", "--mix", mix, "--mode", "managed", "--quick",
                         "--duration", "1s", "--out", out)
        rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
        managed_rows = [row for row in rows if row["mode"] == "managed"]
        self.assertEqual([row["workload"] for row in managed_rows], ["serve"])
        for row in rows:
            self.assertTrue(row["valid"], row["reason"])
            self.assertGreater(row["latency_ms"]["n"], 50)

    def test_containers_of_an_engine_with_a_daemon_are_workloads_of_a_mix(self):
        """As those of docker: no descendants of the command, but of the engine's service. One
        speaks rows; the other is silent and, as its PID 1 has no handler, survives SIGTERM."""
        mix = self.node.folder / "remote.yaml"
        synthetic = f"{BUILD}/bin/corun-synthetic"
        box = ["podman", "--remote", "--url", f"unix://{self.node.engine}", "run", "--rm",
               *self.node.podman.options(), "-v", f"{BUILD}:{BUILD}:ro", podman.IMAGE]
        mix.write_text(json.dumps({"workloads": [
            {"name": "speaks", "command": [*box, synthetic, "infer", "--rate", "100",
                                             "--memory", "64MiB"]},
            # It fits its burst to the GPU after its first memory: nobody is to warm up meanwhile.
            {"name": "silent", "speaks": "nothing", "ready-after": "4s", "command": [
                *box, "/usr/bin/env", "-u", "CORUN_ROWS", "-u", "CORUN_CONTROL",
                synthetic, "notebook", "--burst", "1ms", "--think", "600s", "--memory", "64MiB",
                "--duration", "600s"]}]}))
        out = self.node.folder / "remote"
        before = self.containers()
        self.node.output(self.node.corun, "bench", "--mix", mix, "--mode",
                         "time-slicing,mps", "--quick", "--duration", "1s", "--out", out)
        rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
        for row in rows:
            self.assertTrue(row["valid"], row["reason"])
            if row["mode"] != "mps":
                self.assertGreater(row["memory_bytes"], 0, row)
        self.assertEqual({(row["mode"], row["workload"]) for row in rows if row["n"] == 2},
                         {(mode, name) for mode in ("time-slicing", "mps")
                          for name in ("speaks", "silent")})
        self.assertEqual(self.containers(), before)

    def containers(self):
        return set(self.node.podman.run("ps", "--all", "--quiet").stdout.split())

    def test_a_detached_container_is_refused_in_a_mix(self):
        box = " ".join([*map(str, self.node.podman.base), "run", "--detach", podman.IMAGE, "true"])
        ran = subprocess.run([self.node.corun, "bench", "--tenant", f"a={box}", "--mode",
                              "time-slicing", "--quick", "--out", self.node.folder / "detached"],
                             env=self.node.env, capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("a: its command ends before its container; use 'run' without --detach",
                      ran.stdout + ran.stderr)


class WithoutPrivileges(OfAnyUser, WithNode):
    """podman and corun of a user without privileges. Under cgroup v1 its containers have no
    cgroups of their own."""
    user = NOBODY if os.geteuid() == 0 else None

    def test_a_workload_is_found_in_its_container(self):
        box = self.box("mine", *managed(self.node, "mine", "best-effort"))
        container, process = until(box.process, "the container")
        self.assertEqual((container["name"], container["image"], container["runtime"]),
                         ("mine", podman.IMAGE, "podman"))
        self.assertEqual(process["container"], box.id[:12])
        user = NOBODY if os.geteuid() == 0 else os.geteuid()
        self.assertEqual(process["workload"], f"{user}/mine")
        self.assertEqual(self.node.status()["mine"]["class"], "best-effort")
        self.assertEqual(
            len(samples(self.node.get("/metrics"), "corun_client_gpu_seconds_total",
                        container="mine", container_id=box.id[:12])), 1)


KINDS = {"root": Root, "rootless": WithoutPrivileges}


def main():
    kind = KINDS[sys.argv[2]]
    try:
        if kind is Root and os.geteuid() != 0:
            raise podman.NotHere("this user is not root")
        podman.try_out(kind.user)
    except podman.NotHere as why:
        print("skipped:", why, flush=True)
        return SKIPPED
    names = sys.argv[3:]
    suite = (unittest.TestSuite(map(kind, names)) if names
             else unittest.defaultTestLoader.loadTestsFromTestCase(kind))
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
