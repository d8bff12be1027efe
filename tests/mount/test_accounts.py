"""Several logins on one machine: what is stored, which one counts, how one ends."""

import json
import os
import pathlib

import pytest

from support.browser import Login, approve, give_client, url_in
from support.simulator import OTHER_ACCOUNT

ANN, BOB = "ann@example.com", OTHER_ACCOUNT


@pytest.fixture
def machine(make_machine, simulator):
    simulator.add_account(BOB)
    return give_client(make_machine(login=False), simulator)


def log_in(machine, *arguments, who=ANN):
    begun = machine.run("login", *arguments, input="")
    done = machine.run("login", *arguments, input=approve(f"{url_in(begun.stdout)}&login_hint={who}"))
    assert done.returncode == 0, done.stderr
    name = arguments[arguments.index("--account") + 1] if "--account" in arguments else "default"
    stored = stored_login(machine, name)
    machine.secrets.add(json.loads(stored.read_text())["refresh_token"])
    return stored


def stored_login(machine, name="default"):
    return machine.folder / f"config/driveway/logins/{name}.json"


def entries(machine):
    return {entry["account"]: entry for entry in json.loads(machine.output_of("accounts", "--json"))["accounts"]}


def test_no_account(machine):
    assert "driveway login" in machine.output_of("accounts")
    assert json.loads(machine.output_of("accounts", "--json")) == {"default": "default", "accounts": []}
    done = machine.run("logout")
    assert done.returncode == 1 and "nothing to do" in done.stderr


def test_the_accounts_are_listed_without_network(simulator, machine):
    log_in(machine)
    simulator.set(oauth={"refresh_token_expires_in": 604799})
    log_in(machine, "--account", "work", "--read-only", who=BOB)
    mount = machine.mount("--account", "work")
    simulator.reset_stats()
    found = entries(machine)
    printed = machine.output_of("accounts").splitlines()
    assert simulator.stats()["requests"] == 0
    assert set(found["work"]) == {
        "account", "email", "scopes", "read_only", "created", "grant_ends", "default", "mountpoints", "error",
    }  # fmt: skip
    assert [found[name]["email"] for name in ("default", "work")] == [ANN, BOB]
    assert [found[name]["read_only"] for name in ("default", "work")] == [False, True]
    assert [found[name]["default"] for name in ("default", "work")] == [True, False]
    assert [found[name]["mountpoints"] for name in ("default", "work")] == [[], [str(mount.path)]]
    assert found["default"]["grant_ends"] is None and found["work"]["grant_ends"]
    assert printed[0].startswith("* default") and "read, write" in printed[0]
    assert printed[1].startswith("  work") and "read only" in printed[1] and "(in 7 days)" in printed[1]
    mount.unmount()


def test_a_damaged_login_is_listed_as_such(machine):
    log_in(machine).chmod(0o644)
    assert "chmod 600" in entries(machine)["default"]["error"]
    assert "chmod 600" in machine.output_of("accounts")


@pytest.mark.parametrize("place", ["DRIVEWAY_ACCOUNT", "config.toml"])
def test_another_account_can_be_the_default(simulator, machine, place):
    log_in(machine)
    log_in(machine, "--account", "work", who=BOB)
    if place == "config.toml":
        (machine.folder / "config/driveway/config.toml").write_text('account = "work"\n')
    else:
        machine.environment[place] = "work"
    simulator.api(BOB).create("bob.txt", b"b")
    assert entries(machine)["work"]["default"] is True
    assert BOB in machine.output_of("about")
    assert ANN in machine.output_of("about", "--account", "default")
    assert machine.output_of("ls", "drive:").split() == ["bob.txt"]
    assert machine.output_of("ls", "default:").split() == []
    mount = machine.mount()
    assert os.listdir(mount.my_drive) == ["bob.txt"]
    assert machine.output_of("cat", "work:bob.txt") == "b"  # through the daemon
    mount.unmount()
    # What stands on the line beats it.
    token = machine.folder / "token"
    token.write_text(simulator.token(ANN)["access_token"])
    token.chmod(0o600)
    assert ANN in machine.output_of("about", f"--with=token={token}")
    assert BOB in machine.output_of("logout")
    done = machine.run("about")
    assert done.returncode == 4 and "driveway login --account work" in done.stderr
    assert "work" in machine.output_of("accounts")


def test_the_default_account_is_the_same_by_its_name(machine):
    log_in(machine)
    mount = machine.mount("--account", "default")
    second = machine.mount(mountpoint=machine.folder / "second")
    assert mount.pid == second.pid
    assert machine.output_of("ls", "default:") == ""
    second.unmount()
    mount.unmount()


def test_logging_out(simulator, machine):
    stored = log_in(machine)
    machine.run("login", input="")  # another one has begun
    assert stored.with_suffix(".begun").exists()
    printed = machine.output_of("logout")
    assert ANN in printed and "--revoke" in printed
    assert not stored.exists() and not stored.with_suffix(".begun").exists()
    assert machine.run("about").returncode == 4
    assert simulator.revoke_tokens() > 0  # Google was told nothing
    machine.run("login", input="")
    assert "had begun is forgotten" in machine.output_of("logout")
    log_in(machine, "--account", "work", who=BOB)
    done = machine.run("logout", "--account", "wrok")
    assert done.returncode == 1 and "work" in done.stderr


