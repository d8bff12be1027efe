"""kill -9 of the daemon while programs write (design: test ladder 6): nothing that was acknowledged is lost,
torn or doubled, at once after the next mount, and in Drive, read back through its API (D1, J1, J2, J4, J12).

The daemon dies at random moments and at every named fault point; 20 random rounds with appends of 8 MiB, 500
of 64 MiB with DRIVEWAY_TEST_LONG=1, where the largest append has 1 GiB instead of 64 MiB. A seed is printed for
each round."""

import os
import random
import signal
import time

import pytest

from support.contents import Content
from support.programs import fault_points, program_with_fault_points
from support.waiting import wait_for
from support.write_load import LOADS, MIB, Reader, Writer, found_in_drive, found_on_disk
from support.writing import LONG, duplicates, flush, wipe_clean_state

ROUNDS = 500 if LONG else 20
PARTS = 4  # which several processes can take at a time
WRITERS = 4
LARGE = (64 if LONG else 8) * MIB  # an append
LARGEST = (1024 if LONG else 64) * MIB
LIFE = 12 * 3600 if LONG else 600
LONGEST = 1.2  # seconds under load before the daemon is killed
FIRST_SEED = int(os.environ.get("DRIVEWAY_TEST_SEED") or random.randrange(1 << 30))
# Uploads and the feed go on while it is written.
OPTIONS = ("--settle", "200ms", "--poll", "1s")
# At Drive's pace more waits at the kill, without one more is on its way; afterwards all goes there.
PACES = ("unlimited", "unlimited", "auto")
NO_PACE = ("--quota", "unlimited")


