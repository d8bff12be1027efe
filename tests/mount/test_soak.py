"""Mixed readers for a long time: memory, descriptors and threads stay flat (20 s; 10 minutes with
DRIVEWAY_TEST_LONG=1), every byte is right, and afterwards nothing is under way."""

import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

from support.driveway import memory_of
from support.reading import (
    MIB,
    Expected,
    descriptors_of,
    opened,
    read_at,
    read_at_random,
    read_backward,
    read_forward,
    read_in_strides,
    read_mapped,
    run_all,
    threads_of,
    wait_until_idle,
)

LONG = os.environ.get("DRIVEWAY_TEST_LONG") == "1"
SECONDS = 600 if LONG else 20
SEED = int(os.environ.get("DRIVEWAY_TEST_SEED", "20261"))
# What the last third of the time may take more than the first: malloc's arenas fill up over the first
# half minute. A leak of 1 % of what is read, some GiB, would be more.
MARGIN = 64 * MIB
READERS = 8


class Soak:
    """What one reader does next, until the time is over."""

    def __init__(self, mount, files):
        self._drive = mount.my_drive
        self._files = files
        self._large = sorted(path for path in files if path.startswith("large/"))
        self._small = sorted(path for path in files if not path.startswith("large/"))
        self._deadline = time.monotonic() + SECONDS
        self._lock = threading.Lock()
        self.done = {}

    def is_over(self):
        return time.monotonic() >= self._deadline

    def run(self, rng):
        actions = [
            self._large_by(read_forward),
            self._large_by(read_backward),
            self._large_by(read_in_strides),
            self._large_by(read_at_random),
            self._large_by(read_mapped),
            self.small_files,
            self.list_all,
            self.seeks,
            self.opens_and_closes,
            self.killed,
        ]
        while not self.is_over():
            action = rng.choice(actions)
            action(rng)
            name = action.__name__
            with self._lock:
                self.done[name] = self.done.get(name, 0) + 1

    def _large_by(self, way):
        def read(rng):
            path = rng.choice(self._large)
            way(self._drive / path, self._files[path], rng)

        read.__name__ = way.__name__
        return read

    def small_files(self, rng):
        for path in rng.sample(self._small, 40):
            assert (self._drive / path).read_bytes() == self._files[path].content, path

    def list_all(self, _rng):
        subprocess.run(["ls", "-lR", self._drive], capture_output=True, check=True, timeout=100)

    def seeks(self, rng):
        """Reads on for a bit here, and for a bit there, through one handle."""
        path = rng.choice(self._large)
        expected = self._files[path]
        with opened(self._drive / path) as file:
            for _ in range(4):
                begin = rng.randrange(expected.size)
                for offset in range(begin, min(begin + 4 * MIB, expected.size), MIB):
                    expected.check(offset, read_at(file, offset, MIB), MIB)

    def opens_and_closes(self, rng):
        for path in rng.choices([*self._large, *self._small], k=30):
            with opened(self._drive / path):
                pass

    def killed(self, rng):
        """A reader that is killed after some of its bytes, wherever it is then."""
        source = self._drive / rng.choice(self._large)
        with subprocess.Popen(["cat", source], stdout=subprocess.PIPE) as reader:
            reader.stdout.read(rng.choice((1, 100_000, 3 * MIB)))
            reader.send_signal(rng.choice((signal.SIGKILL, signal.SIGINT)))


def test_memory_stays_flat(simulator, make_machine):
    print(f"DRIVEWAY_TEST_SEED={SEED}", file=sys.stderr)
    simulator.seed(
        items=[{"path": f"large/{i}.bin", "size": 20 * MIB, "seed": 70 + i} for i in range(4)],
        trees=[{"path": "small", "folders": 8, "files": 40, "max_size": 150_000, "seed": 4}],
    )
    api = simulator.api()
    files = {
        item["path"]: Expected(api.read(item["id"])) for item in simulator.dump() if "size" in item
    }
    machine = make_machine(life=SECONDS + 300)
    # Less than one time all files: what was read is evicted, and comes again.
    mount = machine.mount("--cache-size", "60M", "--poll", "1s")
    pid = mount.pid
    soak = Soak(mount, files)
    samples = []

    def watch():
        while not soak.is_over():
            samples.append((memory_of(pid), descriptors_of(pid), threads_of(pid)))
            time.sleep(SECONDS / 400)

    run_all([watch, *(lambda i=i: soak.run(random.Random(f"{SEED} {i}")) for i in range(READERS))])
    wait_until_idle(mount)
    print(f"idle: {memory_of(pid) / MIB:.1f} MiB; mounted: {samples[0][0] / MIB:.1f} MiB")
    warm = samples[len(samples) // 4 :]
    third = len(warm) // 3

    def medians(part):
        return [statistics.median(values) for values in zip(*part)]

    first, last = medians(warm[:third]), medians(warm[-third:])
    print(f"{soak.done}")
    for name, part in (("first third", first), ("last third", last)):
        print(
            f"{name}: {part[0] / MIB:.1f} MiB, {part[1]:.0f} descriptors, {part[2]:.0f} threads"
        )
    assert last[0] <= first[0] + MARGIN
    assert last[1] <= first[1] + 64
    assert last[2] <= first[2] + 64
