"""Programs that write, on a real mount: they must find what they wrote, at once and after the mount has begun
anew with nothing but what Drive has; and Drive must hold what the mount shows, each name once.

The same on a plain folder proves the test itself."""

import functools
import pathlib
import shutil

import pytest

from support.applications import APPLICATIONS, FLUSH, RESTART, named, tar
from support.tree_check import md5_of
from support.writing import (
    LONG,
    assert_same_tree,
    flush,
    tree_in_drive,
    tree_on_disk,
    wipe_clean_state,
)

LIFE = 3600 if LONG else 300
OPTIONS = ("--settle", "200ms", "--poll", "1s")
TOP = "work"


@pytest.fixture
def scratch(folder):
    path = pathlib.Path(folder) / "scratch"
    path.mkdir()
    return path


@pytest.mark.parametrize("application", APPLICATIONS, ids=named)
def test_on_a_plain_folder(folder, scratch, application):
    root = pathlib.Path(folder) / TOP
    root.mkdir()
    for _ in application(root, scratch):
        # As it comes back: the same, under another inode.
        shutil.copytree(root, f"{root}.new", symlinks=True)
        assert_same_tree(tree_on_disk(f"{root}.new", md5_of), tree_on_disk(root, md5_of), "a copy")
        shutil.rmtree(f"{root}.new")


def run_on_mount(application, simulator, machine, scratch, quota="unlimited"):
    options = (*OPTIONS, "--quota", quota)
    mount = machine.mount(*options)
    root = mount.my_drive / TOP
    root.mkdir()

    def assert_in_drive(where):
        flush(mount, timeout=LIFE / 2)
        found = tree_in_drive(simulator, simulator.api(), TOP)
        assert_same_tree(found, tree_on_disk(root, md5_of), where)
        return found

    for number, what in enumerate(application(root, scratch)):
        in_drive = assert_in_drive(f"in Drive, at {number}")
        if what == RESTART:
            mount.unmount()
            machine.wait_until_no_daemon()
            wipe_clean_state(machine)
            mount = machine.mount(*options)
            assert_same_tree(tree_on_disk(root, md5_of), in_drive, f"mounted again, at {number}")
        else:
            assert what == FLUSH
    assert_in_drive("in Drive, at the end")


@pytest.mark.parametrize("application", APPLICATIONS, ids=named)
def test_on_a_mount(simulator, make_machine, scratch, application):
    run_on_mount(application, simulator, make_machine(life=LIFE), scratch)


def test_tar_at_the_real_pace(simulator, make_machine, scratch):
    """Some 3 changes a second are all that Drive takes (J11)."""
    simulator.set(quota="2026")
    slow_tar = functools.partial(tar, count=300 if LONG else 40)
    run_on_mount(slow_tar, simulator, make_machine(life=LIFE), scratch, quota="auto")
