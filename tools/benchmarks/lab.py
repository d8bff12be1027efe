"""Where subjects are measured: one simulator for a whole run, an account for each mount."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

from benchmarks import namespaces
from benchmarks.failed import Failed
from benchmarks.processes import PeakMemory
from benchmarks.programs import NullFuse, Reader, Writer, run
from benchmarks.subjects import Driveway
from support.simulator import Simulator, calls
from support.waiting import wait_for

PROFILE = "colab"
_CHANGING = ("files.create", "files.update", "files.copy", "files.delete", "files.empty_trash")
_LOOK = 0.05  # seconds between looks at Drive
_QUIET_TIMEOUT = 60
_VERIFY_TIMEOUT = 60


@contextlib.contextmanager
def _closed_at_end(subject):
    """What went wrong first is what is told."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(AssertionError, OSError, subprocess.SubprocessError):
            subject.close()
        raise
    subject.close()


class Lab:
    """Use as a context manager. An account is never used twice, so that no mount begins with a
    quota that another one has used up."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._mounts = 0
        self._logged = 0
        self.reader = Reader(self._folder)
        self.writer = Writer(self._folder)
        self.null_fuse = NullFuse(self._folder)
        namespaces.lead_google_here(self._folder)
        self.simulator = Simulator(self._folder / "simulator", namespaces.LISTEN)
        self.simulator.set(profile=PROFILE)
        self.network = self.simulator.config()["network"]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.simulator.stop()

    @contextlib.contextmanager
    def mounted(self, kind, quota, **tree):
        """A Bench with a cold mount of a Drive that holds what simulator.seed(**tree) makes."""
        self._mounts += 1
        account = f"user{self._mounts}@example.com"
        self.simulator.add_account(account)
        self.simulator.seed(account=account, **tree)
        self.simulator.set(profile=PROFILE, quota=quota)
        folder = self._folder / f"mount{self._mounts}"
        folder.mkdir()
        subject = kind.make(folder / "subject", self.simulator, account, quota)
        try:
            with _closed_at_end(subject):
                subject.mount()
                yield Bench(self, subject, account, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def media_log(self, file_id):
        """The ended downloads of a file, oldest first, since the last call of this."""
        entries = self.simulator.log(since=self._logged, method="files.get_media")
        found = [entry for entry in entries if file_id in entry["target"]]
        if found:
            self._logged = entries[-1]["seq"]
        return sorted(found, key=lambda entry: entry["started"])


class Bench:
    """One mount on the lab's bench: what workloads do with it. Raises Failed."""

    def __init__(self, lab, subject, account, folder):
        self.subject = subject
        self.reader = lab.reader
        self.writer = lab.writer
        self.simulator = lab.simulator
        self.is_driveway = isinstance(subject, Driveway)
        self._lab = lab
        self._account = account
        self._plain = folder / "plain"
        self._plain.mkdir()
        dump = lab.simulator.dump(account=account)
        self._files = {item["path"]: item for item in dump if "md5Checksum" in item}

    @contextlib.contextmanager
    def watched(self):
        """A dict that gets, when the context ends, what was done meanwhile: "cpu_seconds" (all),
        "md5_cpu_seconds" (of it), "peak_memory" (anonymous, bytes), "calls", "refused" (share)."""
        figures = {}
        self.simulator.reset_stats()
        cpu, md5_cpu = self.subject.cpu_seconds(), self.subject.md5_cpu_seconds()
        with PeakMemory(self.subject.pid) as memory:
            yield figures
        stats = self.simulator.stats()
        figures["cpu_seconds"] = self.subject.cpu_seconds() - cpu
        figures["md5_cpu_seconds"] = self.subject.md5_cpu_seconds() - md5_cpu
        figures["peak_memory"] = memory.bytes
        figures["calls"] = calls(stats)
        figures["refused"] = sum(stats["refusals"].values()) / max(1, calls(stats))

    def list(self):
        """Makes the listing of all folders known."""
        run(["ls", "-lR", self.subject.drive], timeout=300)

    def wait_until_quiet(self):
        """Until nothing is being downloaded any more."""
        wait_for(
            lambda: self.simulator.stats()["media"]["now"] == 0,
            "downloads to end",
            timeout=_QUIET_TIMEOUT,
        )

    def wait_until_verified(self, count):
        """Until so many contents have been compared with Drive's md5, if the subject does that."""
        if self.subject.contents_verified() is None:
            return
        wait_for(
            lambda: self.subject.contents_verified() >= count,
            "contents to be verified",
            timeout=_VERIFY_TIMEOUT,
            interval=0.25,  # each time costs CPU seconds
        )

    def plain_copy(self, path, name=None):
        """The same on plain disk, with its pages in the kernel's cache."""
        copy = self._plain / (name or pathlib.Path(path).name)
        run(["cp", "-r", path, copy], timeout=300)
        return copy

    def plain_folder(self, name):
        """A new folder on plain disk."""
        folder = self._plain / name
        folder.mkdir()
        return folder

    def null_fuse(self, measure):
        """What measure(mountpoint) gives on a FUSE that does nothing: its "seconds"."""
        with self._lab.null_fuse.mounted(self.plain_folder("null")) as mountpoint:
            return measure(mountpoint)["seconds"]

    # -- what Drive has, by another client's eyes --------------------------------------------------

    def _in_drive(self):
        dump = self.simulator.dump(account=self._account)
        return {item["path"]: item for item in dump if not item.get("trashed")}

    def has(self, path):
        return path in self._in_drive()

    def size_in_drive(self, path):
        """None where it is not there."""
        return self._in_drive().get(path, {}).get("size")

    def md5_in_drive(self, path):
        return self._in_drive().get(path, {}).get("md5Checksum")

    def wait_for_drive(self, done, seconds):
        """Raises Failed when done() is not true in time."""
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                raise Failed(f"not in Drive after {seconds} s")
            time.sleep(_LOOK)

    def wait_in_drive(self, sizes, seconds):
        """`sizes`: path -> bytes."""

        def there():
            items = self._in_drive()
            return all(items.get(path, {}).get("size") == size for path, size in sizes.items())

        self.wait_for_drive(there, seconds)

    def moved(self):
        """Bytes of contents "up" and "down" since the figures of the simulator were reset."""
        methods = self.simulator.stats()["methods"]
        up = sum(figures["bytes_in"] for figures in methods.values())
        return {"up": up, "down": methods.get("files.get_media", {}).get("bytes_out", 0)}

    def changing_calls(self):
        methods = self.simulator.stats()["methods"]
        return sum(methods[name]["count"] for name in _CHANGING if name in methods)

    def drop_kernel_pages(self, path):
        """Of the mount alone: what its daemon keeps on disk stays in the kernel's cache."""
        left = self.reader("drop", path)["cached"]
        if left != 0:
            raise Failed(f"the kernel keeps {left} bytes of {path} after they were dropped")

    # -- bytes, compared outside of what is timed --------------------------------------------------

    def check_md5(self, paths):
        """Reads the files (paths in My Drive) through the mount and compares."""
        for start in range(0, len(paths), 500):
            some = paths[start : start + 500]
            lines = run(["md5sum", "--", *some], timeout=600, cwd=self.subject.drive).splitlines()
            read = {line[34:]: line[:32] for line in lines}
            wrong = [path for path in some if read.get(path) != self._files[path]["md5Checksum"]]
            if wrong:
                raise Failed(f"wrong bytes in {wrong[:3]}")

    def check_ranges(self, path, ranges):
        """`ranges`: offset -> bytes that were read there."""
        quota = self.simulator.config()["quota"]
        self.simulator.set(profile="lan", quota="unlimited")
        api = self.simulator.api(self._account)
        for offset, data in ranges.items():
            if api.read(self.file_id(path), offset, len(data)) != data:
                raise Failed(f"wrong bytes in {path} at {offset}")
        self.simulator.set(profile=PROFILE, quota=quota)

    def check_listing(self, text):
        """`text`: what ls -lR printed."""
        lines = [line.split() for line in text.splitlines() if line.startswith("-")]
        seen = sorted((int(words[4]), words[-1]) for words in lines)
        files = sorted((f["size"], f["names"][-1]) for f in self._files.values())
        if seen != files:
            raise Failed(f"ls -lR shows {len(seen)} files, not the {len(files)} that there are")

    def file_id(self, path):
        return self._files[path]["id"]

    def media_delay(self, path):
        """The delay in seconds that the simulator chose for the first download of this file that
        began with its first byte."""

        def begun_at_0():
            log = self._lab.media_log(self.file_id(path))
            return [entry for entry in log if entry["range"] == "" or "=0-" in entry["range"]]

        begun = wait_for(begun_at_0, f"the download of {path} to be logged", timeout=_QUIET_TIMEOUT)
        return begun[0]["delay_ms"] / 1000
