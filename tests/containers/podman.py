"""podman with storage of its own in a folder, and an image of this machine's own files."""

import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

IMAGE = "localhost/corun-test:1"
LINKS = ("bin", "lib", "lib32", "lib64", "sbin")  # into /usr, which is mounted
PATIENCE_S = 60
# In a container, limits above this process's own cannot be set.
LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]


class NotHere(Exception):
    """podman cannot run containers on this machine, and why."""


def runtime():
    """crun refuses hybrid cgroups; runc takes all."""
    for name in ("runc", "crun"):
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if found:
            return found
    raise NotHere("neither runc nor crun is installed")


class Podman:
    """podman's commands, as root or as `user`."""

    def __init__(self, folder, user=None):
        if not shutil.which("podman"):
            raise NotHere("podman is not installed (tools/install_deps.sh test)")
        self.folder = pathlib.Path(folder)
        self.user = user
        self.base = ["podman", "--root", self.folder / "storage", "--runroot", self.folder / "run",
                     "--tmpdir", self.folder / "tmp", "--runtime", runtime(),
                     "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs",
                     "--events-backend", "file"]
        self.env = {**os.environ, "HOME": str(self.folder),
                    "XDG_RUNTIME_DIR": str(self.folder / "xdg")}
        (self.folder / "xdg").mkdir(mode=0o700)
        if user is not None:
            for path in (self.folder, self.folder / "xdg"):
                os.chown(path, user, user)
        self.make_image()
        self.check()

    def as_user(self, command):
        if self.user is None:
            return list(command)
        ids = ["--reuid", str(self.user), "--regid", str(self.user), "--clear-groups"]
        return ["setpriv", *ids, *command]

    def command(self, *words):
        return self.as_user([*map(str, self.base), *map(str, words)])

    def run(self, *words, prefix=(), check=True):
        """The finished podman command."""
        done = subprocess.run([*prefix, *self.command(*words)], env=self.env, cwd=self.folder,
                              capture_output=True, text=True, timeout=PATIENCE_S)
        if check and done.returncode != 0:
            raise AssertionError(f"podman {' '.join(map(str, words))}: {done.stderr}")
        return done

    def make_image(self):
        """Empty folders and links into /usr, as on this machine."""
        tar = self.folder / "image.tar"
        with tarfile.open(tar, "w") as image:
            for name in ("usr", "tmp", "proc", "sys", "dev", "etc", "run"):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                image.addfile(entry)
            for name in LINKS:
                if os.path.islink(f"/{name}"):
                    entry = tarfile.TarInfo(name)
                    entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(f"/{name}")
                    image.addfile(entry)
        done = self.run("import", tar, IMAGE, check=False)
        if done.returncode != 0:
            raise NotHere(f"podman import: {done.stderr.strip().splitlines()[-1:]}")

    def options(self):
        """What each container here needs."""
        return ["--network", "none", "-v", "/usr:/usr:ro", *LIMITS]

    def check(self):
        done = self.run("run", "--rm", *self.options(), IMAGE, "/usr/bin/true", check=False)
        if done.returncode != 0:
            raise NotHere(f"podman run: {done.stderr.strip().splitlines()[-1:]}")

    def open_to_other_users(self):
        """The way to the images' files, for containers in user namespaces."""
        for path in ("storage", "storage/vfs", "storage/vfs/dir", "run", "tmp"):
            if (self.folder / path).is_dir():
                (self.folder / path).chmod(0o711)

    def end(self):
        """Removes all containers, and with them what is mounted in the folder."""
        self.run("rm", "--all", "--force", "--time", "0", check=False)


def try_out(user):
    """Errors: NotHere."""
    with tempfile.TemporaryDirectory(prefix="corun-pod-") as folder:
        os.chmod(folder, 0o755)
        (pathlib.Path(folder) / "podman").mkdir()
        Podman(pathlib.Path(folder) / "podman", user).end()