def test_logging_out_with_a_mount(simulator, machine):
    log_in(machine)
    mount = machine.mount("--settle", "1h")
    (mount.my_drive / "a.txt").write_text("unsent")
    printed = machine.output_of("logout")
    assert f"The mount at {mount.path} used it" in printed
    assert "not in Drive yet and stay on this machine" in printed and "export-unsent" in printed
    log_in(machine)
    mount.unmount()
    assert "a.txt" in {item["path"] for item in simulator.dump()}


def test_revoking(simulator, machine):
    log_in(machine)
    log_in(machine, "--account", "same")
    log_in(machine, "--account", "work", who=BOB)
    stored = stored_login(machine)
    begun = machine.run("login", "--account", "other", input="")
    assert begun.returncode == 4

    oauth = machine.environment["DRIVEWAY_OAUTH_URL"]
    machine.environment["DRIVEWAY_OAUTH_URL"] = "http://127.0.0.1:1"
    done = machine.run("logout", "--revoke")
    assert done.returncode == 1 and "is kept" in done.stderr and "permissions" in done.stderr
    assert stored.exists()
    machine.environment["DRIVEWAY_OAUTH_URL"] = oauth
    machine.output_of("about")
    printed = machine.output_of("logout", "--revoke")
    assert "all tokens of this Google account" in printed
    assert "the stored login same: run `driveway login --account same` again" in printed
    assert not stored.exists()
    assert machine.run("about", "--account", "same").returncode == 4
    assert BOB in machine.output_of("about", "--account", "work")
    # What Google does not know any more is as good as revoked.
    machine.output_of("logout", "--account", "same", "--revoke")
    assert list(entries(machine)) == ["work"]


def test_two_accounts_are_mounted_at_once(simulator, machine):
    log_in(machine)
    log_in(machine, "--account", "work", who=BOB)
    simulator.api(ANN).create("same.txt", b"of Ann")
    simulator.api(BOB).create("same.txt", b"of Bob")
    ann, bob = machine.mount(), machine.mount("--account", "work", mountpoint=machine.folder / "work")
    assert ann.pid != bob.pid
    assert (ann.my_drive / "same.txt").read_text() == "of Ann"
    assert (bob.my_drive / "same.txt").read_text() == "of Bob"
    (ann.my_drive / "new.txt").write_text("by Ann")
    (bob.my_drive / "new.txt").write_text("by Bob")
    assert {name: entry["mountpoints"] for name, entry in entries(machine).items()} == {
        "default": [str(ann.path)],
        "work": [str(bob.path)],
    }
    ids = set(json.loads((machine.cache / "accounts.json").read_text()).values())
    assert len(ids) == 2 and all((machine.cache / name / "journal").is_dir() for name in ids)
    ann.unmount()
    assert (bob.my_drive / "same.txt").read_text() == "of Bob"
    bob.unmount()
    for who, text in ((ANN, "by Ann"), (BOB, "by Bob")):
        assert machine.output_of("cat", f"{'work' if who == BOB else 'default'}:new.txt") == text
    _assert_private(machine)


def _assert_private(machine):
    """Nobody else can read what driveway has written, apart from what the test made."""
    for top in ("config/driveway", "cache/driveway", "run"):
        for path in [machine.folder / top, *(machine.folder / top).rglob("*")]:
            if not path.is_symlink():
                assert path.stat().st_mode & 0o077 == 0, f"{path}: {path.stat().st_mode:o}"


def _seen(pid):
    return [pathlib.Path(f"/proc/{pid}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]


@pytest.mark.parametrize("form", ["--client-secret {}", "--client-secret={}"])
def test_ps_shows_no_secret(simulator, machine, form):
    secret = machine.environment.pop("DRIVEWAY_CLIENT_SECRET")
    client_id = machine.environment.pop("DRIVEWAY_CLIENT_ID")
    login = Login(machine, "--client-id", client_id, *form.format(secret).split())
    shown = _seen(login.pid)
    assert client_id in shown[0] and secret not in shown[0]
    assert login.paste(approve(login.url))[0] == 0


def test_no_process_hands_secrets_on(simulator, machine):
    secret = machine.environment["DRIVEWAY_CLIENT_SECRET"]
    log_in(machine)
    token = simulator.token(ANN)["access_token"]
    machine.secrets.add(token)
    login = Login(machine)
    assert not any(secret in text for text in _seen(login.pid))
    login.paste(approve(login.url))
    mount = machine.mount(environment={"DRIVEWAY_ACCESS_TOKEN": token})
    (mount.my_drive / "a.txt").write_text("a")
    shown = _seen(mount.pid)
    assert not any(text.count(hidden) for text in shown for hidden in machine.secrets)
    printed = json.loads(machine.output_of("config", "--json"))["client-secret"]
    assert printed == {"value": "(not shown)", "from": "DRIVEWAY_CLIENT_SECRET"}
    mount.unmount()
    # What it starts gets none either.
    seen = machine.folder / "seen"
    script = machine.folder / "give-token"
    script.write_text(f"#!/bin/sh\nenv > {seen}\necho {token}\n")
    script.chmod(0o700)
    assert ANN in machine.output_of("about", f"--with=command={script}")
    assert "XDG_CONFIG_HOME" in seen.read_text() and secret not in seen.read_text()
