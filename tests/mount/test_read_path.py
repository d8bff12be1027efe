"""The way of a read under all that may happen to it: faults, no room, contents that are replaced,
many readers (R1, R2, R3, R4). Whatever happens, each byte is right, and afterwards nothing is under way.

All tests share one simulator; each has a machine, and so a cache, of its own."""

import contextlib
import dataclasses
import datetime
import errno
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from support.driveway import memory_of
from support.reading import (
    MIB,
    Expected,
    MappedReader,
    descriptors_of,
    md5_of_bytes,
    open_files_limit,
    opened,
    random_bytes,
    read_at,
    read_at_random,
    read_backward,
    read_forward,
    read_in_strides,
    read_mapped,
    run_all,
    threads_of,
    under_way,
    wait_until_idle,
)
from support.simulator import FIRST_ACCOUNT, Simulator
from support.tree_check import attribute
from support.waiting import blocked_in_fuse, wait_for

SEED = int(os.environ.get("DRIVEWAY_TEST_SEED", "20260"))
NO_FAULTS = {
    **dict.fromkeys(
        ("error_5xx", "error_429", "error_403_rate", "reset", "truncate", "stall", "wrong_range"), 0
    ),
    "flip": 0,
    "retry_after": False,
    "plain_error_bodies": False,
    "path_prefix": "",
    "budget": -1,
}


@dataclasses.dataclass
class World:
    """What the simulator holds: contents by their paths."""

    files: dict
    streams: list  # paths of large files
    small: list  # paths of the files of one folder
    tree: list  # paths of the files of a tree


def _seed(simulator):
    simulator.seed(
        items=[{"path": f"streams/{i}.bin", "size": 24 * MIB, "seed": 50 + i} for i in range(3)],
        trees=[
            {"path": "small", "files": 60, "min_size": 0, "max_size": 40_000, "seed": 4},
            {"path": "tree", "folders": 6, "files": 8, "max_size": 20_000, "seed": 5},
        ],
    )
    api = simulator.api()
    files = {
        item["path"]: Expected(api.read(item["id"])) for item in simulator.dump() if "size" in item
    }

    def below(folder):
        return sorted(path for path in files if path.startswith(f"{folder}/"))

    return World(files, below("streams"), below("small"), below("tree"))


@pytest.fixture(name="running_simulator", scope="module")
def _running_simulator(module_folder):
    with Simulator(f"{module_folder}/simulator") as running:
        running.add_account(FIRST_ACCOUNT, name="Ann", storage_limit=64 << 30)
        running.world = _seed(running)
        yield running


@pytest.fixture(name="simulator")
def _simulator(running_simulator):
    """In the state of its start: profile lan, no faults, quota unlimited."""
    running_simulator.set(profile="lan", quota="unlimited", faults=NO_FAULTS)
    running_simulator.reset_stats()
    print(f"DRIVEWAY_TEST_SEED={SEED}")
    return running_simulator


@pytest.fixture(name="world")
def _world(simulator):
    return simulator.world


# -- every way of reading, under every fault -------------------------------------------------------


def one_large_file(mount, world, rng):
    path = rng.choice(world.streams)
    read_forward(mount.my_drive / path, world.files[path], rng)


def several_large_files(mount, world, rng):
    run_all(
        [
            lambda path=path: read_forward(mount.my_drive / path, world.files[path], rng)
            for path in world.streams
        ]
    )


def at_random(mount, world, rng):
    path = rng.choice(world.streams)
    seeds = [rng.randrange(1 << 30) for _ in range(3)]
    run_all(
        [
            lambda seed=seed: read_at_random(
                mount.my_drive / path, world.files[path], random.Random(seed)
            )
            for seed in seeds
        ]
    )


def mapped_at_random(mount, world, rng):
    path = rng.choice(world.streams)
    read_mapped(mount.my_drive / path, world.files[path], rng)


def small_files(mount, world, rng):
    def read_all(seed):
        paths = list(world.small)
        random.Random(seed).shuffle(paths)
        for path in paths:
            data = (mount.my_drive / path).read_bytes()
            assert data == world.files[path].content, path

    assert len(os.listdir(mount.my_drive / "small")) == len(world.small)
    run_all([lambda seed=rng.randrange(1 << 30): read_all(seed) for _ in range(4)])


