"""google-drive-ocamlfuse: the shell lines of the notebooks in circulation, as they stand there."""

import json
import os
import re
import shlex
import stat
import subprocess
import urllib.parse

import pytest

from support.browser import approve, code_of, type_code
from support.programs import program
from support.simulator import DEVICE_CLIENT, OTHER_ACCOUNT
from support.waiting import wait_for

ROBOT = "robot@project.iam.gserviceaccount.com"


class Notebook:
    """Runs the lines of cells, with the programs on the path, in the machine's folder."""

    def __init__(self, machine, credentials):
        self.machine = machine
        self.folder = machine.folder
        self.id, self.secret = credentials["client_id"], credentials["client_secret"]
        self.login = f"google-drive-ocamlfuse -headless -id={self.id} -secret={self.secret}"

    def start(self, line):
        programs = program("google-drive-ocamlfuse").parent
        environment = dict(self.machine.environment)
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        del environment["DRIVEWAY_LOG"]  # which nobody sets in a notebook
        return subprocess.Popen(
            ["bash", "-c", line],
            env=environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, running, timeout=120):
        """A CompletedProcess."""
        with running:
            try:
                out, err = running.communicate(timeout=timeout)
            except BaseException:
                running.kill()
                raise
        self.machine.outputs += [out, err]
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    def shell(self, line, timeout=120):
        return self.end(self.start(line), timeout)

    def url(self):
        """What the first cell shows."""
        done = self.shell(f"{self.login} < /dev/null 2>&1 | grep URL")
        assert len(done.stdout.splitlines()) == 1, done.stdout
        return re.search(r"https?://\S+", done.stdout).group(0)

    def log_in(self):
        done = self.shell(f"echo {shlex.quote(code_of(approve(self.url())))} | {self.login}")
        assert done.returncode == 0, done.stderr
        return done

    def unmount(self, name="drive"):
        self.machine.at(self.folder / name).unmount()


