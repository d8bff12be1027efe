"""`driveway login --with device`: a code is typed into a page on another machine."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from support.browser import type_code
from support.drive_api import DriveApi
from support.simulator import DEVICE_CLIENT, OTHER_ACCOUNT
from support.waiting import wait_for

_FILES = "https://www.googleapis.com/auth/drive.file"


@pytest.fixture
def machine(make_machine):
    """Not logged in; has an OAuth client for devices."""
    machine = make_machine(login=False)
    machine.environment["DRIVEWAY_CLIENT_ID"], machine.environment["DRIVEWAY_CLIENT_SECRET"] = DEVICE_CLIENT
    machine.secrets.add(DEVICE_CLIENT[1])
    return machine


class DeviceLogin:
    """The command, running without a standard input, with the code that it has printed."""

    def __init__(self, machine, *arguments):
        self._machine = machine
        self.process = machine.start(
            "login",
            "--with",
            "device",
            *arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._printed = ""
        while not (code := re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", self._printed)):
            line = self.process.stdout.readline()
            assert line, self._printed
            self._printed += line
        self.code = code.group(0)

    def end(self):
        """(exit status, everything that was printed)"""
        rest, _ = self.process.communicate(timeout=120)
        printed = self._printed + rest
        self._machine.outputs.append(printed)
        return self.process.returncode, printed


def polls(simulator):
    return [entry for entry in simulator.log(method="oauth.token")]


def test_a_code_that_is_typed_elsewhere(simulator, machine):
    simulator.add_account(OTHER_ACCOUNT)
    simulator.set(oauth={"device_approval_delay": 3600})
    login = DeviceLogin(machine)
    wait_for(lambda: polls(simulator), "the first poll", timeout=60)  # not answered yet
    type_code(simulator, login.code, OTHER_ACCOUNT)
    status, printed = login.end()
    assert status == 0, printed
    assert "https://www.google.com/device" in printed and "drive.file" in printed
    assert OTHER_ACCOUNT in machine.output_of("about")
    stored = json.loads((machine.folder / "config/driveway/logins/default.json").read_text())
    assert stored["scopes"] == [_FILES] and stored["client_id"] == DEVICE_CLIENT[0]
    machine.secrets.add(stored["refresh_token"])


def test_the_user_refuses(simulator, machine):
    simulator.set(oauth={"deny_consent": True})
    status, printed = DeviceLogin(machine).end()
    assert status == 4 and "denied" in printed, printed


def test_an_interrupt_ends_the_waiting(simulator, machine):
    simulator.set(oauth={"device_approval_delay": 3600})
    login = DeviceLogin(machine)
    login.process.send_signal(signal.SIGINT)
    status, printed = login.end()
    assert status == 130, printed
    assert not (machine.folder / "config/driveway/logins/default.json").exists()


def test_a_client_of_another_type(simulator, machine):
    desktop = simulator.authorized_user()
    machine.secrets.add(desktop["client_secret"])
    client = {"DRIVEWAY_CLIENT_ID": desktop["client_id"], "DRIVEWAY_CLIENT_SECRET": desktop["client_secret"]}
    done = machine.run("login", "--with", "device", environment=client, stdin=subprocess.DEVNULL)
    assert done.returncode == 4 and "TVs and Limited Input devices" in done.stderr, done.stderr
    done = machine.run("login", "--with", "device", environment={"DRIVEWAY_CLIENT_ID": "", "DRIVEWAY_CLIENT_SECRET": ""})
    assert done.returncode == 4 and "TVs and Limited Input devices" in done.stderr, done.stderr
    done = machine.run("login", "--with", "device", "--read-only")
    assert done.returncode == 2 and "--read-only" in done.stderr, done.stderr


def log_in(simulator, machine):
    status, printed = DeviceLogin(machine).end()
    assert status == 0, printed
    path = machine.folder / "config/driveway/logins/default.json"
    machine.secrets.add(json.loads(path.read_text())["refresh_token"])


def paths(simulator):
    return {item["path"] for item in simulator.dump()}


def test_its_mount_has_what_was_made_through_it_and_no_more(simulator, machine):
    simulator.seed(items=[{"path": "foreign.txt", "size": 10}, {"path": "folder/inner.txt", "size": 10}])
    log_in(simulator, machine)
    mount = machine.mount()
    assert os.listdir(mount.my_drive) == []
    (mount.my_drive / "a.txt").write_text("a")
    (mount.my_drive / "sub").mkdir()
    (mount.my_drive / "sub/b.txt").write_text("b")
    (mount.my_drive / "c.txt").write_bytes(b"c" * (6 << 20))  # by an upload session
    machine.output_of("flush")
    assert {"a.txt", "sub/b.txt", "c.txt"} <= paths(simulator)
    (mount.my_drive / "a.txt").rename(mount.my_drive / "sub/a.txt")
    (mount.my_drive / "sub/b.txt").rename(mount.my_drive / "b.txt")
    (mount.my_drive / "c.txt").unlink()
    machine.output_of("flush")
    assert {"sub/a.txt", "b.txt"} <= paths(simulator) and "c.txt" not in paths(simulator)
    mount.unmount()
    shutil.rmtree(machine.cache)  # another machine
    mount = machine.mount()
    assert sorted(os.listdir(mount.my_drive)) == ["b.txt", "sub"]
    assert (mount.my_drive / "sub/a.txt").read_text() == "a"
    assert (mount.my_drive / "b.txt").read_text() == "b"
    mount.unmount()


def test_what_another_client_of_its_makes_is_seen(simulator, machine):
    log_in(simulator, machine)
    mount = machine.mount("--poll", "1s")
    assert os.listdir(mount.my_drive) == []
    other = DriveApi(simulator.url, simulator.token(scopes=[_FILES], client_id=DEVICE_CLIENT[0])["access_token"])
    other.create("new.txt", b"x")
    wait_for(lambda: os.listdir(mount.my_drive) == ["new.txt"], "what another client made", timeout=60)
    assert (mount.my_drive / "new.txt").read_text() == "x"
    mount.unmount()
