"""A Debian 12 without anything that builds, to install packages in. As root.

The test program moves into a mount namespace of its own, so that no mount outlives it."""

import ctypes
import pathlib
import re
import shutil
import subprocess
import tempfile

from support.programs import ROOT

_CLONE_NEWNS = 0x00020000
# Made once, when it is missing: a minute or two.
_KEPT = ROOT / ".cache/bookworm.tar"
_SOURCES = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")


def enter_mount_namespace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare (root is needed)")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def _mirror():
    """The one that this machine installs from."""
    for path in map(pathlib.Path, _SOURCES):
        if path.exists():
            found = re.search(r"https?://\S+/debian(?=/?\s)", path.read_text() + "\n")
            if found:
                return found.group()
    return "http://deb.debian.org/debian"


def _make_archive():
    folder = tempfile.mkdtemp(prefix="driveway-bookworm-")
    try:
        command = ["debootstrap", "--variant=minbase", "bookworm", folder, _mirror()]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"debootstrap failed:\n{done.stdout[-3000:]}{done.stderr}"
        # What debootstrap fetched is installed.
        shutil.rmtree(f"{folder}/var/cache/apt/archives", ignore_errors=True)
        _KEPT.parent.mkdir(exist_ok=True)
        part = _KEPT.with_suffix(".part")
        subprocess.run(["tar", "-C", folder, "-cf", part, "."], check=True)
        part.rename(_KEPT)
    finally:
        shutil.rmtree(folder)


class Chroot:
    """Of a folder that does not exist yet; /dev/fuse, /proc and the network are there."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        if not _KEPT.exists():
            _make_archive()
        self.root.mkdir(parents=True)
        subprocess.run(["tar", "-C", self.root, "-xf", _KEPT], check=True)
        # Device files by their numbers work where the folder's file system allows them; a bind always.
        for place in ("dev", "proc"):
            subprocess.run(["mount", "--rbind", f"/{place}", self.root / place], check=True)
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        # No service is started in a chroot.
        policy = self.root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def path(self, inside):
        return self.root / str(inside).lstrip("/")

    def put(self, file, folder="/root"):
        """A copy of `file`; gives its path inside."""
        inside = pathlib.Path(folder) / file.name
        self.path(inside).write_bytes(file.read_bytes())
        return str(inside)

    def command(self, *words, **variables):
        environment = {"HOME": "/root", "LANG": "C.UTF-8", **variables}
        environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
        pairs = [f"{name}={value}" for name, value in environment.items()]
        return ["chroot", str(self.root), "env", "-i", *pairs, *map(str, words)]

    def run(self, *words, **variables):
        """A CompletedProcess, whatever the exit status."""
        return subprocess.run(
            self.command(*words, **variables), capture_output=True, text=True, timeout=300
        )

    def output_of(self, *words, **variables):
        done = self.run(*words, **variables)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def apt(self, *words):
        return self.output_of(
            "apt-get", "-qy", "-o", "Dpkg::Use-Pty=0", *words, DEBIAN_FRONTEND="noninteractive"
        )

    def files(self):
        """Every path in it but what is mounted and what programs keep for themselves."""
        own = ("dev", "proc", "tmp", "run", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log")
        found = subprocess.run(
            ["find", ".", "-xdev", *(w for p in own for w in ("-path", f"./{p}", "-prune", "-o"))]
            + ["-print"],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        )
        return set(found.stdout.splitlines())

    def close(self):
        """Unmounts it, and deletes it."""
        for place in ("dev", "proc"):
            subprocess.run(["umount", "-l", self.root / place], check=True)
        shutil.rmtree(self.root)
