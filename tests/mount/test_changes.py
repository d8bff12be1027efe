"""Changes made elsewhere are seen in the mount within the poll interval, never stale (J3, R1a)."""

import itertools
import os
import pathlib
import stat
import subprocess
import threading
import time

import pytest

from support.rclone import Rclone
from support.simulator import OTHER_ACCOUNT, Simulator, calls_by_method
from support.tree_check import Comparison, assert_same, attribute
from support.waiting import wait_for

POLL = "1s"
# Generous: the machine may be busy. What was seen is printed.
LIMIT = 15


@pytest.fixture
def api(simulator):
    return simulator.api()


@pytest.fixture
def mount(simulator, machine):
    """With some files known to the kernel, listed and read."""
    simulator.seed(
        items=[
            {"path": "a/one.txt", "content": "one"},
            {"path": "a/two.txt", "content": "two"},
            {"path": "b/three.txt", "content": "three"},
            {"path": "b/deep/er/four.txt", "content": "four"},
        ]
    )
    mounted = machine.mount("--poll", POLL)
    for path in mounted.my_drive.rglob("*.txt"):
        assert path.read_text() == path.stem
    return mounted


def seen(condition, what):
    begin = time.monotonic()
    wait_for(condition, what, timeout=LIMIT)
    print(f"{what}: after {time.monotonic() - begin:.2f} s")


def id_of(path):
    return attribute(path, "id")


def test_a_new_file(api, mount):
    path = mount.my_drive / "a/new.txt"
    assert not path.exists(), "the miss is known to the kernel now"
    api.create("new.txt", b"new", parent=id_of(path.parent))
    seen(path.exists, "a new file")
    assert path.read_text() == "new" and "new.txt" in os.listdir(path.parent)


def test_every_mount_of_a_daemon_is_told(api, machine, mount):
    other = machine.mount(mountpoint=machine.folder / "other")
    paths = [each.my_drive / "a/new.txt" for each in (mount, other)]
    assert not any(path.exists() for path in paths), "the miss is known to the kernel now"
    api.create("new.txt", b"new", parent=id_of(paths[0].parent))
    seen(lambda: all(path.exists() for path in paths), "a new file in two mounts")


def test_unmounting_amid_look_ups_and_changes(api, machine, mount):
    """The kernel makes an invalidation wait for a look-up in the same folder."""
    folder = mount.my_drive / "a"
    parent = id_of(folder)
    stop = threading.Event()

    def look_up():
        while not stop.is_set():
            try:
                (folder / f"missing{time.monotonic_ns()}").exists()
            except OSError:
                pass  # it is being unmounted

    def change():
        for number in itertools.count():
            if stop.is_set():
                return
            api.create(f"new{number}.txt", b"new", parent=parent)

    threads = [threading.Thread(target=look_up) for _ in range(4)]
    threads.append(threading.Thread(target=change))
    for thread in threads:
        thread.start()
    try:
        seen(lambda: (folder / "new0.txt").exists(), "a new file")
        machine.output_of("unmount", mount.path, "--timeout", "200ms", "--force", timeout=30)
        machine.wait_until_no_daemon()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_new_folder_with_files_in_it(api, mount):
    folder = api.create_folder("c", parent=id_of(mount.my_drive / "a"))
    below = api.create_folder("d", parent=folder["id"])
    api.create("file.txt", b"deep", parent=below["id"])
    path = mount.my_drive / "a/c/d/file.txt"
    seen(path.exists, "a new folder's file")
    assert path.read_text() == "deep" and os.listdir(mount.my_drive / "a/c") == ["d"]
    later = api.create("later.txt", b"later", parent=below["id"])
    seen((path.parent / "later.txt").exists, "a file in a new folder")
    assert id_of(path.parent / "later.txt") == later["id"]


def test_new_content(api, mount):
    path = mount.my_drive / "a/one.txt"
    before = path.stat()
    api.set_content(id_of(path), b"something longer")
    seen(lambda: path.stat().st_size == 16, "new content")
    # As soon as the size is the new one, the bytes are too.
    assert path.read_bytes() == b"something longer"
    after = path.stat()
    assert after.st_ino != before.st_ino and after.st_mtime_ns != before.st_mtime_ns


def test_new_content_of_the_same_size(api, mount):
    path = mount.my_drive / "a/one.txt"
    api.set_content(id_of(path), b"eno")
    seen(lambda: path.read_bytes() == b"eno", "new content of the same size")


