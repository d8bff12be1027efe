"""The login without a browser on the machine: one URL, one paste."""

import json
import stat
import urllib.parse
import urllib.request

import pytest

from support.browser import Login, approve
from support.simulator import OTHER_ACCOUNT


@pytest.fixture
def machine(make_machine, simulator):
    """Not logged in; knows the simulator's OAuth client."""
    machine = make_machine(login=False)
    credentials = simulator.authorized_user()
    machine.environment["DRIVEWAY_CLIENT_ID"] = credentials["client_id"]
    machine.environment["DRIVEWAY_CLIENT_SECRET"] = credentials["client_secret"]
    machine.secrets.add(credentials["client_secret"])
    return machine


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
    machine.mount().unmount()


def test_a_token_that_was_revoked_asks_for_a_new_login(simulator, machine):
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    simulator.revoke_tokens()
    done = machine.run("about")
    assert done.returncode == 4 and "driveway login" in done.stderr
    login = Login(machine)
    assert login.paste(approve(login.url))[0] == 0
    machine.output_of("about")