class Crashes:
    """Rounds on one Drive; what one leaves is what the next begins with."""

    def __init__(self, simulator, machine, seed, others=None):
        """`others`: a folder that is not the writers'."""
        self.simulator, self.machine = simulator, machine
        self._others = {others} - {None}
        self._random = random.Random(seed)
        self._api, self._api_ends = None, 0
        self.writers = [Writer(f"writer{n}", (seed << 4) + n) for n in range(WRITERS)]

    def random_round(self, load, large=LARGE, longest=LONGEST):
        """Killed at a random moment."""
        begin = time.monotonic()
        mount = self.machine.mount(*OPTIONS, "--quota", self._random.choice(PACES))
        (pid,) = self.machine.daemons()
        self._start(mount, load, large)
        moment = self._random.uniform(0.02, longest)
        # The load is the subject: it goes on until some moment, which no state marks.
        time.sleep(moment)
        self._kill(pid)
        under_load = time.monotonic() - begin
        self._check_after_crash()
        print(
            f"{load}: killed after {moment:.2f} s under load; "
            f"{self._done()} operations so far, {under_load:.1f} + "
            f"{time.monotonic() - begin - under_load:.1f} s"
        )

    def round_at(self, point):
        """Killed at a fault point. Whether it came there."""
        passages = dict.fromkeys((self._random.choice((1, 1, 2, 3, 7)), 1))
        for passage in passages:
            left = LEFT_BY.get(point)
            if left:
                assert self._dies_at(left, 1), f"{left}: not reached"
            elif self.machine.cache.exists():
                wipe_clean_state(self.machine)  # a start that has all to learn anew
            reached = self._dies_at(point, passage)
            self._check_after_crash()
            print(f"{point}@{passage}: {'killed there' if reached else 'not reached'}")
            if reached:
                return True
        return False

    def _dies_at(self, point, passage):
        """Mounts, and does everything that there is to do until the daemon dies there."""
        fault = {"DRIVEWAY_FAULT": f"{point}=kill@{passage}"}
        mounted = self.machine.run(
            "mount", self.mountpoint, *OPTIONS, *NO_PACE, environment=fault
        )
        if mounted.returncode != 0:
            self.machine.wait_until_no_daemon()
            return True
        mount = self.machine.at(self.mountpoint)
        pids = self.machine.daemons()
        reader = Reader(mount.my_drive)
        self._start(mount, "everything", 8 * MIB)
        reached = self._dies_within(LONGER.get(point, PATIENCE))
        if not reached:
            # What only happens where something goes, or once nothing is written any more. Not beside writers:
            # a command that is started here closes its copies of their files, and that acknowledges them.
            for writer in self.writers:
                writer.stop()
            self.machine.run("cache", "clear", timeout=60)
            self.machine.run("flush", self.mountpoint, "--timeout=30s", timeout=60)
            reached = not self.machine.daemons()
        self._kill(*pids, reader=reader)
        assert reader.error is None, f"the reader: {reader.error}"
        return reached

    @property
    def mountpoint(self):
        return self.machine.folder / "mnt"

    def _start(self, mount, load, large):
        for writer in self.writers:
            writer.start(mount.my_drive, load, large)

    def _dies_within(self, seconds):
        try:
            wait_for(
                # What is left of the daemon may keep the writers waiting.
                lambda: not self.machine.daemons()
                or not any(writer.is_running for writer in self.writers),
                "the fault point",
                timeout=seconds,
            )
        except AssertionError:
            return False
        return True

    def _kill(self, *pids, reader=None):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # the fault point was quicker
        self.machine.wait_until_no_daemon()
        ends = [writer.join for writer in self.writers] + ([reader.stop] if reader else [])
        if not all([end(timeout=5) for end in ends]):
            # What is left of the daemon may wait in the kernel for who waits for it (LOCKS.md, 6). The next
            # mount would end that; but a command that is started here would wait first, to close its copies
            # of the writers' files.
            self.machine.abort_mounts()
            for end in ends:
                end()
        for writer in self.writers:
            assert writer.error is None, f"{writer.name}: an error that no crash explains"

    def _check_after_crash(self):
        mount = self.machine.mount(*OPTIONS, *NO_PACE)
        for writer in self.writers:
            self._judge(writer, found_on_disk(mount.my_drive / writer.name), "mounted again")
        flush(mount)
        mount.unmount()
        self.machine.wait_until_no_daemon()
        if self._random.random() < 0.5:
            wipe_clean_state(self.machine)
        items, api = self.simulator.dump(), self._client()
        assert not duplicates(items), duplicates(items)
        names = {item["names"][0] for item in items} - self._others
        assert names <= {writer.name for writer in self.writers}, "something that nobody made"
        for writer in self.writers:
            # It is what the mount showed already: an outcome that is open stays what it was.
            self._judge(writer, found_in_drive(items, api, writer.name), "in Drive")

    def _client(self):
        """One for half an hour: each comes with a refresh token, and the hundredth ends the machine's own."""
        if time.monotonic() > self._api_ends:
            self._api, self._api_ends = self.simulator.api(), time.monotonic() + 1800
        return self._api

    def _judge(self, writer, found, where):
        in_flight = writer.ledger.in_flight
        problems = writer.ledger.settle(found)
        assert not problems, (
            f"{writer.name}, {where}: {problems[:5]}\nin flight: {in_flight}\n"
            f"found: {[(path, getattr(what, 'size', what)) for path, what in found]}\n"
            f"last done: {writer.ledger.history[-10:]}"
        )

    def _done(self):
        return sum(len(writer.ledger.history) for writer in self.writers)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_random_moments(simulator, make_machine, part):
    machine = make_machine(life=LIFE)
    loads = list(LOADS)
    seed = FIRST_SEED + part
    print(f"seed {seed}")
    crashes = Crashes(simulator, machine, seed)
    for number in range(ROUNDS // PARTS):
        crashes.random_round(loads[(number + part) % len(loads)])


def test_killed_in_the_largest_append(simulator, make_machine):
    machine = make_machine(life=LIFE)
    crashes = Crashes(simulator, machine, FIRST_SEED)
    crashes.writers = crashes.writers[:1]
    for _ in range(2):
        crashes.random_round("large appends", LARGEST, longest=8 if LONG else 1)


@pytest.mark.parametrize("way", ["O_TRUNC", "ftruncate"])
def test_writing_anew_leaves_what_was_closed(simulator, make_machine, way):
    """J4: what was closed and is not in Drive yet is there again, without a byte of what was not closed."""
    closed, new = Content.of(1, 400_000), Content.of(2, 240_000)
    machine = make_machine()
    mount = machine.mount("--settle", "60s")
    path = mount.my_drive / "file"
    path.write_bytes(closed.bytes())
    fd = os.open(path, os.O_WRONLY | (os.O_TRUNC if way == "O_TRUNC" else 0))
    if way == "ftruncate":
        os.ftruncate(fd, 0)
    assert os.write(fd, new.bytes()) == new.size
    assert path.read_bytes() == new.bytes()
    for pid in machine.daemons():
        os.kill(pid, signal.SIGKILL)
    machine.wait_until_no_daemon()
    with pytest.raises(OSError):
        os.close(fd)
    mount = machine.mount("--settle", "60s")
    assert os.listdir(mount.my_drive) == ["file"]
    assert (mount.my_drive / "file").read_bytes() == closed.bytes()
    flush(mount)
    (item,) = simulator.dump()
    assert item["md5Checksum"] == closed.md5


# A start passes them only after a kill at another one.
LEFT_BY = {"journal.cut": "journal.torn_append"}
PATIENCE = 6 if LONG else 3  # seconds under load
# A segment of the log is 4 MiB of records.
LONGER = {"journal.before_segment_removal": 20, "journal.after_segment_removal": 20}
ONE = os.environ.get("DRIVEWAY_TEST_POINT")  # to repeat it
POINTS = [ONE] * (50 if LONG else 5) if ONE else fault_points()
MODULES = sorted({point.split(".")[0] for point in POINTS})


@pytest.mark.parametrize("module", MODULES)
def test_killed_at_every_fault_point(simulator, make_machine, module):
    machine = make_machine(life=LIFE, executable=program_with_fault_points())
    print(f"seed {FIRST_SEED}")
    api = simulator.api()
    others = api.create_folder("others")["id"]
    contents = [Content.of(FIRST_SEED, 300_000), Content.of(FIRST_SEED + 1, 5_000_000)]
    for number, content in enumerate(contents):
        api.create(f"{number}.bin", content.bytes(), parent=others)
    deep = api.create_folder("deep", parent=others)["id"]
    target = api.create("target", b"bytes", parent=deep)["id"]
    api.create_shortcut("link", target, parent=others)  # which is asked for by its id
    crashes = Crashes(simulator, machine, FIRST_SEED, others="others")
    points = [point for point in POINTS if point.startswith(f"{module}.")]
    missed = [point for point in points if not crashes.round_at(point)]
    assert not missed, f"not reached: {missed}"
    found = {item["path"]: item.get("md5Checksum") for item in simulator.dump()}
    for number, content in enumerate(contents):
        assert found[f"others/{number}.bin"] == content.md5
