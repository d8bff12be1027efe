"""Readers that compare every byte which they are given, and what a daemon has under way."""

import contextlib
import hashlib
import os
import pathlib
import random
import resource
import subprocess
import sys
import threading

from support.waiting import wait_for

MIB = 1 << 20

# Gauges of docs/METRICS.md that count something under way: zero when nobody wants anything.
UNDER_WAY = (
    "transfer.in_flight_bytes",
    "transfer.slots.listing",
    "transfer.slots.media",
    "transfer.waiting",
    "siblings.in_flight",
    "tree.waiting",
    "drive.quota.waiting",
    "http.in_flight",
)


def under_way(mount):
    """What is not zero of the gauges above; every one of them must be there."""
    metrics = mount.status()["metrics"]
    return {name: metrics[name] for name in UNDER_WAY if metrics[name]}


def wait_until_idle(mount, timeout=60):
    """Until nothing is under way any more."""

    def idle():
        busy = under_way(mount)
        assert not busy, busy
        return True

    wait_for(idle, "every gauge of what is under way to be zero", timeout)


def random_bytes(seed, size):
    return random.Random(seed).randbytes(size)


class Expected:
    """The bytes that a file must have. Calls are of any thread."""

    def __init__(self, content):
        self.content = content
        self.size = len(content)

    def check(self, offset, data, length):
        """`data` is what a read of `length` from `offset` gave."""
        right = self.content[offset : offset + length]
        assert data == right, f"{len(data)} bytes from {offset} are wrong, of {len(right)}"


def read_at(file, offset, length):
    """All of the range that the file has, by as many preads as the kernel needs."""
    data = os.pread(file, length, offset)
    while data and len(data) < length:
        more = os.pread(file, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


@contextlib.contextmanager
def opened(path):
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


# -- ways to read one file: read(path, expected, rng) ---------------------------------------------


def read_forward(path, expected, _rng, piece=MIB):
    with opened(path) as file:
        for offset in range(0, expected.size, piece):
            expected.check(offset, read_at(file, offset, piece), piece)
        assert os.pread(file, piece, expected.size) == b""


def read_backward(path, expected, _rng, piece=256 * 1024):
    with opened(path) as file:
        for offset in reversed(range(0, expected.size, piece)):
            expected.check(offset, read_at(file, offset, piece), piece)


def read_in_strides(path, expected, rng, piece=64 * 1024, stride=2 * MIB + 64 * 1024):
    with opened(path) as file:
        for offset in range(rng.randrange(stride), expected.size, stride):
            expected.check(offset, read_at(file, offset, piece), piece)


def read_at_random(path, expected, rng, times=40):
    with opened(path) as file:
        for _ in range(times):
            offset = rng.randrange(expected.size)
            length = rng.choice((1, 4096, 100_000, MIB))
            expected.check(offset, read_at(file, offset, length), length)


def read_mapped(path, expected, rng, times=60):
    """In a process of its own: a page that cannot be had kills it."""
    with MappedReader(path, {"right": expected.content}, rng.randrange(1 << 30), times) as reader:
        assert set(reader.finish()) == {"right"}
        assert reader.returncode == 0


class MappedReader:
    """The program mapped_reader.py on `path`. `contents`: by a name, the bytes that it may see."""

    def __init__(self, path, contents, seed, times):
        self._folder = pathlib.Path("/dev/shm") / f"driveway-test-{os.getpid()}-{id(self)}"
        self._folder.mkdir(mode=0o700)
        try:
            for name, content in contents.items():
                (self._folder / name).write_bytes(content)
            program = pathlib.Path(__file__).with_name("mapped_reader.py")
            self._process = subprocess.Popen(
                [sys.executable, program, path, self._folder, str(seed), str(times)],
                stdout=subprocess.PIPE,
                text=True,
            )
        except BaseException:
            self._remove()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._remove()

    def _remove(self):
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()

    def next(self):
        """The name of the content that it saw next, or "" when it has ended."""
        return self._process.stdout.readline().strip()

    def finish(self):
        """The names of all that it saw from now on."""
        seen = self._process.stdout.read().split()
        self._process.wait()
        return seen

    @property
    def returncode(self):
        """Of a process that has ended: -SIGBUS if a page could not be had."""
        return self._process.wait()


# -- many at once -----------------------------------------------------------------------------------


def run_all(jobs, stack=256 * 1024):
    """Calls each of `jobs` in a thread of its own, and raises the first error of any."""
    errors = []

    def run(job):
        try:
            job()
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    before = threading.stack_size(stack)
    try:
        threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
    finally:
        threading.stack_size(before)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def md5_of_bytes(data):
    return hashlib.md5(data).hexdigest()


@contextlib.contextmanager
def open_files_limit(soft):
    """The soft RLIMIT_NOFILE of this process, and of what it starts, while the block runs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads_of(pid):
    return len(os.listdir(f"/proc/{pid}/task"))
