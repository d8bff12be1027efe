"""Options of a mount: what Drive takes for malware, how fast bytes may go."""

import errno
import os
import time

import pytest


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
