"""The login without a browser on the machine: one URL, one paste."""

import contextlib
import errno
import http.server
import json
import os
import pty
import re
import signal
import stat
import subprocess
import termios
import threading
import urllib.parse
import urllib.request

import pytest

from support.browser import Login, approve, give_client
from support.simulator import OTHER_ACCOUNT
from support.waiting import wait_for


@pytest.fixture
def machine(make_machine, simulator):
    """Not logged in; knows the simulator's OAuth client."""
    return give_client(make_machine(login=False), simulator)


def paths(simulator):
    return {item["path"] for item in simulator.dump()}


def parameters(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def test_pasting_the_whole_address(simulator, machine):
    login = Login(machine)
    asked = parameters(login.url)
    assert asked["code_challenge_method"] == "S256" and asked["state"]
    assert asked["redirect_uri"].startswith("http://127.0.0.1")
    status, printed = login.paste(approve(login.url))
    assert status == 0, printed
    assert "ann@example.com" in machine.output_of("about")
    mount = machine.mount()
    simulator.api().create("new.txt", b"x")
    mount.unmount()


def test_pasting_the_code_alone(simulator, machine):
    login = Login(machine)
    status, printed = login.paste(parameters(approve(login.url))["code"])
    assert status == 0, printed
    assert "ann@example.com" in machine.output_of("about")


def test_the_stored_login_is_private(simulator, machine):
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    files = [path for path in machine.folder.glob("config/**/*") if path.is_file()]
    stored = [path for path in files if "refresh_token" in path.read_text()]
    assert len(stored) == 1
    assert stat.S_IMODE(stored[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(stored[0].parent.stat().st_mode) == 0o700
    machine.secrets.add(json.loads(stored[0].read_text())["refresh_token"])
    machine.mount().unmount()


def test_a_login_wakes_what_waits_for_it(simulator, machine):  # E1
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    mount = machine.mount()
    assert os.listdir(mount.my_drive) == []
    simulator.revoke_tokens()
    (mount.my_drive / "a.txt").write_text("a")
    wait_for(lambda: "paused" in mount.status()["writes"], "the login to be refused")
    (mount.my_drive / "b.txt").write_text("b")  # local writes go on
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    wait_for(lambda: {"a.txt", "b.txt"} <= paths(simulator), "what was written", timeout=60)
    mount.unmount()


def test_another_state_is_refused(simulator, machine):
    login = Login(machine)
    address = approve(login.url)
    state = parameters(login.url)["state"]
    wrong = address.replace(state, "x" * len(state))
    status, printed = login.paste(wrong, wrong, wrong)
    assert status != 0 and "state" in printed
    assert machine.run("about").returncode == 4


def test_a_refused_consent(simulator, machine):
    simulator.set(oauth={"deny_consent": True})
    login = Login(machine)
    status, printed = login.paste(approve(login.url))
    assert status == 4, printed


def test_a_wrong_paste_may_be_repeated(simulator, machine):
    login = Login(machine)
    status, printed = login.paste("no code at all", "", approve(login.url))
    assert status == 0 and "again" in printed
    status, printed = Login(machine).paste("no code at all", "nor here", "nor here")
    assert status != 0 and printed.strip()


def test_the_browser_is_on_this_machine(simulator, machine):
    login = Login(machine)
    with urllib.request.urlopen(approve(login.url), timeout=30) as page:
        assert page.status == 200
    status, printed = login.paste()
    assert status == 0, printed


def test_the_client_of_the_config_file(simulator, machine):
    client_id = machine.environment.pop("DRIVEWAY_CLIENT_ID")
    client_secret = machine.environment.pop("DRIVEWAY_CLIENT_SECRET")
    config = machine.folder / "config/driveway/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'client-id = "{client_id}"\nclient-secret = "{client_secret}"\n')
    login = Login(machine)
    assert parameters(login.url)["client_id"] == client_id
    status, printed = login.paste(approve(login.url))
    assert status == 0, printed
    # The secret of one client is not sent with the id of another.
    other = Login(machine, "--client-id", "other")
    assert parameters(other.url)["client_id"] == "other"
    status, printed = other.paste("4/0Acode")
    assert status == 4, printed


class _ApiSwitchedOff(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        error = {"reason": "accessNotConfigured", "message": "Drive API has not been used in project 1"}
        body = json.dumps({"error": {"code": 403, "errors": [error], **error}}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def drive_that_refuses():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _ApiSwitchedOff)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_login_that_drive_refuses_replaces_none(simulator, machine):
    drive = machine.environment["DRIVEWAY_API_URL"]
    stored = machine.folder / "config/driveway/logins/default.json"
    with drive_that_refuses() as refusing:
        machine.environment["DRIVEWAY_API_URL"] = refusing
        login = Login(machine)
        status, printed = login.paste(approve(login.url))
        assert status == 4 and "enable the Drive API" in printed
        first = stored.read_text()  # there was none: it may be mended where Drive says
        login = Login(machine)
        status, printed = login.paste(approve(login.url))
        assert status == 4 and "left as it was" in printed
    assert stored.read_text() == first
    machine.environment["DRIVEWAY_API_URL"] = drive
    assert "ann@example.com" in machine.output_of("about")


def _echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


@pytest.mark.parametrize("end", ["paste", "SIGINT", "SIGTERM"])
def test_a_terminal_does_not_show_the_paste(simulator, machine, end):
    master, terminal = pty.openpty()
    process = machine.start("login", stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        printed = ""
        while not (url := re.search(r"https?://\S+", printed)):
            printed += process.stdout.readline()
        assert _echoes(terminal) is False
        if end == "paste":
            address = approve(url.group(0))
            os.write(master, f"{address}\n".encode())
            rest, _ = process.communicate(timeout=60)
            assert process.returncode == 0, rest
            assert os.read(master, 65536).strip() == b""
        else:
            process.send_signal(getattr(signal, end))
            process.communicate(timeout=60)
            assert process.returncode == 130
        assert _echoes(terminal) is True
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(terminal)


def test_two_accounts(simulator, machine):
    simulator.add_account(OTHER_ACCOUNT)
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    login = Login(machine, "--account", "work")
    assert login.paste(approve(f"{login.url}&login_hint={OTHER_ACCOUNT}"))[0] == 0
    assert OTHER_ACCOUNT in machine.output_of("about", "--account", "work")
    assert "ann@example.com" in machine.output_of("about")
    one = machine.mount()
    other = machine.mount("--account", "work", mountpoint=machine.folder / "work")
    assert one.status()["pid"] != other.status()["pid"]
    one.unmount()
    other.unmount()


def test_read_only_asks_for_less(simulator, machine):
    login = Login(machine, "--read-only")
    assert parameters(login.url)["scope"].endswith("/auth/drive.readonly")
    status, printed = login.paste(approve(login.url))
    assert status == 0, printed
    # Nothing could be sent of what is written: the mount is for reading, too, and says so.
    folder = machine.folder / "mnt"
    done = machine.run("mount", folder)
    assert done.returncode == 0 and "reading only" in done.stderr, done.stderr
    with pytest.raises(OSError) as refused:
        (folder / "MyDrive" / "new").write_bytes(b"x")
    assert refused.value.errno == errno.EROFS
    assert "already mounted" in machine.run("mount", folder).stderr  # a cell that runs twice
    assert machine.run("mount", "--read-only", machine.folder / "other").returncode == 0
    for mountpoint in folder, machine.folder / "other":
        machine.output_of("unmount", mountpoint)


def test_a_token_that_was_revoked_asks_for_a_new_login(simulator, machine):
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    simulator.revoke_tokens()
    done = machine.run("about")
    assert done.returncode == 4 and "driveway login" in done.stderr
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    machine.output_of("about")
