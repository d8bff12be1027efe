"""What a login says when it fails: each time what happened, and what to do."""

import email.utils
import json
import time
import urllib.parse

import pytest

from support.browser import Login, approve, give_client
from support.token_proxy import TokenProxy


@pytest.fixture
def machine(make_machine, simulator):
    return give_client(make_machine(login=False), simulator)


def code_in(address):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["code"]


def refused(machine, answer, *arguments):
    """What driveway says of this answer to a login, which must fail with 4."""
    login = Login(machine, *arguments)
    status, printed = login.paste(answer(login.url) if callable(answer) else answer)
    assert status == 4, printed
    return printed


def test_a_wrong_code(machine):
    printed = refused(machine, "4/0AwrongCode")
    assert "cut off when it was copied" in printed and "run `driveway login` again" in printed
    assert "wrongCode" not in printed
    printed = refused(machine, "4/0AwrongCode", "--account", "work")
    assert "run `driveway login --account work` again" in printed


def test_a_code_that_was_used(simulator, machine):
    login = Login(machine)
    address = approve(login.url)
    assert login.paste(address)[0] == 0
    assert "used already" in refused(machine, code_in(address))
    # The whole address is known for another attempt's before Google is asked.
    assert "another attempt" in machine.run("login", input=address).stderr


def test_a_code_that_is_too_old(simulator, machine):
    simulator.set(oauth={"code_life": 0})
    assert "older than a few minutes" in refused(machine, approve)


def test_a_consent_without_the_box_of_drive(simulator, machine):
    def without_drive(status, headers, body):
        answer = json.loads(body)
        answer["scope"] = "openid"
        return status, headers, json.dumps(answer).encode()

    with TokenProxy(simulator.url, without_drive) as proxy:
        machine.environment["DRIVEWAY_OAUTH_URL"] = proxy.url
        printed = refused(machine, approve)
    assert "tick the box for Google Drive" in printed
    assert not (machine.folder / "config/driveway/logins/default.json").exists()


def test_a_consent_that_was_refused(simulator, machine):
    simulator.set(oauth={"denied_scopes": "https://www.googleapis.com/auth/drive"})
    printed = refused(machine, approve)
    assert "denied in the browser" in printed and "test users" in printed


def test_no_client(machine):
    for name in ("DRIVEWAY_CLIENT_ID", "DRIVEWAY_CLIENT_SECRET"):
        del machine.environment[name]
    done = machine.run("login", input="")
    assert done.returncode == 4 and done.stdout == ""
    assert "--client-id" in done.stderr and "console.cloud.google.com" in done.stderr
    assert json.loads(machine.run("login", "--json", input="").stdout)["state"] == "failed"


def test_a_wrong_secret_of_the_client(machine):
    machine.environment["DRIVEWAY_CLIENT_SECRET"] = "GOCSPX-wrong"
    assert "id or secret is wrong" in refused(machine, approve)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_off_by_minutes(simulator, machine, minutes):
    def at_another_time(status, headers, body):
        return status, {**headers, "Date": email.utils.formatdate(time.time() - 60 * minutes, usegmt=True)}, body

    with TokenProxy(simulator.url, at_another_time) as proxy:
        machine.environment["DRIVEWAY_OAUTH_URL"] = proxy.url
        login = Login(machine)
        status, printed = login.paste(approve(login.url))
    assert status == 0 and "this machine's clock is " in printed and "set it" in printed
    assert ("ahead of" if minutes > 0 else "behind") in printed


@pytest.mark.parametrize("account", ["default", "work"])
def test_a_login_that_was_revoked(simulator, machine, account):
    login = Login(machine, "--account", account)
    assert login.paste(approve(login.url))[0] == 0
    simulator.revoke_tokens()
    done = machine.run("about", "--account", account)
    assert done.returncode == 4 and "revoked in the Google account" in done.stderr
    assert ("run `driveway login`" if account == "default" else "run `driveway login --account work`") in done.stderr