def backward_and_in_strides(mount, world, rng):
    backward, strides = rng.sample(world.streams, 2)
    read_backward(mount.my_drive / backward, world.files[backward], rng)
    read_in_strides(mount.my_drive / strides, world.files[strides], rng)


def ls_and_reads(mount, world, rng):
    def list_all():
        done = subprocess.run(
            ["ls", "-lR", mount.my_drive], capture_output=True, timeout=100, check=True
        )
        assert done.stdout.count(b".bin\n") == len(world.files), "a listing is not complete"

    def read_all():
        for path in rng.sample(world.tree, len(world.tree)):
            assert (mount.my_drive / path).read_bytes() == world.files[path].content, path

    run_all([list_all, read_all, lambda: one_large_file(mount, world, rng)])


WORKLOADS = (
    one_large_file,
    several_large_files,
    at_random,
    mapped_at_random,
    small_files,
    backward_and_in_strides,
    ls_and_reads,
)

# So likely that every workload meets some, and so few that the pauses before retries are short.
FAULTS = {
    "5xx": {"error_5xx": 0.7, "budget": 2},
    "resets": {"reset": 0.7, "budget": 2},
    "truncations": {"truncate": 0.7, "budget": 2},
    "wrong ranges": {"wrong_range": 1.0, "budget": 2},
    "429": {"error_429": 0.7, "budget": 1},
    "429 with Retry-After": {"error_429": 0.7, "retry_after": True, "budget": 1},
    "403": {"error_403_rate": 0.7, "budget": 1},
    "403 with Retry-After": {"error_403_rate": 0.7, "retry_after": True, "budget": 1},
    "stalls": {"stall": 0.7, "stall_time": 400, "budget": 3},
    "expiring tokens": {},
}


@contextlib.contextmanager
def expiring_tokens(simulator):
    end = threading.Event()

    def expire():
        while not end.wait(0.5):
            simulator.expire_tokens()

    simulator.expire_tokens()
    thread = threading.Thread(target=expire)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.__name__)
@pytest.mark.parametrize("kind", FAULTS)
def test_bytes_are_right_under_faults(simulator, world, machine, kind, workload):
    rng = random.Random(f"{SEED} {kind} {workload.__name__}")
    mount = machine.mount("--poll", "1h")
    simulator.reset_stats()
    simulator.set(faults=FAULTS[kind], network={"seed": rng.randrange(1 << 30)})
    expiring = expiring_tokens(simulator) if kind == "expiring tokens" else contextlib.nullcontext()
    with expiring:
        workload(mount, world, rng)
    stats = simulator.stats()
    faults = {name: count for name, count in stats["faults"].items() if count}
    refused = sum(method["statuses"].get("401", 0) for method in stats["methods"].values())
    print(f"{faults}, {refused} tokens refused, {stats['requests']} requests")
    if kind == "expiring tokens":
        assert refused, "no request came with an expired token"
    elif not (kind == "wrong ranges" and workload is small_files):  # they come without a range
        assert faults, "no fault happened"
    wait_until_idle(mount)


def test_flipped_bits_are_never_seen_where_the_md5_tells(simulator, world, machine):
    rng = random.Random(f"{SEED} flips")
    mount = machine.mount("--poll", "1h")
    simulator.set(faults={"flip": 0.3, "budget": 12}, network={"seed": rng.randrange(1 << 30)})
    small_files(mount, world, rng)
    assert simulator.stats()["faults"]["flip"]
    wait_until_idle(mount)


# -- no room ---------------------------------------------------------------------------------------


def content_files(machine):
    return [path for path in machine.cache.glob("*/content/*/*") if path.is_file()]


def on_disk(machine):
    used = 0
    for path in content_files(machine):
        with contextlib.suppress(FileNotFoundError):
            used += path.stat().st_blocks * 512
    return used


