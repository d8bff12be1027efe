"""Logins of other programs that `driveway login` takes over."""

import json
import subprocess

import pytest

from support.simulator import OTHER_ACCOUNT

_SCOPES = "https://www.googleapis.com/auth/"


@pytest.fixture
def machine(make_machine):
    """Not logged in; without an OAuth client of its own."""
    return make_machine(login=False)


def login_of(simulator, machine, account="", **request):
    credentials = simulator.authorized_user(account, **request)
    machine.secrets |= {credentials["refresh_token"], credentials["client_secret"]}
    return credentials


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def older_config(credentials):
    return (
        f"client_id={credentials['client_id']}\nclient_secret={credentials['client_secret']}\n"
        f"read_only=false\nscope={_SCOPES}drive\numask=0o022\n"
    )


def newer_config(credentials):
    return (
        "config_version = 1\n\n[auth]\n"
        f"client_id = \"{credentials['client_id']}\"\nclient_secret = \"{credentials['client_secret']}\"\n"
        "\n[mount]\numask = \"0o022\"\n"
    )


def state(credentials):
    return (
        "access_token_date=2020-01-01T00:00:00.000Z\nlast_access_token=ya29.old\n"
        f"refresh_token={credentials['refresh_token']}\nsaved_version=0.7.32\n"
    )


