"""--top: a mount that shows one folder of the account."""

import errno
import os
import subprocess

import pytest

from support.waiting import wait_for

ITEMS = [
    {"path": "work/data/a.txt", "content": "a"},
    {"path": "work/data/deep/b.txt", "content": "b"},
    {"path": "work/beside.txt", "content": "beside"},
    {"path": "work/data/up", "type": "shortcut", "target": "work"},
    {"path": "work/data/deep/here", "type": "shortcut", "target": "work/data"},
    {"path": "work/to data", "type": "shortcut", "target": "work/data"},
    {"path": "file.txt", "content": "file"},
]


@pytest.fixture
def seeded(simulator):
    return simulator.seed(
        items=ITEMS,
        shared_drives=[{"name": "Team", "items": [{"path": "docs/t.txt", "content": "t"}]}],
    )


def id_of(simulator, path):
    return next(item["id"] for item in simulator.dump() if item["path"] == path)


def paths(simulator):
    return {item["path"] for item in simulator.dump() if not item["trashed"]}


@pytest.mark.parametrize("layout", ["colab", "root"])
def test_each_way_to_name_it(seeded, simulator, machine, layout):
    ways = {
        "work/data": ["a.txt", "deep", "up"],
        "/work/data/": ["a.txt", "deep", "up"],
        f"id={id_of(simulator, 'work/data')}": ["a.txt", "deep", "up"],
        f"id={id_of(simulator, 'work')}/data": ["a.txt", "deep", "up"],
        "work/to data": ["a.txt", "deep", "up"],
        "@Team": ["docs"],
        "@Team/docs": ["t.txt"],
        f"id={seeded['drives']['Team']}": ["docs"],
        "/": ["file.txt", "work"],
    }
    for number, (top, shown) in enumerate(ways.items()):
        mount = machine.mount(
            "--layout", layout, "--top", top, mountpoint=machine.folder / f"mnt{number}"
        )
        if (top, layout) != ("/", "root"):
            assert sorted(os.listdir(mount.path)) == shown, top
        assert mount.path.stat().st_ino == 1
    wait_for(lambda: len(machine.daemons()) == 1, "one daemon to be left for all of them")


def test_changes_through_it(seeded, simulator, machine):
    mount = machine.mount("--top", "work/data")
    (mount.path / "new.txt").write_text("new")
    (mount.path / "folder").mkdir()
    os.rename(mount.path / "a.txt", mount.path / "folder/a.txt")
    os.rename(mount.path / "deep/b.txt", mount.path / "b.txt")
    assert sorted(os.listdir(mount.path)) == ["b.txt", "deep", "folder", "new.txt", "up"]
    machine.output_of("flush", mount.path)
    assert {
        "work/data/new.txt",
        "work/data/folder/a.txt",
        "work/data/b.txt",
        "work/beside.txt",
    } <= paths(simulator)
    with pytest.raises(OSError) as refused:
        os.rmdir(mount.path)
    assert refused.value.errno == errno.EBUSY
    os.unlink(mount.path / "new.txt")
    machine.output_of("flush", mount.path)
    assert "work/data/new.txt" not in paths(simulator)
    mount.unmount()


def test_changes_by_others_are_seen(seeded, simulator, machine):
    mount = machine.mount("--top", "work/data", "--poll", "1s")
    assert sorted(os.listdir(mount.path)) == ["a.txt", "deep", "up"]
    api = simulator.api()
    api.create("from elsewhere.txt", b"hello", parent=id_of(simulator, "work/data"))
    wait_for(lambda: "from elsewhere.txt" in os.listdir(mount.path), "the new file")
    assert (mount.path / "from elsewhere.txt").read_text() == "hello"
    mount.unmount()