def read_at_random_forever(mount, world, paths, rng, end):
    """Opens one of `paths` after the other, keeps three open, until `end` is set."""
    files = []
    try:
        while not end.is_set():
            path = rng.choice(paths)
            files.append((os.open(mount.my_drive / path, os.O_RDONLY), world.files[path]))
            if len(files) > 3:
                os.close(files.pop(rng.randrange(len(files)))[0])
            for _ in range(6):
                file, expected = rng.choice(files)
                offset = rng.randrange(expected.size)
                length = rng.choice((1, 5000, 300_000, 2 * MIB))
                expected.check(offset, read_at(file, offset, length), length)
    finally:
        for file, _ in files:
            os.close(file)


@pytest.mark.parametrize("cap", [8, 32], ids=["less than one file", "less than all files"])
def test_eviction_while_files_are_read(simulator, world, machine, cap):
    """Six readers at random offsets and two that read on, over three times 24 MiB (R2)."""
    mount = machine.mount("--cache-size", f"{cap}M", "--poll", "1h")
    end = threading.Event()
    largest = [0]

    def read_on(seed):
        rng = random.Random(f"{SEED} {seed}")
        try:
            for _ in range(3):
                one_large_file(mount, world, rng)
                largest[0] = max(largest[0], on_disk(machine))
        finally:
            end.set()

    jobs = [lambda seed=seed: read_on(seed) for seed in range(2)]
    jobs += [
        lambda seed=seed: read_at_random_forever(
            mount, world, world.streams, random.Random(f"{SEED} {cap} {seed}"), end
        )
        for seed in range(6)
    ]
    run_all(jobs)
    metrics = mount.status()["metrics"]
    print(
        f"{metrics['cache.evictions']} evictions, at most {largest[0] / MIB:.1f} MiB on disk, "
        f"{metrics['drive.bytes_read'] / MIB:.0f} MiB fetched"
    )
    assert largest[0] <= (cap + 1) * MIB
    wait_until_idle(mount)


def test_small_files_that_are_evicted_while_they_are_read(simulator, machine):
    simulator.seed(
        trees=[{"path": "crowd", "files": 300, "min_size": 1, "max_size": 300_000, "seed": 6}]
    )
    sums = {
        item["names"][-1]: item["md5Checksum"]
        for item in simulator.dump()
        if item["path"].startswith("crowd/")
    }
    mount = machine.mount("--cache-size", "6M", "--poll", "1h")
    folder = mount.my_drive / "crowd"

    def read_all(seed):
        for name in random.Random(f"{SEED} {seed}").sample(sorted(sums), len(sums)):
            assert md5_of_bytes((folder / name).read_bytes()) == sums[name], name

    run_all([lambda seed=seed: read_all(seed) for seed in range(6)])
    assert mount.status()["metrics"]["cache.evictions"]
    assert on_disk(machine) <= 7 * MIB
    wait_until_idle(mount)


# -- R1: never a mixture ---------------------------------------------------------------------------

SIZE = 24 * MIB


class Replaced:
    """A file in Drive that has content "old", and is given "new" and "old" in turn."""

    def __init__(self, simulator, name):
        self._api = simulator.api()
        self.contents = {"old": random_bytes(SEED, SIZE), "new": random_bytes(SEED + 1, SIZE)}
        self.name = name
        self.id = self._api.create(name, self.contents["old"])["id"]
        self.now = "old"

    def replace(self, times=1):
        for _ in range(times):
            self.set("new" if self.now == "old" else "old")

    def set(self, name):
        self.now = name
        self._api.set_content(self.id, self.contents[name])

    def delete(self):
        self._api.delete(self.id)

    def name_of(self, offset, data):
        """Whose bytes they are; "none" if of no one revision."""
        names = [
            name
            for name, content in self.contents.items()
            if content[offset : offset + len(data)] == data
        ]
        return names[0] if names else "none"