def test_size_and_bytes_always_fit_together(api, mount):
    path = mount.my_drive / "a/one.txt"
    item = id_of(path)
    api.set_content(item, b"")
    seen(lambda: path.read_bytes() == b"", "the empty file to begin with")
    for length in (1000, 10, 70_000, 3, 0, 200_000):
        api.set_content(item, bytes([length % 251]) * length)

        def has_arrived(length=length):
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                data = file.read()
            assert len(data) == size and len(set(data)) <= 1, "size and bytes of two revisions"
            return size == length

        deadline = time.monotonic() + LIMIT
        while not has_arrived():
            assert time.monotonic() < deadline


def test_rename(api, mount):
    old, new = mount.my_drive / "a/one.txt", mount.my_drive / "a/uno.txt"
    inode = old.stat().st_ino
    assert not new.exists()
    api.rename(id_of(old), "uno.txt")
    seen(lambda: new.exists() and not old.exists(), "a rename")
    assert new.stat().st_ino == inode and new.read_text() == "one"
    assert "one.txt" not in os.listdir(old.parent)


def test_rename_of_a_folder(api, mount):
    old, new = mount.my_drive / "b", mount.my_drive / "z"
    api.rename(id_of(old), "z")
    seen(lambda: new.exists() and not old.exists(), "a folder's rename")
    assert (new / "deep/er/four.txt").read_text() == "four"
    assert not (old / "deep/er/four.txt").exists()


def test_move(api, mount):
    old, new = mount.my_drive / "a/one.txt", mount.my_drive / "b/deep/one.txt"
    api.move(id_of(old), id_of(mount.my_drive / "b/deep"))
    seen(lambda: new.exists() and not old.exists(), "a move")
    assert new.read_text() == "one"
    assert os.listdir(mount.my_drive / "a") == ["two.txt"]


def test_move_of_a_folder(api, mount):
    api.move(id_of(mount.my_drive / "b/deep"), id_of(mount.my_drive / "a"))
    new, old = mount.my_drive / "a/deep/er/four.txt", mount.my_drive / "b/deep"
    seen(lambda: new.exists() and not old.exists(), "a folder's move")
    assert new.read_text() == "four"


def test_trash_and_back(api, mount):
    path = mount.my_drive / "a/one.txt"
    item = id_of(path)
    trashed = mount.path / ".Trash/one.txt"
    assert os.listdir(mount.path / ".Trash") == []
    api.trash(item)
    seen(lambda: not path.exists() and trashed.exists(), "trashing")
    assert trashed.read_text() == "one"
    api.untrash(item)
    seen(lambda: path.exists() and not trashed.exists(), "the way back")
    assert path.read_text() == "one" and os.listdir(mount.path / ".Trash") == []


def test_trash_of_a_folder(api, mount):
    path = mount.my_drive / "b"
    item = id_of(path)
    api.trash(item)
    trashed = mount.path / ".Trash/b"
    seen(lambda: not path.exists() and trashed.exists(), "trashing a folder")
    assert (trashed / "deep/er/four.txt").read_text() == "four"
    api.untrash(item)
    seen(lambda: (path / "three.txt").exists(), "the folder's way back")
    assert (path / "deep/er/four.txt").read_text() == "four"


def test_delete(api, mount):
    path = mount.my_drive / "b"
    api.delete(id_of(path))
    seen(lambda: not path.exists(), "a folder's end")
    assert not (path / "deep/er/four.txt").exists()
    assert os.listdir(mount.my_drive) == ["a"]
    api.delete(id_of(mount.my_drive / "a/one.txt"))
    seen(lambda: os.listdir(mount.my_drive / "a") == ["two.txt"], "a file's end")


def test_a_name_that_is_given_to_another_file(api, mount):
    path = mount.my_drive / "a/one.txt"
    api.delete(id_of(path))
    other = api.create("one.txt", b"another one", parent=id_of(path.parent))
    seen(lambda: id_of(path) == other["id"], "another file of the name")
    assert path.read_text() == "another one" and path.stat().st_size == 11


