"""What is measured: mounts of one account's Drive, all behind the interface of Subject."""

import ctypes
import os
import pathlib
import re
import subprocess

from benchmarks.failed import Failed
from benchmarks.processes import cpu_seconds, thread_cpu_seconds
from support.driveway import Machine
from support.rclone import Rclone
from support.waiting import wait_for

_MNT_DETACH = 2
_LIFE = 1200  # seconds until a forgotten daemon is killed


class Subject:
    """A mount with cache folders of its own, which are empty at first, as are the kernel's caches
    of it. mount() before all else; close() ends it, in whatever state it is, and must be called."""

    pid = None  # of the process that serves the mount
    drive = None  # where My Drive lies

    def mount(self):
        raise NotImplementedError

    def unmount(self):
        """The caches stay, for another mount(). Raises Failed."""
        raise NotImplementedError

    def close(self):
        raise NotImplementedError

    def kill(self):
        """As a machine that runs out of memory does it; the caches stay, for another mount()."""
        raise NotImplementedError

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def md5_cpu_seconds(self):
        """What of it went into comparing contents with Drive's md5."""
        return 0.0

    def contents_verified(self):
        """How many contents that came in pieces it has compared with Drive's md5 since mount();
        None if it does no such thing."""
        return None


class Driveway(Subject):
    def __init__(self, folder, simulator, account, quota):
        self._machine = Machine(folder, simulator, account=account, tls=True, life=_LIFE)
        self._machine.environment["DRIVEWAY_LOG"] = "info"  # not what tests want to see
        self._machine.shows_log = False
        self._quota = quota
        self._mount = None

    def mount(self):
        self._mount = self._machine.mount("--quota", self._quota)
        self.pid = self._mount.pid
        self.drive = self._mount.my_drive

    def unmount(self):
        self._mount.unmount()

    def kill(self):
        self._mount.kill()

    def close(self):
        self._machine.close()

    def md5_cpu_seconds(self):
        return thread_cpu_seconds(self.pid, "verify")

    def contents_verified(self):
        return self._mount.status()["metrics"]["cache.verified"]


class RcloneMount(Subject):
    """`rclone mount --vfs-cache-mode full`, with further options."""

    def __init__(self, folder, simulator, account, options, read_only=True):
        self._read_only = read_only
        self._folder = pathlib.Path(folder)
        self._folder.mkdir()
        self._rclone = Rclone(self._folder / "config", simulator, account)
        self._options = options
        self._process = None
        self.drive = self._folder / "mnt"
        self.drive.mkdir()

    def mount(self):
        own = ["--vfs-cache-mode=full", f"--cache-dir={self._folder / 'cache'}"]
        own += ["--read-only"] if self._read_only else []
        with open(self._folder / "rclone.log", "ab") as log:
            self._process = subprocess.Popen(
                self._rclone.command("mount", "sim:", str(self.drive), *own, *self._options),
                env=self._rclone.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        wait_for(lambda: self._is_mounted() or self._process.poll() is not None, "rclone to mount")
        if not self._is_mounted():
            raise Failed(f"rclone did not mount: {self._log()[-300:]}")

    def unmount(self):
        subprocess.run(["umount", str(self.drive)], check=True, timeout=60, capture_output=True)
        self._process.wait(60)

    def close(self):
        if self._process is None:
            return
        if self._is_mounted():
            ctypes.CDLL(None).umount2(os.fsencode(self.drive), _MNT_DETACH)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def _is_mounted(self):
        """By the kernel's table: a look at the place itself might hang."""
        table = pathlib.Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        return re.search(f" {re.escape(str(self.drive))} ", table) is not None

    def _log(self):
        return (self._folder / "rclone.log").read_text(errors="replace").strip()


class Kind:
    """A name in the tables, and how to make such a Subject."""

    def __init__(self, name, make):
        self.name = name
        self.make = make  # (folder, simulator, account, quota) -> Subject


# As a user sets it who has read the manual and has memory and disk to spare: the pacer opened, as
# much read-ahead as helps, no check that a file which nobody changes is still the same.
_TUNED = (
    "--drive-pacer-min-sleep=1ms",
    "--drive-pacer-burst=1000",
    "--vfs-read-ahead=128M",
    "--buffer-size=64M",
    "--vfs-read-chunk-size=64M",
    "--vfs-read-chunk-size-limit=off",
    "--max-read-ahead=4M",
    "--transfers=32",
    "--checkers=32",
    "--dir-cache-time=24h",
    "--attr-timeout=1h",
    "--vfs-fast-fingerprint",
)


def _rclone(*options):
    def make(folder, simulator, account, _quota):
        return RcloneMount(folder, simulator, account, options)

    return make


def _rclone_writing(folder, simulator, account, _quota):
    return RcloneMount(folder, simulator, account, (), read_only=False)


DRIVEWAY = Kind("driveway", Driveway)
RCLONE = Kind("rclone", _rclone())
RCLONE_WRITING = Kind("rclone", _rclone_writing)
RCLONE_TUNED = Kind("rclone tuned", _rclone(*_TUNED))