class Handle:
    """One open file, and whose bytes it gave: of one revision only, then perhaps ESTALE (R1)."""

    def __init__(self, mount, replaced):
        self._replaced = replaced
        self._file = os.open(mount.my_drive / replaced.name, os.O_RDONLY)
        self.seen = set()
        self.stale = False

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        os.close(self._file)

    def read(self, offset, length):
        """By one pread. A handle may go stale, and still give what it has of its revision."""
        try:
            data = os.pread(self._file, length, offset)
        except OSError as error:
            assert error.errno == errno.ESTALE, error
            self.stale = True
            return
        assert data or offset >= SIZE
        self.seen.add(self._replaced.name_of(offset, data))
        assert len(self.seen) == 1 and "none" not in self.seen, f"{self.seen} at {offset}"


def in_order(mount, replaced, _rng):
    """Big reads, one after the other."""
    with Handle(mount, replaced) as handle:
        for offset in range(0, SIZE, 2 * MIB):
            yield
            handle.read(offset, 2 * MIB)
        for offset in range(0, SIZE, 3 * MIB):
            handle.read(offset, 64)
    yield handle


def scattered(mount, replaced, rng):
    with Handle(mount, replaced) as handle:
        for _ in range(40):
            yield
            handle.read(rng.randrange(SIZE - MIB), rng.choice((16, 4096, MIB)))
    yield handle


