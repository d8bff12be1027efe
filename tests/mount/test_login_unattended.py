"""The login where nobody sits at a terminal: cells of notebooks, scripts, programs. One call prints the URL, a later
one takes the code, and none waits for what cannot come."""

import json
import os
import pty
import stat
import subprocess
import sys

import pytest

from support.browser import Login, approve, give_client, url_in


@pytest.fixture
def machine(make_machine, simulator):
    return give_client(make_machine(login=False), simulator)


def begun(machine, name="default"):
    return machine.folder / f"config/driveway/logins/{name}.begun"


def test_the_code_comes_with_a_second_call(simulator, machine):
    first = machine.run("login", stdin=subprocess.DEVNULL, timeout=20)
    assert first.returncode == 4
    assert "input=getpass.getpass(" in first.stdout and "| driveway login" in first.stdout
    kept = begun(machine)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    machine.secrets.add(json.loads(kept.read_text())["code_verifier"])
    again = machine.run("login", stdin=subprocess.DEVNULL, timeout=20)
    assert again.returncode == 4 and url_in(again.stdout) == url_in(first.stdout)
    second = machine.run("login", input=approve(url_in(first.stdout)))  # without a newline
    assert second.returncode == 0, second.stderr
    assert "ann@example.com" in second.stdout and "to read and to change" in second.stdout
    assert "until it is revoked" in second.stdout
    assert "ann@example.com" in machine.output_of("about")
    assert not kept.exists()


def test_the_client_needs_not_be_given_again(simulator, machine):
    client = [
        f"--client-id={machine.environment.pop('DRIVEWAY_CLIENT_ID')}",
        f"--client-secret={machine.environment.pop('DRIVEWAY_CLIENT_SECRET')}",
    ]
    first = machine.run("login", "--account", "work", *client, stdin=subprocess.DEVNULL)
    assert first.returncode == 4 and "--account work" in first.stdout
    second = machine.run("login", "--account", "work", input=approve(url_in(first.stdout)))
    assert second.returncode == 0, second.stderr
    assert "driveway mount MOUNTPOINT --account work" in second.stdout


def test_a_closed_input_is_not_waited_for(machine):
    command = subprocess.run(
        ["/bin/sh", "-c", f"exec {machine.executable} login <&-"],
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert command.returncode == 4 and url_in(command.stdout)


def test_an_input_that_ends_is_not_waited_for(machine):
    done = machine.run("login", input="", timeout=20)
    assert done.returncode == 4 and "a second call" in done.stdout
    done = machine.run("login", input="no code at all\n", timeout=20)
    assert done.returncode == 4 and "paste the whole address" in done.stderr
    assert begun(machine).exists()


_CELL = """
import os, subprocess, sys
# jupyter_client starts a kernel with a pipe as its input, which nobody writes to.
done = subprocess.run([sys.argv[1], "login"], capture_output=True, text=True, timeout=20)
print(done.stdout)
sys.exit(done.returncode)
"""


def test_the_input_of_a_jupyter_kernel_is_not_waited_for(machine):
    kernel = subprocess.Popen(
        [sys.executable, "-c", _CELL, str(machine.executable)],
        env={**machine.environment, "JPY_PARENT_PID": str(os.getpid())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        printed = kernel.stdout.read()
        assert kernel.wait(20) == 4 and url_in(printed)
    finally:
        kernel.kill()
        kernel.communicate()


@pytest.mark.parametrize("colab", [False, True])
def test_a_cell_of_jupyter_has_a_terminal_that_nobody_types_at(simulator, machine, colab):
    master, terminal = pty.openpty()
    environment = {"JPY_PARENT_PID": "1", **({"COLAB_RELEASE_TAG": "r"} if colab else {})}
    process = machine.start(
        "login", environment=environment, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        if colab:
            printed = ""
            while "https" not in printed and "http:" not in printed:
                printed += process.stdout.readline()
            os.write(master, f"{approve(url_in(printed))}\n".encode())
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == (0 if colab else 4), rest
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(terminal)


def test_for_programs(simulator, machine):
    simulator.set(oauth={"refresh_token_expires_in": 604799})
    first = machine.run("login", "--read-only", "--json", stdin=subprocess.DEVNULL)
    assert first.returncode == 4
    waiting = json.loads(first.stdout)
    assert set(waiting) == {"state", "account", "url", "until", "command", "next"}
    assert waiting["state"] == "waiting" and waiting["command"] == ["driveway", "login", "--read-only"]
    second = machine.run(*waiting["command"][1:], "--json", input=approve(waiting["url"]))
    assert second.returncode == 0, second.stderr
    document = json.loads(second.stdout)
    assert document["state"] == "logged_in" and document["account"] == "default"
    assert document["email"] == "ann@example.com" and document["display_name"] == "Ann"
    assert document["scopes"] == ["https://www.googleapis.com/auth/drive.readonly"]
    assert document["read_only"] is True and document["grant_ends"] > document["created"]
    assert document["mountpoints"] == []
    failed = machine.run("login", "--json", input="4/0wrong\n")
    assert failed.returncode == 4
    document = json.loads(failed.stdout)
    assert document["state"] == "failed" and document["code"] and "driveway login" in document["message"]


def test_a_login_of_an_app_in_testing_says_when_it_ends(simulator, machine):
    simulator.set(oauth={"refresh_token_expires_in": 604799})
    login = Login(machine)
    status, printed = login.paste(approve(login.url))
    assert status == 0 and "(in 7 days)" in printed and "In production" in printed


def test_two_calls_at_once_are_one_login(simulator, machine):
    one = Login(machine)
    other = Login(machine)
    assert one.url == other.url
    status, printed = other.paste(approve(one.url))
    assert status == 0, printed
    status, printed = one.paste()
    assert status == 4, printed
