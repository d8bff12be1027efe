"""Where tokens may come from, besides the login and the file that other tests use."""

import hashlib
import json
import os
import time

import pytest

from support.browser import Login, approve, give_client
from support.identity_provider import AUDIENCE, IdentityProvider
from support.simulator import FIRST_ACCOUNT, OTHER_ACCOUNT
from support.waiting import Meanwhile, wait_for


@pytest.fixture
def machine(make_machine):
    """Not logged in."""
    return make_machine(login=False)


def new_token(simulator, machine, **request):
    token = simulator.token(**request)["access_token"]
    machine.secrets.add(token)
    return token


def write_private(path, text):
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def paths(simulator):
    return {item["path"] for item in simulator.dump()}


def test_a_token_file_that_is_written_anew(simulator, machine):  # E1
    path = write_private(machine.folder / "token", new_token(simulator, machine))
    mount = machine.mount("--with", f"token={path}")
    assert os.listdir(mount.my_drive) == [] and mount.status()["account"] == f"token={path}"
    simulator.expire_tokens()
    (mount.my_drive / "a.txt").write_text("a")
    wait_for(lambda: "paused" in mount.status()["writes"], "the token to be refused")
    write_private(path, new_token(simulator, machine))
    wait_for(lambda: "a.txt" in paths(simulator), "what was written", timeout=60)
    machine.output_of("flush")  # finds the daemon
    mount.unmount()


def test_a_token_command(simulator, machine):
    path = write_private(machine.folder / "token", new_token(simulator, machine))
    command = f"command=/bin/cat '{path}'"
    assert "ann@example.com" in machine.output_of("about", "--with", command)
    assert "ann@example.com" in machine.output_of("about", environment={"DRIVEWAY_WITH": command})
    failed = machine.run("about", "--with", "command=/bin/false")
    assert failed.returncode == 4 and "status 1" in failed.stderr


def test_a_token_in_a_variable(simulator, machine):
    simulator.add_account(OTHER_ACCOUNT)
    token = {"DRIVEWAY_ACCESS_TOKEN": new_token(simulator, machine, account=OTHER_ACCOUNT)}
    assert OTHER_ACCOUNT in machine.output_of("about", environment=token)
    mount = machine.mount("--with", "env", environment=token)
    (mount.my_drive / "a.txt").write_text("a")
    machine.output_of("flush")
    assert "a.txt" in {item["path"] for item in simulator.dump(account=OTHER_ACCOUNT)}
    mount.unmount()


def test_children_do_not_get_the_token(simulator, machine):
    seen = machine.folder / "seen"
    command = f"command=/bin/sh -c 'env > {seen}; cat {machine.folder}/token'"
    write_private(machine.folder / "token", new_token(simulator, machine))
    token = new_token(simulator, machine)
    machine.output_of("about", "--with", command, environment={"DRIVEWAY_ACCESS_TOKEN": token})
    assert token not in seen.read_text() and "HOME=" in seen.read_text()


def test_a_token_without_the_scope_of_drive(simulator, machine):
    token = new_token(simulator, machine, scopes=["openid", "email"])
    done = machine.run("about", environment={"DRIVEWAY_ACCESS_TOKEN": token})
    assert done.returncode == 4 and "no access to Drive" in done.stderr


def test_a_method_that_is_none(simulator, machine):
    done = machine.run("about", "--with", "tokens")
    assert done.returncode == 2 and "token=<FILE>" in done.stderr
    done = machine.run("about", "--with", "env", "--account", "work")
    assert done.returncode == 2 and "work" in done.stderr


TEAM = "0ATeam000000000PVA"
ROBOT = "robot@project.iam.gserviceaccount.com"
TOKEN_URI = "https://oauth2.googleapis.com/token"


def service_account(simulator, machine, email=ROBOT, **changes):
    simulator.add_account(email)
    key = {**simulator.service_account(email, TOKEN_URI), **changes}
    machine.secrets.add(key["private_key"])
    return write_private(machine.folder / "key.json", json.dumps(key))