def two_handles(mount, replaced, rng):
    """One reads on, one here and there, in turn; the second was opened in the middle."""
    with Handle(mount, replaced) as first:
        for offset in range(0, SIZE // 2, MIB):
            yield
            first.read(offset, MIB)
        with Handle(mount, replaced) as second:
            for offset in range(SIZE // 2, SIZE, MIB):
                yield
                second.read(rng.randrange(SIZE - MIB), 100_000)
                first.read(offset, MIB)
        # An open file's inode has one content (R1a): who opened the same has the same bytes.
    yield first


def mapped(mount, replaced, rng):
    seed = rng.randrange(1 << 30)
    path = mount.my_drive / replaced.name
    with MappedReader(path, replaced.contents, seed, times=40) as reader:
        seen = set()
        yield
        while name := reader.next():
            seen.add(name)
            yield
        assert len(seen) <= 1 and "none" not in seen, seen
        assert reader.returncode in (0, -signal.SIGBUS)
        assert seen or reader.returncode
    yield reader


READERS = (in_order, scattered, two_handles, mapped)
TIMES = (1, 2, 4)  # so often is the file replaced while one reader has it


def run_with_replacements(steps, replaced, moments):
    """Reads to the end; replaces the file before the reads of these numbers."""
    for number, _ in enumerate(steps):
        if number in moments:
            replaced.replace()


def moments_from(first, times, rng):
    """`times` numbers of reads, close together so that answers are cut by more than one."""
    moments = [first]
    while len(moments) < times:
        moments.append(moments[-1] + rng.randrange(1, 3))
    return moments


@pytest.fixture(name="replaced")
def _replaced(simulator):
    file = Replaced(simulator, "replaced.bin")
    yield file
    simulator.set(faults=NO_FAULTS)
    file.delete()


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("poll", ["1h", "100ms"], ids=["unheard", "told by the feed"])
def test_replaced_between_reads(simulator, make_machine, replaced, poll, reader, times):
    """Before the first byte, and after any number of reads. Then the mount comes to the truth."""
    rng = random.Random(f"{SEED} {poll} {reader.__name__} {times}")
    for moment in (0, 1, rng.randrange(2, 10)):
        machine = make_machine()
        mount = machine.mount("--poll", poll)
        assert (mount.my_drive / replaced.name).stat().st_size == SIZE
        moments = moments_from(moment, times, rng)
        run_with_replacements(reader(mount, replaced, rng), replaced, moments)
        if poll == "100ms":
            data = replaced.contents[replaced.now]
            wait_for(lambda: (mount.my_drive / replaced.name).read_bytes() == data, "the truth")
        wait_until_idle(mount)
        mount.unmount()


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_replaced_and_back_before_its_revision_was_asked_for(
    simulator, machine, replaced, reader
):
    """The first bytes are of the new content, the others of the old one, which is as the mount knows the
    file: what tells is its head revision."""
    rng = random.Random(f"{SEED} {reader.__name__}")
    mount = machine.mount("--poll", "1h")
    assert (mount.my_drive / replaced.name).stat().st_size == SIZE
    simulator.set(network={"get_latency": 1000})
    run_with_replacements(reader(mount, replaced, rng), replaced, (0, 1))
    simulator.set(network={"get_latency": 1})
    wait_until_idle(mount)


def test_two_handles_of_an_inode_whose_file_was_replaced_twice(simulator, machine, replaced):
    """The second handle, of the same inode as the first, must not bring bytes of a third content into
    pages that the first one reads (R1)."""
    mount = machine.mount("--poll", "1h")
    assert (mount.my_drive / replaced.name).stat().st_size == SIZE
    replaced.replace()
    with Handle(mount, replaced) as first:
        first.read(0, 4096)
        assert first.seen == {"new"}, "the first answer is shown as it comes"
        wait_for(lambda: mount.status()["metrics"]["transfer.stale"], "the new revision to be found")
        replaced.contents["third"] = random_bytes(SEED + 2, SIZE)
        replaced.set("third")
        with Handle(mount, replaced) as second:
            for offset in range(0, SIZE, MIB):
                second.read(offset, MIB)
            for offset in range(0, SIZE, MIB):
                first.read(offset, 4096)
    wait_until_idle(mount)


@pytest.mark.parametrize("poll", ["1h", "100ms"], ids=["unheard", "told by the feed"])
def test_two_handles_of_a_file_that_was_replaced_and_put_back(simulator, machine, replaced, poll):
    """The first handle was shown another content than the mount knew, and than Drive has again: no
    page of the right one may come into its inode (R1). A second handle reads the right one."""
    mount = machine.mount("--poll", poll)
    path = mount.my_drive / replaced.name
    before = path.stat()
    simulator.set(network={"get_latency": 1000})
    replaced.replace()
    with Handle(mount, replaced) as first:
        first.read(0, 4096)
        assert first.seen == {"new"}, "the first answer is shown as it comes"
        replaced.replace()
        simulator.set(network={"get_latency": 1})
        wait_for(lambda: mount.status()["metrics"]["transfer.stale"], "the new head to be found")
        with Handle(mount, replaced) as second:
            for offset in range(0, SIZE, MIB):
                second.read(offset, MIB)
            assert second.seen == {"old"} and not second.stale
            for offset in range(0, SIZE, MIB):
                first.read(offset, 4096)
        assert path.stat().st_ino != before.st_ino
    assert path.read_bytes() == replaced.contents["old"]
    wait_until_idle(mount)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_replaced_in_the_middle_of_an_answer(simulator, make_machine, replaced, reader, times):
    """Some of an answer has come, the rest comes after the replacement: of the old content."""
    rng = random.Random(f"{SEED} {reader.__name__} {times}")
    for round_ in range(2):
        simulator.reset_stats()
        # Answers of any length hang for long enough to replace the file.
        simulator.set(
            faults={
                "stall": 1.0,
                "stall_time": 1500,
                "budget": 1 + round_,
                "path_prefix": f"/drive/v3/files/{replaced.id}",
            },
            network={"seed": rng.randrange(1 << 30)},
        )
        machine = make_machine()
        mount = machine.mount("--poll", "1h")
        assert (mount.my_drive / replaced.name).stat().st_size == SIZE

        def replace():
            wait_for(lambda: simulator.stats()["faults"]["stall"], "an answer that hangs")
            replaced.replace(times)

        replacing = threading.Thread(target=replace)
        replacing.start()
        run_with_replacements(reader(mount, replaced, rng), replaced, ())
        replacing.join()
        wait_until_idle(mount)


@pytest.mark.parametrize("times", TIMES)
def test_replaced_while_it_is_read_past_a_small_cache(simulator, machine, replaced, times):
    """Bytes that have no room in the cache are of the same revision as those that had (R1)."""
    rng = random.Random(f"{SEED} {times}")
    mount = machine.mount("--cache-size", "6M", "--poll", "1h")
    for reader in (in_order, scattered, two_handles):
        moments = moments_from(rng.randrange(10), times, rng)
        run_with_replacements(reader(mount, replaced, rng), replaced, moments)
    wait_until_idle(mount)


# -- R3, R4: what is asked of Drive, and when ------------------------------------------------------


BIG = 768 * MIB


@pytest.fixture(name="big")
def _big(simulator):
    """A file that no mount has seen."""
    if not hasattr(simulator, "big"):
        simulator.seed(items=[{"path": "big/big.bin", "size": BIG, "seed": 90}])
        simulator.big = True
    return "big/big.bin"


def to_seconds(entry):
    """When a request of the log began, in seconds of one clock."""
    moment = datetime.datetime.fromisoformat(entry["started"].replace("Z", "+00:00"))
    return moment.timestamp()


def first_byte_at(entry):
    return to_seconds(entry) + entry["first_byte_ms"] / 1000


def range_of(entry):
    """[begin, end) of a request for a part."""
    begin, end = entry["range"].removeprefix("bytes=").split("-")
    return int(begin), int(end) + 1


def test_the_first_read_of_a_cold_file_is_one_get(simulator, machine, big):
    mount = machine.mount("--poll", "1h")
    assert os.stat(mount.my_drive / big).st_size == BIG
    simulator.set(profile="colab", quota="unlimited")
    wait_until_idle(mount)
    simulator.reset_stats()
    since = max((entry["seq"] for entry in simulator.log()), default=0)
    with opened(mount.my_drive / big) as file:
        assert len(os.pread(file, 4096, 0)) == 4096
    wait_until_idle(mount)
    asked = wait_for(lambda: simulator.log(since), "the requests to end")
    first = min(asked, key=to_seconds)
    assert first["method"] == "files.get_media"
    assert not first["range"] or range_of(first)[0] == 0
    others = [e for e in asked if e is not first and to_seconds(e) < first_byte_at(first)]
    assert not others, "more was asked for than the first read waits for"


def test_a_seek_cancels_what_was_on_its_way(simulator, machine, big):
    mount = machine.mount("--poll", "1h")
    os.stat(mount.my_drive / big)
    simulator.set(profile="colab", quota="unlimited")
    since = max((entry["seq"] for entry in simulator.log()), default=0)
    with opened(mount.my_drive / big) as file:
        for offset in range(0, 200 * MIB, MIB):
            os.pread(file, MIB, offset)
        # Slow enough that the window is far from being here when it is not wanted any more.
        simulator.set(network={"connection_bandwidth": 4 * MIB, "total_bandwidth": 16 * MIB})
        window = mount.status()["metrics"]["transfer.in_flight_bytes"]
        os.pread(file, 4096, BIG - 20 * MIB)
    wait_until_idle(mount)
    media = [e for e in simulator.log(since) if e["method"] == "files.get_media"]
    unsent = sum(range_of(e)[1] - range_of(e)[0] - e["bytes_out"] for e in media)
    print(f"{window / MIB:.0f} MiB were on their way; {unsent / MIB:.0f} MiB were never sent")
    assert window >= 8 * MIB, "nothing was read ahead"
    assert unsent >= window / 2


def test_an_answer_that_stalls_is_asked_for_again(simulator, world, machine):
    """By the log: the reader is through while the answer hangs; others have brought the rest."""
    rng = random.Random(f"{SEED} stall")
    path = world.streams[0]
    mount = machine.mount("--poll", "1h")
    os.stat(mount.my_drive / path)
    since = max((entry["seq"] for entry in simulator.log()), default=0)
    simulator.set(faults={"stall": 1.0, "stall_time": 20_000, "budget": 1})
    read_forward(mount.my_drive / path, world.files[path], rng)
    ended = simulator.log(since)
    assert simulator.stats()["faults"]["stall"] == 1
    assert all(entry["fault"] != "stall" for entry in ended), "the reader waited for it"
    assert mount.status()["metrics"]["transfer.asked_again"] >= 1
    wait_until_idle(mount)
    assert [e for e in ended if e["method"] == "files.get_media"], "nothing else brought the rest"


def test_a_reader_is_served_while_prefetch_takes_all_the_quota(simulator, machine, world, crowd):
    """By the log: its GET comes before all but a few of those that nobody waits for (R4)."""
    path = world.streams[1]
    mount = machine.mount("--poll", "1h", "--quota", "2026")
    os.stat(mount.my_drive / path)
    folder = mount.my_drive / "many/d00000"
    names = sorted(os.listdir(folder))
    since = max((entry["seq"] for entry in simulator.log()), default=0)
    simulator.set(quota="2026")
    end = threading.Event()

    def read_in_order():
        for name in names:
            if end.is_set():
                return
            data = (folder / name).read_bytes()
            assert md5_of_bytes(data) == crowd[f"many/d00000/{name}"], name

    def downloads():
        return simulator.stats()["methods"].get("files.get_media", {}).get("count", 0)

    def read_amid():
        try:
            # 54,000 units at once, then 5,416 a second; a download takes 200.
            wait_for(lambda: downloads() > 300, "the quota to be used up")
            print(f"{len(names)} files, {mount.status()['metrics']['siblings.prefetched']} ahead")
            begin = time.time()
            with opened(mount.my_drive / path) as file:
                world.files[path].check(0, os.pread(file, 4096, 0), 4096)
            marks.append(begin)
        finally:
            end.set()

    marks = []
    run_all([read_in_order, read_amid])
    simulator.set(quota="unlimited")
    wait_until_idle(mount)
    media = [e for e in simulator.log(since) if e["method"] == "files.get_media"]
    own = min(
        (e for e in media if attribute(mount.my_drive / path, "id") in e["target"]), key=to_seconds
    )
    before = [e for e in media if marks[0] < to_seconds(e) < to_seconds(own)]
    print(f"{len(before)} of {len(media)} downloads began between the read and its own")
    assert len(before) <= 8
    refused = sum(entry["refused"] for entry in media)
    assert refused <= len(media) / 50


# -- readers that go -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_stays_behind_of_readers_that_are_killed(simulator, machine, big, number):
    """Several, in the middle of their waits."""
    mount = machine.mount("--poll", "1h")
    os.stat(mount.my_drive / big)
    simulator.set(network={"connection_bandwidth": MIB, "total_bandwidth": 4 * MIB})
    readers = [
        subprocess.Popen(
            ["dd", f"if={mount.my_drive / big}", "of=/dev/null", "bs=1M", f"skip={skip}"],
            stderr=subprocess.DEVNULL,
        )
        for skip in (0, 40, 80, 120, 150)
    ]
    for reader in readers:
        wait_for(lambda pid=reader.pid: blocked_in_fuse(pid), "dd to wait")
    assert under_way(mount)
    for reader in readers:
        reader.send_signal(number)
    for reader in readers:
        assert reader.wait(30) == -number
    simulator.set(profile="lan")  # what the kernel reads ahead, nobody interrupts
    wait_until_idle(mount)
    with opened(mount.my_drive / big) as file:
        assert len(read_at(file, 100 * MIB, MIB)) == MIB
    wait_until_idle(mount)


# -- many ------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Size:
    """What a daemon takes."""

    descriptors: int
    threads: int
    memory: int

    @classmethod
    def of(cls, mount):
        pid = mount.pid
        return cls(descriptors_of(pid), threads_of(pid), memory_of(pid))

    def __str__(self):
        return (
            f"{self.descriptors} descriptors, {self.threads} threads, {self.memory / MIB:.0f} MiB"
        )


@pytest.fixture(name="listed")
def _listed(simulator):
    """A folder of 20 files that `ls` must show at any time."""
    if not hasattr(simulator, "listed"):
        simulator.seed(trees=[{"path": "listed", "files": 20, "size": 10, "seed": 3}])
        simulator.listed = True

    def check(mount):
        done = subprocess.run(
            ["ls", "-l", mount.my_drive / "listed"], capture_output=True, timeout=60, check=True
        )
        assert done.stdout.count(b"\n") == 21

    return check


@pytest.fixture(name="crowd")
def _crowd(simulator):
    """10,000 files: their names, and the first bytes of each."""
    if not hasattr(simulator, "many"):
        simulator.seed(
            trees=[
                {"path": "many", "folders": 20, "files": 480, "size": 3000, "seed": 7},
                {"path": "many/larger", "files": 400, "size": 200_000, "seed": 8},
            ]
        )
        simulator.many = {
            item["path"]: item["md5Checksum"]
            for item in simulator.dump()
            if item["path"].startswith("many/") and "size" in item
        }
    assert len(simulator.many) == 10_000
    return simulator.many


def mount_with_few_descriptors(machine, *options):
    """As a shell starts it: a soft limit of 1,024 open files."""
    with open_files_limit(1024):
        return machine.mount(*options)


@pytest.mark.heavy
def test_10000_open_files(simulator, make_machine, listed, crowd):
    machine = make_machine()
    mount = mount_with_few_descriptors(machine, "--poll", "1h")
    listed(mount)
    subprocess.run(["ls", "-R", mount.my_drive / "many"], capture_output=True, check=True)
    before = Size.of(mount)
    files = {}

    def open_some(paths):
        for path in paths:
            file = os.open(mount.my_drive / path, os.O_RDONLY)
            files[path] = file
            assert len(os.pread(file, 100, 0)) == 100

    def read_whole(paths):
        for path in paths:
            data = read_at(files[path], 0, MIB)
            assert md5_of_bytes(data) == crowd[path], path

    paths = random.Random(f"{SEED} open").sample(sorted(crowd), len(crowd))
    with open_files_limit(15_000):
        try:
            run_all([lambda part=paths[i::16]: open_some(part) for i in range(16)])
            assert len(files) == 10_000
            listed(mount)
            during = Size.of(mount)
            run_all([lambda part=paths[i::16]: read_whole(part) for i in range(16)])
            listed(mount)
        finally:
            for file in files.values():
                os.close(file)
    wait_until_idle(mount)
    after = Size.of(mount)
    print(f"before: {before}\n10,000 open: {during}\nafter: {after}")
    assert during.descriptors < 1000
    assert after.descriptors <= before.descriptors + 560, "what the cache keeps open, and sockets"
    assert after.memory < before.memory + 120 * MIB


@pytest.mark.heavy
def test_1000_readers_at_once(simulator, machine, world, listed, crowd):
    """Each waits for bytes of its own at the same time as all others."""
    mount = mount_with_few_descriptors(machine, "--poll", "1h")
    listed(mount)
    subprocess.run(["ls", "-R", mount.my_drive / "many"], capture_output=True, check=True)
    os.listdir(mount.my_drive / "streams")
    before = Size.of(mount)
    simulator.set(network={"media_first_byte": 150, "connection_bandwidth": 8 * MIB})
    rng = random.Random(f"{SEED} readers")
    all_there = threading.Barrier(1001)

    def read_small(path):
        all_there.wait()
        assert md5_of_bytes((mount.my_drive / path).read_bytes()) == crowd[path], path

    def read_large(seed):
        draw = random.Random(seed)
        path = draw.choice(world.streams)
        all_there.wait()
        read_at_random(mount.my_drive / path, world.files[path], draw, times=5)

    def list_meanwhile():
        all_there.wait()
        begin = time.monotonic()
        listed(mount)
        print(f"`ls` among 1,000 readers: {time.monotonic() - begin:.2f} s; {Size.of(mount)}")

    def run_round(round_):
        paths = rng.sample(sorted(crowd), 800)
        jobs = [lambda path=path: read_small(path) for path in paths]
        jobs += [lambda seed=seed: read_large(f"{SEED} {round_} {seed}") for seed in range(200)]
        run_all([*jobs, list_meanwhile])
        wait_until_idle(mount)
        return Size.of(mount)

    with open_files_limit(15_000):
        rounds = [run_round(round_) for round_ in range(3)]
    for size in (before, *rounds):
        print(size)
    # Threads for requests of the kernel stay once they were needed; no second crowd needs more.
    assert rounds[-1].descriptors <= before.descriptors + 560
    assert rounds[-1].threads <= max(rounds[0].threads + 64, 1024 + 128)
    assert rounds[-1].memory < rounds[0].memory + 48 * MIB