def listed(folder):
    """Without .Trash, .shared and .Shareddrives."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


@pytest.fixture(name="notebook")
def _notebook(make_machine, simulator):
    machine = make_machine(login=False)
    credentials = simulator.authorized_user()
    machine.secrets.add(credentials["client_secret"])
    return Notebook(machine, credentials)


def test_the_cells_of_a_first_session(simulator, notebook):
    first = notebook.shell(f"{notebook.login} < /dev/null")
    assert first.returncode == 1
    assert first.stdout.startswith("Please, open the following URL in a web browser: http")
    assert "\nPlease enter the verification code: " in first.stdout
    done = notebook.log_in()
    assert "Access token retrieved correctly." in done.stdout.splitlines()
    again = notebook.shell(f"{notebook.login} < /dev/null")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert notebook.shell("mkdir -p drive").returncode == 0
    mounted = notebook.shell("google-drive-ocamlfuse drive")
    assert (mounted.returncode, mounted.stdout, mounted.stderr) == (0, "", "")
    simulator.api().create("new.txt", b"by Drive")
    (notebook.folder / "drive/deeplearning").mkdir()
    (notebook.folder / "drive/deeplearning/train.py").write_text("print(1)")
    wait_for(lambda: (notebook.folder / "drive/new.txt").exists(), "the change of Drive", timeout=60)
    assert (notebook.folder / "drive/new.txt").read_bytes() == b"by Drive"
    notebook.unmount()
    paths = {item["path"] for item in simulator.dump()}
    assert "deeplearning/train.py" in paths


def test_the_second_run_of_the_same_cell(simulator, notebook):
    notebook.log_in()
    notebook.shell("mkdir -p drive; google-drive-ocamlfuse drive")
    pid = notebook.machine.at(notebook.folder / "drive").pid
    for line in ("google-drive-ocamlfuse drive", "google-drive-ocamlfuse -o nonempty drive"):
        again = notebook.shell(line)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", ""), line
    slip = notebook.shell("mkdir -p drive nonempty; google-drive-ocamlfuse drive nonempty")
    assert slip.returncode == 0 and slip.stdout == ""
    assert slip.stderr == "google-drive-ocamlfuse: 2 mountpoints are given; it mounts on drive\n"
    assert notebook.machine.at(notebook.folder / "drive").pid == pid
    assert not os.path.ismount(notebook.folder / "nonempty")
    notebook.unmount()


def test_a_dead_mount_is_mounted_again(simulator, notebook):
    notebook.log_in()
    notebook.shell("mkdir -p drive; google-drive-ocamlfuse drive")
    notebook.machine.at(notebook.folder / "drive").kill()
    assert notebook.shell("google-drive-ocamlfuse drive").returncode == 0
    assert listed(notebook.folder / "drive") == []
    notebook.unmount()


def test_a_folder_with_files_in_it(simulator, notebook):
    notebook.log_in()
    notebook.shell("mkdir -p drive; touch drive/old")
    mounted = notebook.shell("google-drive-ocamlfuse drive -o nonempty,big_writes,max_readahead=1")
    assert (mounted.returncode, mounted.stdout, mounted.stderr) == (0, "", "")
    assert listed(notebook.folder / "drive") == []
    notebook.unmount()
    mounted = notebook.shell("google-drive-ocamlfuse drive")
    assert mounted.returncode == 0 and "not empty" in mounted.stderr
    notebook.unmount()


@pytest.mark.parametrize("paste", ["whole address", "percent-encoded code"])
def test_what_may_be_pasted(simulator, notebook, paste):
    address = approve(notebook.url())
    text = address if paste == "whole address" else urllib.parse.quote(code_of(address), safe="")
    done = notebook.shell(f"echo {shlex.quote(text)} | {notebook.login}")
    assert done.returncode == 0 and "Access token retrieved correctly." in done.stdout


def test_a_wrong_code(simulator, notebook):
    notebook.url()
    done = notebook.shell(f"echo 4/0Awrong | {notebook.login}")
    assert done.returncode == 1
    assert "Cannot retrieve auth tokens." in done.stderr.splitlines()
    assert "retrieved correctly" not in done.stdout
    notebook.log_in()  # the next try has a URL of its own


def test_id_and_secret_are_remembered(simulator, notebook):
    notebook.url()
    plain = notebook.shell("google-drive-ocamlfuse -headless < /dev/null")
    assert notebook.id in urllib.parse.unquote(plain.stdout)
    url = re.search(r"https?://\S+", plain.stdout).group(0)
    done = notebook.shell(f"echo {shlex.quote(approve(url))} | google-drive-ocamlfuse -headless")
    assert done.returncode == 0, done.stderr
    kept = [p for p in (notebook.folder / "config").rglob("*") if p.is_file()]
    kept = [p for p in kept if notebook.secret in p.read_text()]
    assert kept and {stat.S_IMODE(p.stat().st_mode) for p in kept} == {0o600}


def test_no_client_and_no_credential(simulator, notebook):
    done = notebook.shell("google-drive-ocamlfuse -headless -id=None -secret=None < /dev/null")
    assert done.returncode == 1 and done.stderr.startswith("Error: ")


def test_another_credential_of_the_machine_is_enough(make_machine, simulator):
    notebook = Notebook(make_machine(), simulator.authorized_user())
    login = notebook.shell("google-drive-ocamlfuse -headless -id=None -secret=None < /dev/null")
    assert (login.returncode, login.stdout, login.stderr) == (0, "", "")
    notebook.shell("mkdir -p drive")
    assert notebook.shell("google-drive-ocamlfuse drive").returncode == 0
    notebook.unmount()


def test_a_login_that_has_ended_is_made_anew(simulator, notebook):
    notebook.log_in()
    simulator.revoke_tokens()
    notebook.log_in()
    assert notebook.shell("driveway about").returncode == 0


def test_labels_are_accounts(simulator, notebook):
    notebook.login += " -label work"
    notebook.log_in()
    assert "ann@example.com" in notebook.shell("driveway about --account work").stdout
    notebook.shell("mkdir -p drive")
    assert notebook.shell("google-drive-ocamlfuse drive").returncode != 0  # of "default"
    mounted = notebook.shell("google-drive-ocamlfuse -label work drive")
    assert (mounted.returncode, mounted.stderr) == (0, "")
    notebook.unmount()


def old_files(notebook, label="default", **config):
    """As google-drive-ocamlfuse 0.7.32 leaves them."""
    folder = notebook.folder / "home/.gdfuse" / label
    folder.mkdir(parents=True, exist_ok=True)
    values = {"client_id": notebook.id, "client_secret": notebook.secret, "umask": "0o002", **config}
    (folder / "config").write_text("".join(f"{k}={v}\n" for k, v in sorted(values.items())))
    return folder


def test_the_old_programs_login_is_taken_over(simulator, notebook):
    folder = old_files(notebook)
    refresh_token = simulator.authorized_user()["refresh_token"]
    notebook.machine.secrets.add(refresh_token)
    (folder / "state").write_text(f"refresh_token={refresh_token}\nsaved_version=0.7.32\n")
    before = {path: path.read_text() for path in folder.iterdir()}
    notebook.shell("mkdir -p drive")
    mounted = notebook.shell("google-drive-ocamlfuse drive")
    assert (mounted.returncode, mounted.stdout, mounted.stderr) == (0, "", "")
    notebook.unmount()
    assert {path: path.read_text() for path in folder.iterdir()} == before
    assert "default" in notebook.shell("ls config/driveway/logins").stdout


def test_the_old_config_counts(simulator, notebook):
    simulator.api().create("a.txt", b"a")
    old_files(notebook, read_only="true", max_cache_size_mb="1024", large_file_read_only="true")
    notebook.log_in()
    notebook.shell("mkdir -p drive")
    mounted = notebook.shell("google-drive-ocamlfuse drive")
    assert mounted.returncode == 0
    assert mounted.stderr == (
        "google-drive-ocamlfuse: large_file_read_only=true: large files can be written like others\n"
    )
    assert listed(notebook.folder / "drive") == ["a.txt"]
    assert stat.S_IMODE((notebook.folder / "drive/a.txt").stat().st_mode) & 0o777 == 0o664
    with pytest.raises(OSError, match="Read-only"):
        (notebook.folder / "drive/b.txt").write_text("b")
    notebook.unmount()
    assert notebook.shell("google-drive-ocamlfuse drive").stderr == ""  # once
    notebook.unmount()
    said = notebook.shell("google-drive-ocamlfuse -verbose").stdout
    assert "max_cache_size_mb=1024: --cache-size 1024M" in said
    assert notebook.secret not in said


def test_the_top_of_an_old_mount(simulator, notebook):
    seeded = simulator.seed(
        items=[{"path": "work/data/a.txt", "content": "a"}, {"path": "other.txt", "content": "b"}],
        shared_drives=[{"name": "Team", "items": [{"path": "docs/t.txt", "content": "t"}]}],
    )
    notebook.log_in()
    notebook.shell("mkdir -p drive")
    for keys, shown in (
        ({"root_folder": "/work/data"}, ["a.txt"]),
        ({"team_drive_id": seeded["drives"]["Team"]}, ["docs"]),
        ({"team_drive_id": seeded["drives"]["Team"], "root_folder": "/docs"}, ["t.txt"]),
    ):
        old_files(notebook, **keys)
        done = notebook.shell("google-drive-ocamlfuse drive")
        assert done.returncode == 0, done.stderr
        assert sorted(os.listdir(notebook.folder / "drive")) == shown
        notebook.unmount()
    old_files(notebook, root_folder="/nothing")
    done = notebook.shell("google-drive-ocamlfuse drive")
    assert done.returncode == 1 and "--top nothing" in done.stderr
    assert not os.path.ismount(notebook.folder / "drive")


def test_errors_and_exit_statuses(simulator, notebook):
    missing = notebook.shell("google-drive-ocamlfuse nowhere")
    assert missing.returncode == 1
    assert missing.stderr == "Error: Mountpoint nowhere should be an existing directory.\n"
    unknown = notebook.shell("google-drive-ocamlfuse -nonsense drive")
    assert unknown.returncode == 2 and "unknown option '-nonsense'" in unknown.stderr
    assert notebook.shell("google-drive-ocamlfuse -version").stdout.startswith(
        "google-drive-ocamlfuse, version 0.7.32"
    )
    for flag in ("-help", "--help"):
        assert "-headless" in notebook.shell(f"google-drive-ocamlfuse {flag}").stdout
    notebook.log_in()
    notebook.shell("mkdir -p drive")
    refused = notebook.shell("google-drive-ocamlfuse -o no_such_option drive")
    assert refused.returncode != 0 and "no_such_option" in refused.stderr


def test_clearing_the_cache_keeps_what_is_not_sent(simulator, notebook):
    notebook.log_in()
    notebook.shell("mkdir -p drive; google-drive-ocamlfuse drive")
    assert listed(notebook.folder / "drive") == []
    simulator.revoke_tokens()  # nothing can be sent
    unsent = notebook.folder / "drive/unsent.txt"
    unsent.write_text("not in Drive")
    status = notebook.machine.at(notebook.folder / "drive").status
    wait_for(lambda: "paused" in status()["writes"], "the login to be refused")
    assert notebook.shell("driveway cache clear").returncode == 0
    assert unsent.read_text() == "not in Drive"
    notebook.log_in()
    cleared = notebook.shell("google-drive-ocamlfuse -cc")
    assert (cleared.returncode, cleared.stdout) == (0, "Clearing cache...done\n")
    wait_for(
        lambda: "unsent.txt" in {item["path"] for item in simulator.dump()},
        "what was written",
        timeout=60,
    )
    assert unsent.read_text() == "not in Drive"
    notebook.unmount()


def test_skiptrash_deletes_permanently(simulator, notebook):
    simulator.api().create("a.txt", b"a")
    notebook.log_in()
    notebook.shell("mkdir -p drive; google-drive-ocamlfuse -skiptrash drive")
    (notebook.folder / "drive/a.txt").unlink()
    notebook.unmount()
    assert [item for item in simulator.dump() if item["name"] == "a.txt"] == []


def test_docs_as_the_mode_says_and_as_remembered(simulator, notebook):
    simulator.api().create("Plan", mimeType="application/vnd.google-apps.document")
    notebook.log_in()
    notebook.shell("mkdir -p drive")
    for options, name in (
        ("", "Plan.gdoc"),
        ("-docsmode libreoffice", "Plan.odt"),
        ("", "Plan.odt"),
        ("-docsmode desktop", "Plan.desktop"),
    ):
        assert notebook.shell(f"google-drive-ocamlfuse {options} drive").returncode == 0
        assert listed(notebook.folder / "drive") == [name], options
        notebook.unmount()


def test_the_log_goes_where_it_is_told(simulator, notebook):
    notebook.log_in()
    log = notebook.folder / "my.log"
    notebook.shell(f"mkdir -p drive; google-drive-ocamlfuse -log_to {log} drive")
    notebook.unmount()
    assert log.read_text()
    notebook.machine.assert_no_secrets(log.read_text())


def test_a_service_account_needs_no_login(simulator, notebook):
    key = notebook.folder / "key.json"
    simulator.add_account(ROBOT)
    account = simulator.service_account(ROBOT, "https://oauth2.googleapis.com/token")
    notebook.machine.secrets.add(account["private_key"])
    key.write_text(json.dumps(account))
    key.chmod(0o600)
    notebook.shell("mkdir -p drive")
    mounted = notebook.shell("google-drive-ocamlfuse -serviceaccountpath key.json drive")
    assert mounted.returncode == 0, mounted.stderr
    notebook.unmount()


_DEVICE_LOGIN = "google-drive-ocamlfuse -device -id={} -secret={}".format(*DEVICE_CLIENT)


def test_a_code_that_is_typed_elsewhere(simulator, notebook):
    simulator.add_account(OTHER_ACCOUNT)
    simulator.set(oauth={"device_approval_delay": 3600})
    simulator.api(OTHER_ACCOUNT).create("foreign.txt", b"x")
    notebook.machine.secrets.add(DEVICE_CLIENT[1])
    running = notebook.start(_DEVICE_LOGIN)
    lines = iter(running.stdout.readline, "")
    line = next(each for each in lines if "URL" in each)  # what `grep URL` shows
    assert "https://www.google.com/device" in line
    type_code(simulator, re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", line).group(0), OTHER_ACCOUNT)
    done = notebook.end(running)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Access token retrieved correctly." in done.stdout.splitlines()
    again = notebook.shell(_DEVICE_LOGIN)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    mounted = notebook.shell("mkdir -p drive; google-drive-ocamlfuse drive")
    assert (mounted.returncode, mounted.stderr) == (0, "")
    assert listed(notebook.folder / "drive") == []  # what was made through this client
    notebook.unmount()


def test_a_device_login_says_what_it_cannot_reach(simulator, notebook):
    simulator.set(oauth={"deny_consent": True})
    done = notebook.shell(_DEVICE_LOGIN)
    assert done.returncode == 1
    assert "only the files that are made through it" in done.stdout.splitlines()[0]
    assert "drive.file" in done.stdout and "-headless" in done.stdout
    assert "Cannot retrieve auth tokens." in done.stderr.splitlines()
    assert "denied" in done.stderr and "retrieved correctly" not in done.stdout


def test_a_device_login_that_cannot_be(simulator, notebook):
    other_type = notebook.shell(f"{notebook.login} -device")
    assert other_type.returncode == 1
    assert "TVs and Limited Input devices" in other_type.stderr, other_type.stderr
    reading = notebook.shell(f"{_DEVICE_LOGIN} -scope https://www.googleapis.com/auth/drive.readonly")
    assert reading.returncode == 1 and "-scope" in reading.stderr, reading.stderr


def test_in_the_foreground(simulator, notebook):
    notebook.log_in()
    (notebook.folder / "drive").mkdir()
    foreground = subprocess.Popen(
        [program("google-drive-ocamlfuse"), "-f", "drive"],
        env=notebook.machine.environment,
        cwd=notebook.folder,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: os.path.ismount(notebook.folder / "drive"), "the mount")
    assert foreground.poll() is None
    notebook.unmount()
    assert foreground.wait(30) == 0
