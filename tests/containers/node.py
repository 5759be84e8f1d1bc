"""A simulated node with corund, podman's API and `corun serve`."""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import podman

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from until import PATIENCE_S, until  # noqa: E402



class Node:
    """All of it belongs to `user`, or to who runs this."""

    def __init__(self, build, user=None):
        self.build = pathlib.Path(build)
        self.corun = self.build / "bin" / "corun"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corun-pod-"))
        self.children = []
        self.podman = None
        try:
            self.start(user)
        except BaseException:
            self.end()
            raise

    def start(self, user):
        self.sim, self.run_dir = self.folder / "node", self.folder / "corund"
        for folder in (self.sim, self.run_dir, self.folder / "none"):
            folder.mkdir(mode=0o755)
            if user is not None:
                os.chown(folder, user, user)
        self.folder.chmod(0o755)
        (self.folder / "podman").mkdir()
        self.podman = podman.Podman(self.folder / "podman", user)
        self.env = {**self.podman.env, "CORUN_DRIVER_DIR": str(self.build / "simgpu"),
                    "CORUN_SIM_NODE": str(self.sim), "CORUN_RUN_DIR": str(self.run_dir)}
        simgpud = self.spawn([self.build / "simgpu" / "corun-simgpud", "--node", self.sim])
        until(lambda: (self.sim / "ready").exists() or simgpud.poll() is not None, "the node")
        # The simulated GPU's slices act; measuring it here would depend on this machine's load.
        self.spawn([self.build / "bin" / "corund", "--foreground", "--slices", "yes"])
        until(lambda: list(self.run_dir.glob("*/control.sock")), "corund")
        self.engine = self.folder / "podman" / "xdg" / "podman" / "podman.sock"
        self.engine.parent.mkdir()
        if user is not None:
            os.chown(self.engine.parent, user, user)
        service = ["system", "service", "--time", "0", f"unix://{self.engine}"]
        self.spawn(self.podman.command(*service), as_user=False)
        until(self.engine.exists, "podman's API")
        # The engine's socket is not where it looks by itself: --engine names it.
        serve = self.spawn([self.corun, "serve", "--listen", "127.0.0.1:0",
                            "--engine", self.engine],
                           env={**self.env, "XDG_RUNTIME_DIR": str(self.folder / "none")},
                           stdout=subprocess.PIPE, text=True)
        line = serve.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not found:
            raise AssertionError(f"corun serve did not start: {line}")
        self.port = int(found.group(1))

    def spawn(self, command, as_user=True, env=None, **more):
        more.setdefault("stdout", subprocess.DEVNULL)
        words = [str(word) for word in command]
        child = subprocess.Popen(self.podman.as_user(words) if as_user else words,
                                 env=env or self.env, cwd=self.folder, **more)
        self.children.append(child)
        return child

    def output(self, *command):
        done = subprocess.run(self.podman.as_user([str(word) for word in command]), env=self.env,
                              capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode} {done.stderr}")
        return done.stdout

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def snapshot(self):
        until(lambda: self.get("/-/ready").strip() != "" and
              '"error"' not in self.get("/-/ready"), "readiness")
        return json.loads(self.get("/api/v1/snapshot"))

    def status(self):
        """{name: workload} of corund."""
        daemon = json.loads(self.output(self.corun, "status", "--json"))["daemons"][0]
        return {workload["name"]: workload for workload in daemon["workloads"]}

    def files(self):
        """Options with which a container sees the simulated GPU."""
        return ["-v", f"{self.build}:{self.build}:ro", "-v", f"{self.sim}:{self.sim}",
                "-e", f"CORUN_DRIVER_DIR={self.build / 'simgpu'}",
                "-e", f"CORUN_SIM_NODE={self.sim}"]

    def end(self):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            child.wait(PATIENCE_S)
            if child.stdout:
                child.stdout.close()
        if self.podman:
            self.podman.end()
        shutil.rmtree(self.folder, ignore_errors=True)