def test_a_service_account(simulator, machine):
    path = service_account(simulator, machine)
    printed = machine.output_of("about", "--with", f"credentials={path}")
    assert ROBOT in printed and "service_account" in printed
    machine.environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    assert ROBOT in machine.output_of("about")
    mount = machine.mount()
    assert os.listdir(mount.my_drive) == []
    mount.unmount()


def test_a_service_account_in_a_users_name(simulator, machine):
    path = service_account(simulator, machine)
    machine.environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    refused = machine.run("about", "--subject", OTHER_ACCOUNT)
    assert refused.returncode == 4 and "domain-wide delegation" in refused.stderr
    simulator.add_account(OTHER_ACCOUNT)
    simulator.set(oauth={"delegated_scopes": "https://www.googleapis.com/auth/drive"})
    assert OTHER_ACCOUNT in machine.output_of("about", "--subject", OTHER_ACCOUNT)
    mount = machine.mount("--subject", OTHER_ACCOUNT)
    (mount.my_drive / "a.txt").write_text("a")
    machine.output_of("flush")
    assert "a.txt" in {item["path"] for item in simulator.dump(account=OTHER_ACCOUNT)}
    mount.unmount()


def test_a_service_accounts_key_that_is_no_good(simulator, machine):
    path = service_account(simulator, machine)
    key = json.loads(path.read_text())
    other = simulator.service_account("other@project.iam.gserviceaccount.com", TOKEN_URI)
    for changes, why in [
        ({"private_key": other["private_key"]}, "make a new key"),
        ({"token_uri": "https://example.com/token"}, "token_uri"),
        ({"client_email": "nobody@project.iam.gserviceaccount.com"}, "does not exist"),
    ]:
        write_private(path, json.dumps({**key, **changes}))
        done = machine.run("about", "--with", f"credentials={path}")
        assert done.returncode == 4 and why in done.stderr, done.stderr
    machine.secrets.add(other["private_key"])


def impersonation_url(simulator, email=ROBOT):
    return f"{simulator.url}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"


