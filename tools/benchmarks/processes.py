"""What processes cost, as /proc tells it."""

import os
import pathlib
import threading

from support.driveway import memory_of

_SAMPLE_SECONDS = 0.05


def _cpu_of(stat):
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    return _cpu_of(pathlib.Path(f"/proc/{pid}/stat"))


def thread_cpu_seconds(pid, name):
    """Of the threads called `name` that run now; 0 without one."""
    total = 0.0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() == name:
                total += _cpu_of(task / "stat")
        except OSError:
            continue  # it has ended meanwhile
    return total


class PeakMemory:
    """The most anonymous memory of a process while the context lasts, sampled: `.bytes`."""

    def __init__(self, pid):
        self.bytes = 0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._end.set()
        self._thread.join()
        self._sample()

    def _run(self):
        while not self._end.wait(_SAMPLE_SECONDS):
            self._sample()

    def _sample(self):
        try:
            self.bytes = max(self.bytes, memory_of(self._pid))
        except (OSError, AttributeError):
            pass  # it has died: whoever reads from it will say so
