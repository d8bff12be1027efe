"""Tokens and other secrets are where they belong and nowhere else: not in logs and messages, not in the arguments
and variables of processes, not in cores, and in no file but the stores."""

import contextlib
import json
import os
import pathlib
import re
import resource
import shlex
import signal
import subprocess

import pytest

from support.browser import Login, approve, give_client, url_in
from support.programs import program
from support.waiting import wait_for

# Sanitizers trace processes themselves, and leave no cores.
pytestmark = pytest.mark.heavy

# What each command is run with. {mnt}: a mounted Drive; {file}: a file on it; {folder}: the machine's.
COMMANDS = {
    "login": ["--account second --json"],
    "accounts": ["", "--json", "default default"],
    "about": ["", "--json", "--account second"],
    "mount": ["{folder}/other --account second --read-only"],
    "status": ["", "--json", "--failed", "{mnt}"],
    "ls": ["drive:", "-l {mnt}", "--json drive:", "second:"],
    "stat": ["{file}", "--json drive:a.txt", "second:missing"],
    "cat": ["{file}", "drive:a.txt", "second:missing"],
    "prefetch": ["{file}", "second:a.txt"],
    "pin": ["{file}"],
    "unpin": ["{file}"],
    "evict": ["{file}"],
    "cache": ["show", "show --json", "trim", "clear"],
    "flush": ["", "{file}"],
    "retry": [""],
    "export-unsent": ["{folder}/unsent"],
    "import-gdfuse": ["default", "default --dry-run --json"],
    "config": ["", "--json"],
    "doctor": ["", "--json"],
    "unmount": ["{folder}/other"],
    "logout": ["--account second --revoke"],
}


class Traced:
    """A program that writes down what the processes that come of it execute, with all arguments and variables."""

    def __init__(self, folder, name):
        self._folder = folder / f"traces of {name}"
        self._folder.mkdir()
        self.path = folder / f"traced-{name}"
        trace = f"strace -D -f -qq -v -s 100000 -e trace=execve,execveat -o '{self._folder}'/$$"
        self.path.write_text(f'#!/bin/sh\nexec {trace} {program(name)} "$@"\n')
        self.path.chmod(0o700)

    def executed(self):
        """By the program and its children: what the tests call it with is not among it."""
        lines = []
        for trace in self._folder.iterdir():
            lines += trace.read_text(errors="replace").splitlines()[1:]
        return lines


@pytest.fixture(name="traced")
def _traced(folder):
    return Traced(pathlib.Path(folder), "driveway")


@pytest.fixture(name="machine")
def _machine(make_machine, simulator, traced):
    machine = give_client(make_machine(login=False, executable=traced.path), simulator)
    machine.environment["DRIVEWAY_LOG"] = "trace"
    return machine


def run(machine, *words, **options):
    """To its end, with output to files: a daemon that it starts is traced on, and the tracer has them open."""
    said = [machine.folder / "said", machine.folder / "warned"]
    with open(said[0], "w+") as out, open(said[1], "w+") as err:
        process = machine.start(*words, stdout=out, stderr=err, stdin=subprocess.DEVNULL, **options)
        status = process.wait(120)
    machine.outputs += [path.read_text() for path in said]
    return status


def store_of(machine):
    return [path for path in (machine.folder / "config/driveway").rglob("*") if path.is_file()]


def log_in(machine, *arguments):
    """As a cell does it. Its secrets are known afterwards."""
    begun = machine.run("login", *arguments, input="")
    assert begun.returncode == 4
    address = approve(url_in(begun.stdout))
    machine.secrets.add(re.search(r"code=([^&]+)", address).group(1))
    learn(machine)
    assert machine.run("login", *arguments, input=address).returncode == 0
    learn(machine)


def learn(machine):
    """What looks as a secret does: the verifier of a login that has begun, tokens."""
    found = set()
    for path in store_of(machine):
        for name, value in re.findall(r'"(\w+)":\s*"([^"]+)"', path.read_text()):
            if re.search("token|secret|verifier", name) and "uri" not in name:
                found.add(value)
    assert found
    machine.secrets |= found


def assert_none_leaked(machine, *others):
    """`others`: further texts. Files: all but those of the store."""
    machine.assert_no_secrets(machine.log(), *machine.outputs, *others)
    own = set(store_of(machine))
    looked_at = 0
    for top in ("home", "cache", "config", "run"):
        for path in [machine.folder / top, *(machine.folder / top).rglob("*")]:
            if path.is_symlink() or path.is_socket():
                continue
            assert path.stat().st_mode & 0o077 == 0, f"{path}: {path.stat().st_mode:o}"
            if path.is_file() and path not in own:
                looked_at += 1
                machine.assert_no_secrets(path.read_bytes().decode("latin-1"))
    assert looked_at