@pytest.fixture
def impersonated(simulator, machine):
    """impersonated(…): the file of a user who acts for the service account, with changes."""
    simulator.add_account(ROBOT)
    machine.secrets.add(simulator.service_account(ROBOT, TOKEN_URI)["private_key"])
    simulator.set(oauth={"token_creators": FIRST_ACCOUNT})
    user = simulator.authorized_user(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    machine.secrets |= {user["refresh_token"], user["client_secret"]}

    def make(**changes):
        document = {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": impersonation_url(simulator),
            "source_credentials": user,
            **changes,
        }
        return write_private(machine.folder / "impersonated.json", json.dumps(document))

    return make


def test_a_user_who_acts_for_a_service_account(simulator, machine, impersonated):
    path = impersonated()
    machine.environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    printed = machine.output_of("about")
    assert ROBOT in printed and "impersonated_service_account" in printed
    mount = machine.mount()
    assert os.listdir(mount.my_drive) == []
    simulator.expire_tokens()  # of the user and of the service account
    machine.output_of("ls", "drive:")
    mount.unmount()
    delegates = [f"projects/-/serviceAccounts/{ROBOT}"]
    assert ROBOT in machine.output_of("about", "--with", f"credentials={impersonated(delegates=delegates)}")


def test_one_who_may_not_act_for_a_service_account(simulator, machine, impersonated):
    simulator.set(oauth={"token_creators": OTHER_ACCOUNT})
    done = machine.run("about", "--with", f"credentials={impersonated()}")
    assert done.returncode == 4 and "Service Account Token Creator" in done.stderr, done.stderr
    nobody = impersonation_url(simulator, "nobody@project.iam.gserviceaccount.com")
    path = impersonated(service_account_impersonation_url=nobody)
    done = machine.run("about", "--with", f"credentials={path}")
    assert done.returncode == 4 and "does not exist" in done.stderr, done.stderr


def external(simulator, machine, source, **changes):
    document = {
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{simulator.url}/v1/token",
        "service_account_impersonation_url": impersonation_url(simulator),
        "credential_source": source,
        **changes,
    }
    return write_private(machine.folder / "external.json", json.dumps(document))


@pytest.fixture
def provider(simulator, machine):
    simulator.add_account(ROBOT)
    machine.secrets.add(simulator.service_account(ROBOT, TOKEN_URI)["private_key"])
    return IdentityProvider(machine.folder, simulator)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_workload_identity(simulator, machine, provider, form):
    subject = provider.token()
    machine.secrets.add(subject)
    source = {"file": str(machine.folder / "subject")}
    if form == "json":
        source["format"] = {"type": "json", "subject_token_field_name": "id_token"}
        subject = json.dumps({"id_token": subject})
    write_private(machine.folder / "subject", subject)
    path = external(simulator, machine, source)
    printed = machine.output_of("about", "--with", f"credentials={path}")
    assert ROBOT in printed and "external_account" in printed
    mount = machine.mount("--with", f"credentials={path}")
    assert os.listdir(mount.my_drive) == []
    mount.unmount()


def test_a_workload_identity_that_is_not_accepted(simulator, machine, provider):
    file = machine.folder / "subject"
    write_private(file, provider.token(exp=int(time.time()) - 3600))
    path = external(simulator, machine, {"file": str(file)})
    about = ("about", "--with", f"credentials={path}")
    done = machine.run(*about)
    assert done.returncode == 4 and "has expired" in done.stderr, done.stderr
    write_private(file, provider.token())
    simulator.set(oauth={"token_creators": ""})
    done = machine.run(*about)
    assert done.returncode == 4 and "Service Account Token Creator" in done.stderr, done.stderr
    simulator.set(oauth={"identity_provider_key": ""})
    done = machine.run(*about)
    assert done.returncode == 4 and "disabled" in done.stderr, done.stderr


@pytest.fixture
def vm(simulator, machine):
    """A machine that has a metadata server."""
    machine.environment["GCE_METADATA_HOST"] = simulator.url.removeprefix("http://")
    del machine.environment["NO_GCE_CHECK"]
    return machine


def test_the_metadata_server_of_the_machine(simulator, vm):
    simulator.set(oauth={"metadata_404_count": 2})  # the consent comes through a little later
    assert "metadata server" in vm.output_of("about")
    mount = vm.mount()
    assert os.listdir(mount.my_drive) == []
    (mount.my_drive / "a.txt").write_text("a")
    vm.output_of("flush")
    assert "a.txt" in paths(simulator)
    simulator.expire_tokens()
    (mount.my_drive / "b.txt").write_text("b")
    vm.output_of("flush")
    assert "b.txt" in paths(simulator)
    mount.unmount()


def test_a_metadata_server_that_gives_no_access_to_drive(simulator, vm):
    simulator.set(oauth={"metadata_404_count": 1000})
    done = vm.run("about", "--with", "metadata")
    assert done.returncode == 4 and "auth.authenticate_user()" in done.stderr
    simulator.set(oauth={"metadata_404_count": 0, "metadata_scopes": "https://www.googleapis.com/auth/cloud-platform"})
    done = vm.run("about")
    assert done.returncode == 4 and "no access to Drive" in done.stderr


def test_a_machine_without_any_login_says_so_soon(simulator, vm):
    vm.environment["GCE_METADATA_HOST"] = "127.0.0.1:1"  # nobody listens there
    begin = time.monotonic()
    done = vm.run("about")
    took = time.monotonic() - begin
    assert done.returncode == 4 and "no login: run `driveway login`" in done.stderr
    assert took < 10, took  # on a busy machine
    print(f"{took:.2f} s")


def test_gclouds_file_is_found(simulator, machine):
    folder = machine.folder / "home/.config/gcloud"
    folder.mkdir(parents=True)
    credentials = simulator.authorized_user()
    machine.secrets |= {credentials["refresh_token"], credentials["client_secret"]}
    path = write_private(folder / "application_default_credentials.json", json.dumps(credentials))
    assert "gcloud's credentials (authorized_user)" in machine.output_of("about")
    assert "gcloud" in machine.output_of("about", "--with", "adc")
    elsewhere = machine.folder / "elsewhere"
    elsewhere.mkdir()
    path.rename(elsewhere / path.name)
    assert machine.run("about").returncode == 4
    assert "gcloud" in machine.output_of("about", environment={"CLOUDSDK_CONFIG": str(elsewhere)})
    narrow = simulator.authorized_user(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    machine.secrets.add(narrow["refresh_token"])
    write_private(path, json.dumps(narrow))
    done = machine.run("about")
    assert done.returncode == 4 and "--client-id-file" in done.stderr


class Load:
    """Reads what another client has made in a shared drive, and writes as much, until it is over."""

    FILES = 40

    def __init__(self, simulator, machine, mount):
        self._simulator, self._machine, self._mount = simulator, machine, mount
        self._folder = mount.path / "Shareddrives/Team"
        self._contents = [os.urandom(200_000) for _ in range(self.FILES)]
        client = simulator.api()
        for number, content in enumerate(self._contents):
            client.create(f"{number}.theirs", content, parent=TEAM)
        wait_for(lambda: len(os.listdir(self._folder)) == self.FILES, "the files", timeout=60)

    def run(self):
        for number, content in enumerate(self._contents):
            assert (self._folder / f"{number}.theirs").read_bytes() == content
            (self._folder / f"{number}.ours").write_bytes(content)
            time.sleep(0.05)  # so that some lives of a token go by

    def check(self):
        self._machine.output_of("flush", self._mount.path, "--timeout", "60s")
        sums = {item["path"]: item.get("md5Checksum") for item in self._simulator.dump(drive=TEAM)}
        for number, content in enumerate(self._contents):
            assert sums[f"{number}.ours"] == hashlib.md5(content).hexdigest()


def stored_login(simulator, machine, request):
    login = Login(give_client(machine, simulator))
    assert login.paste(approve(login.url))[0] == 0
    return []


def users_credentials(simulator, machine, request):
    machine.log_in_by_file()
    return []


def service_accounts_key(simulator, machine, request):
    return ["--with", f"credentials={service_account(simulator, machine)}"]


def service_account_for_a_user(simulator, machine, request):
    simulator.set(oauth={"delegated_scopes": "https://www.googleapis.com/auth/drive"})
    return ["--with", f"credentials={service_account(simulator, machine)}", "--subject", FIRST_ACCOUNT]


def acting_user(simulator, machine, request):
    return ["--with", f"credentials={request.getfixturevalue('impersonated')()}"]


def workload(simulator, machine, request):
    token = request.getfixturevalue("provider").token()
    machine.secrets.add(token)
    source = {"file": str(write_private(machine.folder / "subject", token))}
    return ["--with", f"credentials={external(simulator, machine, source)}"]


def metadata_server(simulator, machine, request):
    request.getfixturevalue("vm")
    return []


def token_file(simulator, machine, request):
    path = write_private(machine.folder / "token", new_token(simulator, machine))
    return ["--with", f"token={path}"]


def token_command(simulator, machine, request):
    return ["--with", f"command=/usr/bin/curl -s -d {{}} {simulator.url}/__sim/token"]


@pytest.mark.parametrize(
    "kind",
    [
        stored_login,
        users_credentials,
        service_accounts_key,
        service_account_for_a_user,
        acting_user,
        workload,
        metadata_server,
        token_file,
        token_command,
    ],
)
def test_tokens_end_while_files_are_read_and_written(simulator, machine, request, kind):
    """An hour goes by each half of a second; whoever keeps a token file fresh does that at once."""
    simulator.add_account(ROBOT)
    simulator.seed(shared_drives=[{"name": "Team", "id": TEAM, "members": {ROBOT: "writer"}}])
    mount = machine.mount(*kind(simulator, machine, request))
    load = Load(simulator, machine, mount)
    ended = []

    def end_tokens():
        ended.append(simulator.expire_tokens())
        if (machine.folder / "token").exists():
            fresh = write_private(machine.folder / "fresh", new_token(simulator, machine))
            fresh.rename(machine.folder / "token")

    with Meanwhile(end_tokens, 0.5):  # some kinds ask three servers for a token
        load.run()
    assert len([count for count in ended if count]) >= 3, "no token was in use"
    load.check()
    mount.unmount()
