"""Options of a mount: what Drive takes for malware."""

import errno

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