def rclone(machine, *arguments):
    subprocess.run(
        ["rclone", "config", "create", *arguments, "config_is_local=false"],
        env={name: machine.environment[name] for name in ("PATH", "HOME")},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return machine.folder / "home/.config/rclone/rclone.conf"


def token_of(credentials):
    token = {"access_token": "ya29.old", "refresh_token": credentials["refresh_token"]}
    return json.dumps({**token, "token_type": "Bearer", "expiry": "2020-01-01T00:00:00Z"})


def stored(machine, name="default"):
    path = machine.folder / f"config/driveway/logins/{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


@pytest.mark.parametrize("config", [older_config, newer_config])
@pytest.mark.parametrize("folders", ["own", "xdg"])
def test_a_login_of_google_drive_ocamlfuse(simulator, machine, config, folders):
    credentials = login_of(simulator, machine)
    if folders == "own":
        files = [machine.folder / f"home/.gdfuse/default/{name}" for name in ("config", "state")]
    else:
        data = machine.folder / "home/.local/share/gdfuse/default"
        files = [machine.folder / "config/gdfuse/default/config", data / "state"]
    write(files[0], config(credentials))
    write(files[1], state(credentials))
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    assert "ann@example.com" in machine.output_of("login", "--with", "gdfuse=default")
    assert before == [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    login = stored(machine)
    assert login["refresh_token"] == credentials["refresh_token"]
    assert login["client_id"] == credentials["client_id"] and login["account"] == "ann@example.com"
    assert login["scopes"] == [f"{_SCOPES}drive"]
    mount = machine.mount()
    (mount.my_drive / "a.txt").write_text("a")
    machine.output_of("flush")
    assert "a.txt" in {item["path"] for item in simulator.dump()}
    mount.unmount()


def test_a_label_becomes_an_account(simulator, machine):
    simulator.add_account(OTHER_ACCOUNT)
    for label, account in [("default", ""), ("work", OTHER_ACCOUNT)]:
        credentials = login_of(simulator, machine, account)
        write(machine.folder / f"home/.gdfuse/{label}/config", older_config(credentials))
        write(machine.folder / f"home/.gdfuse/{label}/state", state(credentials))
    machine.output_of("login", "--with", "gdfuse=work", "--account", "office")
    assert OTHER_ACCOUNT in machine.output_of("about", "--account", "office")
    assert stored(machine) is None
    done = machine.run("login", "--with", "gdfuse=home")
    assert done.returncode == 4 and "default, work" in done.stderr


def test_a_login_through_the_old_proxy(simulator, machine):
    credentials = login_of(simulator, machine)
    write(machine.folder / "home/.gdfuse/default/config", "client_id=\nclient_secret=\n")
    write(machine.folder / "home/.gdfuse/default/state", state(credentials))
    done = machine.run("login", "--with", "gdfuse=default")
    assert done.returncode == 4 and "proxy" in done.stderr and "driveway login" in done.stderr
    assert stored(machine) is None


def test_a_login_that_does_not_work_replaces_none(simulator, machine):
    simulator.add_account(OTHER_ACCOUNT)
    good = login_of(simulator, machine)
    write(machine.folder / "home/.gdfuse/default/config", older_config(good))
    write(machine.folder / "home/.gdfuse/default/state", state(good))
    machine.output_of("login", "--with", "gdfuse=default")
    before = stored(machine)
    dead = login_of(simulator, machine, OTHER_ACCOUNT)
    write(machine.folder / "home/.gdfuse/dead/config", newer_config(dead))
    write(machine.folder / "home/.gdfuse/dead/state", state(dead))
    simulator.revoke_tokens(OTHER_ACCOUNT)
    for account in ("default", "other"):
        done = machine.run("login", "--with", "gdfuse=dead", "--account", account)
        assert done.returncode == 4 and "not taken over" in done.stderr, done.stderr
    assert stored(machine) == before and stored(machine, "other") is None


def test_a_login_of_rclone(simulator, machine):
    own = login_of(simulator, machine)
    client = [f"client_id={own['client_id']}", f"client_secret={own['client_secret']}"]
    path = rclone(machine, "gd", "drive", *client, "scope=drive", f"token={token_of(own)}")
    rclone(machine, "secret", "crypt", "remote=gd:vault", "password=abc")
    rclone(machine, "shared", "drive", "scope=drive", f"token={token_of(own)}")
    narrow = login_of(simulator, machine, scopes=[f"{_SCOPES}drive.readonly"])
    rclone(machine, "ro", "drive", *client, "scope=drive.readonly", f"token={token_of(narrow)}")
    before = path.read_bytes()
    for name, why in [("secret", "encrypted"), ("shared", "client_id"), ("nobody", "gd")]:
        done = machine.run("login", "--with", f"rclone={name}")
        assert done.returncode == 4 and why in done.stderr, done.stderr
    assert "ann@example.com" in machine.output_of("login", "--with", "rclone=gd:")
    assert stored(machine)["refresh_token"] == own["refresh_token"]
    assert "ann@example.com" in machine.output_of("about")
    machine.output_of("login", "--with", "rclone=ro", "--account", "ro")
    assert stored(machine, "ro")["scopes"] == [f"{_SCOPES}drive.readonly"]
    assert path.read_bytes() == before


def test_an_rclone_conf_elsewhere_and_an_encrypted_one(simulator, machine):
    own = login_of(simulator, machine)
    client = [f"client_id={own['client_id']}", f"client_secret={own['client_secret']}"]
    path = rclone(machine, "gd", "drive", *client, f"token={token_of(own)}")
    elsewhere = path.rename(machine.folder / "mine.conf")
    done = machine.run("login", "--with", "rclone=gd")
    assert done.returncode == 4 and "RCLONE_CONFIG" in done.stderr
    variable = {"RCLONE_CONFIG": str(elsewhere)}
    machine.output_of("login", "--with", "rclone=gd", environment=variable)
    elsewhere.write_text("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA\n")
    done = machine.run("login", "--with", "rclone=gd", environment=variable)
    assert done.returncode == 4 and "rclone config show" in done.stderr


def test_what_an_import_is_not(simulator, machine):
    done = machine.run("mount", machine.folder / "mnt", "--with", "gdfuse=default")
    assert done.returncode == 2 and "driveway login --with gdfuse" in done.stderr
    for flags in (["--read-only"], ["--client-id", "x"]):
        done = machine.run("login", "--with", "gdfuse=default", *flags)
        assert done.returncode == 2 and flags[0] in done.stderr
    done = machine.run("login", "--with", "adc")
    assert done.returncode == 2 and "rclone=<REMOTE>" in done.stderr