def test_two_tops_of_one_account(seeded, simulator, machine):
    whole = machine.mount()
    data = machine.mount("--top", "work/data", mountpoint=machine.folder / "data")
    wait_for(lambda: len(machine.daemons()) == 1, "one daemon to be left for both")
    (data.path / "new.txt").write_text("new")
    whole_data = whole.my_drive / "work/data"
    wait_for(lambda: "new.txt" in os.listdir(whole_data), "the name in the other mount")
    assert (whole_data / "new.txt").read_text() == "new"
    (whole_data / "a.txt").write_text("longer than before")
    assert (data.path / "a.txt").read_text() == "longer than before"
    os.unlink(whole_data / "new.txt")
    wait_for(lambda: "new.txt" not in os.listdir(data.path), "the name to go")
    # The folder itself may be renamed where it is seen.
    os.rename(whole_data, whole.my_drive / "work/renamed")
    assert (data.path / "deep/b.txt").read_text() == "b"
    done = machine.run("mount", data.path, "--top", "work")
    assert done.returncode == 1 and "with --top work/data" in done.stderr
    assert "already mounted" in machine.run("mount", data.path, "--top", "work/renamed").stderr
    data.unmount()
    assert (whole.my_drive / "work/renamed/a.txt").read_text() == "longer than before"
    whole.unmount()


def test_what_is_unsent_outside_of_it_goes_on(seeded, simulator, machine):
    mount = machine.mount()
    os.listdir(mount.my_drive)
    simulator.set(faults={"dead": True})
    (mount.my_drive / "unsent.txt").write_text("unsent")
    mount.kill()
    simulator.set(faults={"dead": False})
    top = machine.mount("--top", "work/data", mountpoint=machine.folder / "data")
    wait_for(lambda: "unsent.txt" in paths(simulator), "what was unsent")
    top.unmount()


def test_links_do_not_lead_out_of_it(seeded, machine):
    mount = machine.mount("--top", "work/data")
    assert os.readlink(mount.path / "deep/here") == ".."
    assert (mount.path / "deep/here/a.txt").read_text() == "a"
    assert not os.path.exists(mount.path / "up")
    assert os.readlink(mount.path / "up") == "(above the top of this mount)"
    assert os.lstat(mount.path / "up").st_size == len(os.readlink(mount.path / "up"))
    mount.unmount()


def test_commands_with_paths_in_it(seeded, simulator, machine):
    mount = machine.mount("--top", "work/data")
    assert machine.output_of("cat", mount.path / "deep/b.txt") == "b"
    assert "a.txt" in machine.output_of("ls", mount.path)
    assert id_of(simulator, "work/data") in machine.output_of("stat", mount.path)
    machine.output_of("pin", "--wait", mount.path / "deep")
    machine.output_of("unpin", mount.path)
    (mount.path / "new.txt").write_text("new")
    machine.output_of("flush", mount.path / "new.txt")
    assert "work/data/new.txt" in paths(simulator)
    mount.unmount()


@pytest.mark.parametrize(
    "top, why",
    [
        ("nowhere", "no such folder"),
        ("id=1nothing", "no such folder"),
        ("@Nobody", "no such folder"),
        ("file.txt", "no folder of Drive"),
        ("id=TRASHED", "in the trash"),
    ],
)
def test_what_cannot_be_the_top(seeded, simulator, machine, top, why):
    if top == "id=TRASHED":
        trashed = id_of(simulator, "work")
        simulator.api().trash(trashed)
        top = f"id={trashed}"
    done = machine.run("mount", "mnt", "--top", top)
    assert done.returncode == 1
    assert f"--top {top}" in done.stderr and why in done.stderr
    assert subprocess.run(["mountpoint", "-q", machine.folder / "mnt"]).returncode != 0
    machine.wait_until_no_daemon()


def test_it_is_mounted_again_without_network(seeded, simulator, machine):
    mount = machine.mount("--top", "work/data")
    assert (mount.path / "a.txt").read_text() == "a"
    mount.unmount()
    machine.wait_until_no_daemon()
    simulator.set(faults={"refuse": True})
    mount = machine.mount("--top", "work/data")
    assert "a.txt" in os.listdir(mount.path)
    mount.unmount("--timeout", "1s")
    simulator.set(faults={"refuse": False})
