"""The same random operations on a mount and on a plain ext4 folder: whatever the folder answers, the mount
answers, at once, after everything went to Drive, after a new start, and with nothing but what Drive
holds. What differs is in docs/SEMANTICS.md and at the end of this file."""

import errno
import itertools
import os
import random
import shutil

import pytest

from support.drive_api import FOLDER
from support.file_operations import Player
from support.random_operations import Pair, random_run, report_of
from support.tree_check import md5_of
from support.writing import (
    LONG,
    assert_same_tree,
    flush,
    tree_in_drive,
    tree_on_disk,
    wipe_clean_state,
)

PARTS = 4  # which several processes can take at a time
RUNS, STEPS = (1000, 1000) if LONG else (40, 200)
# Without a pace, uploads follow at once; at Drive's, what is written waits among others.
RUNS_AT_A_PACE = RUNS // 10
LIFE = 24 * 3600 if LONG else 600
FIRST_SEED = int(os.environ.get("DRIVEWAY_TEST_SEED") or random.randrange(1 << 30))


class Folders:
    """Pairs of new folders, one in the mount and one beside it on plain disk."""

    def __init__(self, machine, plain, *options):
        self._machine, self._options = machine, options
        self._plain = plain
        self._numbers = itertools.count(1)
        self.mount = machine.mount(*options)
        plain.mkdir()

    def make_pair(self):
        name = f"run{next(self._numbers)}"
        roots = self.mount.my_drive / name, self._plain / name
        for root in roots:
            os.mkdir(root)
        hooks = {"settle": lambda: flush(self.mount), "restart": self.restart}
        return Pair(Player(roots[0], hooks), Player(roots[1])), roots[1]

    def restart(self):
        self.mount.unmount()
        self._machine.wait_until_no_daemon()
        self.mount = self._machine.mount(*self._options)

    def begin_with_nothing_but_drive(self):
        flush(self.mount)
        self.mount.unmount()
        self._machine.wait_until_no_daemon()
        wipe_clean_state(self._machine)
        self.mount = self._machine.mount(*self._options)

    def names(self):
        return sorted(os.listdir(self._plain))

    def compare(self, name):
        """The first Difference of what lies there now."""
        pair = Pair(Player(self.mount.my_drive / name), Player(self._plain / name))
        with pair:
            return pair.compare_all()

    def forget(self, name):
        """After a run that was right, so that thousands need no room."""
        shutil.rmtree(self.mount.my_drive / name)
        shutil.rmtree(self._plain / name)


def assert_drive_has(simulator, folders, plain, names):
    api = simulator.api()
    for name in names:
        expected = tree_on_disk(plain / name, md5_of)
        assert_same_tree(tree_in_drive(simulator, api, name), expected, f"{name} in Drive")


def check_agreement(simulator, machine, part, runs, quota):
    os.umask(0o022)
    plain = machine.folder / "plain"
    folders = Folders(machine, plain, "--quota", quota)
    for number in range(runs // PARTS):
        seed = FIRST_SEED + PARTS * number + part
        print(f"seed {seed}")
        before = set(folders.names())
        operations, difference = random_run(
            folders.make_pair, seed, STEPS, settle=0.01, restart=0.005
        )
        if difference:
            pytest.fail(report_of(seed, folders.make_pair, operations, difference))
        if number % 10 == 9:
            names = set(folders.names())
            flush(folders.mount)
            assert_drive_has(simulator, folders, plain, names)
            for name in before & names:
                folders.forget(name)
    folders.begin_with_nothing_but_drive()
    assert_drive_has(simulator, folders, plain, folders.names())
    for name in folders.names():
        assert folders.compare(name) is None, f"{name}, after the cache was lost"


@pytest.mark.parametrize("part", range(PARTS))
def test_a_mount_and_a_plain_folder_agree(simulator, make_machine, part):
    check_agreement(simulator, make_machine(life=LIFE), part, RUNS, "unlimited")


@pytest.mark.parametrize("part", range(PARTS))
def test_they_agree_while_uploads_wait(simulator, make_machine, part):
    check_agreement(simulator, make_machine(life=LIFE), part, RUNS_AT_A_PACE, "auto")


# -- what differs ------------------------------------------------------------------------------------


@pytest.fixture
def top(machine):
    mount = machine.mount()
    (mount.my_drive / "file").write_bytes(b"content")
    (mount.my_drive / "folder").mkdir()
    return mount.my_drive


def refused(number, call, *arguments):
    with pytest.raises(OSError) as failed:
        call(*arguments)
    assert failed.value.errno == number, failed.value


def test_drive_has_no_hard_links_devices_or_pipes(top):
    refused(errno.EPERM, os.link, top / "file", top / "link")
    refused(errno.EPERM, os.mkfifo, top / "pipe")
    refused(errno.EPERM, os.mknod, top / "device", 0o020600, os.makedev(1, 3))
    assert sorted(os.listdir(top)) == ["file", "folder"]


def test_times_are_cut_to_milliseconds_at_once(top):
    """E4: an upload changes nothing that rsync or git look at."""
    os.utime(top / "file", ns=(1_234_567_890_123_456_789,) * 2)
    assert os.stat(top / "file").st_mtime_ns == 1_234_567_890_123_000_000
    os.utime(top / "file", ns=(1_000_000_000_000_000_001,) * 2)
    assert os.stat(top / "file").st_mtime_ns == 1_000_000_000_000_000_000


def test_a_written_file_has_the_same_time_after_its_upload(machine):
    mount = machine.mount()
    path = mount.my_drive / "file"
    path.write_bytes(b"content")
    before = os.stat(path).st_mtime_ns
    assert before % 1_000_000 == 0
    flush(mount)
    assert os.stat(path).st_mtime_ns == before


def test_own_attributes_cannot_be_set(top):
    """E3: user.drive.* is what Drive says."""
    refused(errno.EPERM, os.setxattr, top / "file", "user.drive.md5", b"0")
    refused(errno.EPERM, os.removexattr, top / "file", "user.drive.id")


def test_an_attribute_that_drive_cannot_hold_is_refused(top):
    """E3: a property of Drive has 124 bytes for name and value."""
    with pytest.raises(OSError) as failed:
        os.setxattr(top / "file", "user.note", b"x" * 200)
    assert failed.value.errno in (errno.E2BIG, errno.ENOSPC, errno.ERANGE)
    assert "user.note" not in os.listxattr(top / "file")


def test_a_name_that_drive_shows_escaped_keeps_its_name(machine, simulator):
    """A name with U+2215 stands for a slash in Drive's name: both ways."""
    mount = machine.mount()
    (mount.my_drive / "one\u2215two").write_bytes(b"")
    (mount.my_drive / "plain").mkdir()
    flush(mount)
    names = {item["names"][-1]: item["mimeType"] for item in simulator.dump()}
    assert set(names) == {"one/two", "plain"} and names["plain"] == FOLDER
    assert sorted(os.listdir(mount.my_drive)) == ["one\u2215two", "plain"]