def test_twins_come_and_go(api, mount):
    folder = mount.my_drive / "a"
    first = id_of(folder / "one.txt")
    api.create("one.txt", b"second", parent=id_of(folder))
    seen(lambda: len(os.listdir(folder)) == 3, "a twin")
    assert (folder / "one.txt").read_text() == "one", "the oldest keeps the plain name"
    api.delete(first)
    seen(lambda: (folder / "one.txt").read_text() == "second", "the twin to take the name")
    assert sorted(os.listdir(folder)) == ["one.txt", "two.txt"]


def test_attributes_that_change_alone(api, mount):
    path = mount.my_drive / "a/one.txt"
    inode = path.stat().st_ino
    api.update(id_of(path), modifiedTime="2001-02-03T04:05:06.789Z")
    seen(lambda: path.stat().st_mtime_ns == 981_173_106_789_000_000, "a new mtime")
    api.update(id_of(path), properties={"driveway.mode": "700"})
    seen(lambda: stat.S_IMODE(path.stat().st_mode) == 0o700, "a new mode")
    assert path.stat().st_ino == inode and path.read_text() == "one"


def test_shortcuts_follow_their_targets(api, mount):
    target = mount.my_drive / "a/one.txt"
    item = id_of(target)
    api.create_shortcut("link", item, parent=id_of(mount.my_drive / "b"))
    link = mount.my_drive / "b/link"
    seen(link.exists, "a new shortcut")
    assert link.read_text() == "one"
    api.set_content(item, b"one more")
    seen(lambda: link.read_bytes() == b"one more", "new content behind a shortcut")
    assert target.read_bytes() == b"one more"


def test_folder_shortcuts_show_changes_of_their_target(api, mount):
    api.create_shortcut("link", id_of(mount.my_drive / "a"), parent=id_of(mount.my_drive / "b"))
    link = mount.my_drive / "b/link"
    seen(lambda: sorted(os.listdir(link)) == ["one.txt", "two.txt"], "a folder shortcut")
    api.create("new.txt", b"new", parent=id_of(mount.my_drive / "a"))
    seen((link / "new.txt").exists, "a new file behind a folder shortcut")
    assert (link / "new.txt").read_text() == "new"


def test_changes_in_a_shared_drive(simulator, api, machine):
    made = simulator.seed(
        shared_drives=[{"name": "Team", "items": [{"path": "x/a.txt", "content": "a"}]}]
    )
    mount = machine.mount("--poll", POLL)
    team = mount.path / "Shareddrives/Team"
    assert (team / "x/a.txt").read_text() == "a"
    new = api.create("b.txt", b"b", parent=id_of(team / "x"))
    seen((team / "x/b.txt").exists, "a new file in a shared drive")
    api.set_content(new["id"], b"bb")
    seen(lambda: (team / "x/b.txt").read_bytes() == b"bb", "new content in a shared drive")
    api.trash(new["id"])
    seen(lambda: os.listdir(team / "x") == ["a.txt"], "trashing in a shared drive")
    api.create("top.txt", b"top", parent=made["drives"]["Team"])
    seen((team / "top.txt").exists, "a new file at the top of a shared drive")


def test_a_new_shared_drive(simulator, machine):
    mount = machine.mount("--poll", POLL)
    assert os.listdir(mount.path / "Shareddrives") == []
    simulator.seed(
        shared_drives=[{"name": "Later", "items": [{"path": "a.txt", "content": "a"}]}]
    )
    path = mount.path / "Shareddrives/Later/a.txt"
    seen(path.exists, "a new shared drive")
    assert path.read_text() == "a"


def test_what_others_share(simulator, machine):
    simulator.add_account(OTHER_ACCOUNT)
    mount = machine.mount("--poll", POLL)
    shared = mount.path / ".shared"
    assert os.listdir(shared) == []
    spec = {"path": "gift.txt", "content": "g", "share_with": {"ann@example.com": "reader"}}
    simulator.seed(account=OTHER_ACCOUNT, items=[spec])
    seen(lambda: os.listdir(shared) == ["gift.txt"], "a shared file")
    assert (shared / "gift.txt").read_text() == "g"
    simulator.api(OTHER_ACCOUNT).set_content(id_of(shared / "gift.txt"), b"more")
    seen(lambda: (shared / "gift.txt").read_bytes() == b"more", "its new content")