def assert_not_shown(machine, pid):
    """In what `ps` shows of a process."""
    for name in ("cmdline", "environ"):
        machine.assert_no_secrets(pathlib.Path(f"/proc/{pid}/{name}").read_text())


def test_no_command_tells_a_secret(simulator, machine, traced):
    named = re.findall(r"^  ([a-z-]+) {2,}", machine.output_of("--help").split("Subcommands:")[1], re.MULTILINE)
    assert sorted(named) == sorted(COMMANDS)
    log_in(machine)
    script = machine.folder / "give-token"
    token = simulator.token()["access_token"]
    machine.secrets.add(token)
    script.write_text(f"#!/bin/sh\necho {token}\n")
    script.chmod(0o700)
    mount = machine.at(machine.folder / "mnt")
    assert run(machine, "mount", mount.path) == 0
    (mount.my_drive / "a.txt").write_text("a")
    places = {"mnt": mount.path, "file": mount.my_drive / "a.txt", "folder": machine.folder}
    assert_not_shown(machine, mount.pid)
    log_in(machine, "--account", "second", "--json")

    def run_all():
        for command, lines in COMMANDS.items():
            for line in lines:
                run(machine, *shlex.split(f"{command} {line.format(**places)}"))

    run_all()
    assert "second" not in machine.output_of("accounts")
    # Tokens that have expired, and logins that have ended: error texts.
    log_in(machine, "--account", "second", "--json")
    simulator.expire_tokens()
    run_all()
    simulator.revoke_tokens()
    (mount.my_drive / "b.txt").write_text("b")
    wait_for(lambda: "paused" in mount.status()["writes"], "the revoked login to be noticed")
    run_all()
    # A token that comes from outside, in each way in which it can.
    for with_what, environment in [
        (f"command={script}", {}),
        ("env", {"DRIVEWAY_ACCESS_TOKEN": simulator.token()["access_token"]}),
        ("env", {"DRIVEWAY_ACCESS_TOKEN": "ya29.nobody-knows-this-one"}),
    ]:
        for command in ("about", "doctor", "ls drive:"):
            words = shlex.split(command)
            run(machine, words[0], "--with", with_what, *words[1:], environment=environment)
    executed = traced.executed()
    assert any("give-token" in line for line in executed)  # else nothing was traced
    assert_none_leaked(machine, *executed)
    assert run(machine, "unmount", mount.path, "--force") == 8  # what the ended login could not send


def test_the_old_programs_front_tells_no_secret(simulator, make_machine, folder, traced):
    front = Traced(pathlib.Path(folder), "google-drive-ocamlfuse")
    machine = give_client(make_machine(login=False), simulator)
    client_id = machine.environment.pop("DRIVEWAY_CLIENT_ID")
    secret = machine.environment.pop("DRIVEWAY_CLIENT_SECRET")

    machine.executable = front.path
    login = ("-headless", "-debug", f"-id={client_id}", "-secret", secret)
    address = approve(url_in(machine.run(*login, input="").stdout))
    machine.secrets.add(re.search(r"code=([^&]+)", address).group(1))
    assert machine.run(*login, input=address).returncode == 0
    learn(machine)
    (machine.folder / "drive").mkdir()
    assert run(machine, "-verbose", "drive") == 0
    machine.executable = traced.path
    mount = machine.at(machine.folder / "drive")
    assert_not_shown(machine, mount.pid)
    assert sorted(os.listdir(mount.path))
    machine.executable = front.path
    assert run(machine, "-cc") == 0
    simulator.revoke_tokens()
    assert run(machine, *login) == 1
    machine.executable = traced.path
    mount.unmount()
    assert_none_leaked(machine, *front.executed())


def _end_with_core(start):
    """Whether a process leaves a core that is told to by SIGQUIT, as a crash would."""
    process = start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30)))
    os.kill(process.pid, signal.SIGQUIT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = status
    assert os.WIFSIGNALED(status)
    return os.WCOREDUMP(status)


def test_no_core_has_secrets_in_it(simulator, make_machine):
    machine = give_client(make_machine(login=False), simulator)

    def start(*words, **options):
        log = open(machine.folder / "output", "w")
        process = machine.start(*words, stdout=log, stderr=log, stdin=subprocess.PIPE, **options)
        wait_for(lambda: (machine.folder / "output").read_text(), "its first word")
        return process

    with contextlib.chdir(machine.folder):
        assert _end_with_core(lambda **options: subprocess.Popen(["sleep", "60"], **options))
    assert not _end_with_core(lambda **options: start("login", **options))
    log_in(machine)
    assert not _end_with_core(lambda **options: start("mount", "--foreground", machine.folder / "mnt", **options))
