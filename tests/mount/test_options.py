"""Options of a mount: what Drive takes for malware, how fast bytes may go, lost+found."""

import errno
import os
import time

import pytest

from support.simulator import FIRST_ACCOUNT, OTHER_ACCOUNT
from support.waiting import wait_for


@pytest.fixture
def malware(simulator):
    simulator.seed(items=[{"path": "tool.exe", "size": 300_000, "seed": 5, "abusive": True}])


def test_what_drive_takes_for_malware_is_not_read(malware, machine):
    mount = machine.mount()
    with pytest.raises(OSError) as refused:
        (mount.my_drive / "tool.exe").read_bytes()
    assert refused.value.errno == errno.EACCES
    done = machine.run("cat", mount.my_drive / "tool.exe")
    assert done.returncode == 4
    assert "identified as malware" in done.stderr and "--acknowledge-abuse" in done.stderr
    mount.unmount()


def test_what_drive_takes_for_malware_is_read_with_acknowledge_abuse(malware, machine):
    mount = machine.mount("--acknowledge-abuse")
    assert len((mount.my_drive / "tool.exe").read_bytes()) == 300_000
    mount.unmount()


def test_downloads_keep_their_limit(simulator, machine):
    simulator.seed(items=[{"path": f"{n}.bin", "size": 1 << 20, "seed": n} for n in range(3)])
    mount = machine.mount("--max-download", "2M")
    begin = time.monotonic()
    for n in range(3):
        assert len((mount.my_drive / f"{n}.bin").read_bytes()) == 1 << 20
    assert 1.2 < time.monotonic() - begin < 30, "3 MiB at 2 MiB a second, a tenth of it at once"
    mount.unmount()


def test_uploads_keep_their_limit(simulator, machine):
    mount = machine.mount("--max-upload", "1M", "--settle", "0")
    begin = time.monotonic()
    (mount.my_drive / "new.bin").write_bytes(os.urandom(2 << 20))
    machine.output_of("flush", mount.path)
    assert 1.5 < time.monotonic() - begin < 60
    assert [item["size"] for item in simulator.dump() if item["path"] == "new.bin"] == [2 << 20]
    mount.unmount()


@pytest.mark.parametrize("rate", ["fast", "-1", "1M/s"])
def test_a_rate_that_is_none(machine, rate):
    done = machine.run("mount", "mnt", f"--max-download={rate}")
    assert done.returncode == 2 and "--max-download" in done.stderr


@pytest.fixture
def lost(simulator):
    """A file of the first account that has lost its folder: another one owned that."""
    simulator.add_account(OTHER_ACCOUNT)
    project = {"path": "project", "type": "folder", "share_with": {FIRST_ACCOUNT: "writer"}}
    simulator.seed(account=OTHER_ACCOUNT, items=[project])
    theirs = next(i for i in simulator.dump(account=OTHER_ACCOUNT) if i["path"] == "project")
    made = simulator.api(FIRST_ACCOUNT).create("mine.txt", b"mine", parent=theirs["id"])
    simulator.api(OTHER_ACCOUNT).delete(theirs["id"])
    return made["id"]


@pytest.mark.parametrize("layout", ["colab", "root"])
def test_lost_and_found(simulator, machine, lost, layout):
    simulator.seed(items=[{"path": "work/a.txt", "content": "a"}])
    mount = machine.mount("--lost-and-found", "--layout", layout)
    found = mount.path / "lost+found"
    assert os.listdir(found) == ["mine.txt"]
    assert (found / "mine.txt").read_text() == "mine"
    for change in (
        lambda: os.unlink(found / "mine.txt"),
        lambda: (found / "new.txt").write_text("new"),
        lambda: os.mkdir(found / "folder"),
        lambda: os.rmdir(found),
    ):
        with pytest.raises(OSError) as refused:
            change()
        assert refused.value.errno == errno.EACCES
    work = (mount.path if layout == "root" else mount.my_drive) / "work"
    os.rename(found / "mine.txt", work / "found.txt")
    assert os.listdir(found) == []
    machine.output_of("flush", mount.path)
    assert [i["path"] for i in simulator.dump() if i["id"] == lost] == ["work/found.txt"]
    assert (work / "found.txt").read_text() == "mine"
    mount.unmount()


def test_without_the_option_there_is_no_lost_and_found(machine, lost):
    mount = machine.mount()
    assert "lost+found" not in os.listdir(mount.path)
    mount.unmount()