def test_many_changes_at_once(simulator, api, mount):
    folder = id_of(mount.my_drive / "a")
    for number in range(60):
        api.create(f"n{number}", str(number).encode(), parent=folder)
    for number in range(0, 60, 3):
        api.trash(id_of_name(simulator, f"n{number}"))
    for number in range(1, 60, 3):
        api.rename(id_of_name(simulator, f"n{number}"), f"r{number}")
    seen(lambda: len(os.listdir(mount.my_drive / "a")) == 42, "100 changes")
    assert_same(Comparison(mount.my_drive, simulator.dump()).run())


def id_of_name(simulator, name):
    return next(item["id"] for item in simulator.dump() if item["names"][-1] == name)


def test_changes_while_nothing_was_mounted(simulator, api, machine, mount):
    one = id_of(mount.my_drive / "a/one.txt")
    two = id_of(mount.my_drive / "a/two.txt")
    b = id_of(mount.my_drive / "b")
    mount.unmount()
    api.set_content(one, b"changed")
    api.delete(two)
    api.create("new.txt", b"new", parent=b)
    api.rename(b, "bee")
    simulator.reset_stats()
    mount = machine.mount("--poll", POLL)
    seen(lambda: sorted(os.listdir(mount.my_drive)) == ["a", "bee"], "what happened meanwhile")
    assert (mount.my_drive / "a/one.txt").read_bytes() == b"changed"
    assert os.listdir(mount.my_drive / "a") == ["one.txt"]
    assert (mount.my_drive / "bee/new.txt").read_text() == "new"
    assert "files.list" not in calls_by_method(simulator.stats()), "the feed tells it all"


def test_a_change_is_seen_although_lists_lag(simulator, api, mount):
    simulator.set(drive={"list_lag": 5000})
    path = mount.my_drive / "a/new.txt"
    api.create("new.txt", b"new", parent=id_of(path.parent))
    seen(path.exists, "a new file under list lag")
    folder = api.create_folder("fresh", parent=id_of(path.parent))
    below = api.create("below.txt", b"below", parent=folder["id"])
    seen((path.parent / "fresh/below.txt").exists, "a file in a new folder under list lag")
    assert id_of(path.parent / "fresh/below.txt") == below["id"]


def test_a_working_folder_that_is_renamed(api, mount):
    with subprocess.Popen(
        ["sh", "-c", "read line; cat four.txt"],
        cwd=mount.my_drive / "b/deep/er",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as shell:
        api.rename(id_of(mount.my_drive / "b"), "z")
        seen((mount.my_drive / "z").exists, "the rename")
        assert shell.communicate(b"\n", timeout=20)[0] == b"four"


# -- by a program that is not ours -----------------------------------------------------------------


def test_changes_by_rclone(folder, make_machine):
    with Simulator(f"{folder}/with google's names", *Rclone.listen_arguments()) as simulator:
        rclone = Rclone(f"{folder}/rclone", simulator)
        machine = make_machine(simulator=simulator)
        source = pathlib.Path(folder) / "source"
        (source / "sub").mkdir(parents=True)
        (source / "a.txt").write_text("a")
        (source / "sub/b.bin").write_bytes(os.urandom(300_000))
        mount = machine.mount("--poll", POLL)
        assert os.listdir(mount.my_drive) == []
        rclone.run("copy", source, "sim:up")
        up = mount.my_drive / "up"
        seen((up / "sub/b.bin").exists, "rclone copy")
        assert (up / "sub/b.bin").read_bytes() == (source / "sub/b.bin").read_bytes()
        rclone.run("moveto", "sim:up/a.txt", "sim:up/sub/c.txt")
        seen(lambda: sorted(os.listdir(up / "sub")) == ["b.bin", "c.txt"], "rclone moveto")
        assert os.listdir(up) == ["sub"] and (up / "sub/c.txt").read_text() == "a"
        (source / "sub/b.bin").write_bytes(b"another content")
        rclone.run("copy", source / "sub", "sim:up/sub")
        seen(lambda: (up / "sub/b.bin").read_bytes() == b"another content", "rclone's new content")
        rclone.run("mkdir", "sim:up/empty")
        seen(lambda: sorted(os.listdir(up)) == ["empty", "sub"], "rclone mkdir")
        rclone.run("deletefile", "sim:up/sub/c.txt")
        seen(lambda: os.listdir(up / "sub") == ["b.bin"], "rclone deletefile")
        rclone.run("purge", "sim:up")
        seen(lambda: os.listdir(mount.my_drive) == [], "rclone purge")
