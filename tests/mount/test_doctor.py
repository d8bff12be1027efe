"""`driveway doctor`: what it says of a machine, a network, a login and a Drive, and what to do about it."""

import contextlib
import email.utils
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from support.simulator import OTHER_ACCOUNT

_NAMES = [
    "fuse_device", "mount_right", "kernel", "cache", "mounts",
    "network", "clock", "login", "scopes", "drive_api", "storage", "versions",
]
_READ_ONLY = "https://www.googleapis.com/auth/drive.readonly"
_FILES = "https://www.googleapis.com/auth/drive.file"
_METADATA = "https://www.googleapis.com/auth/drive.metadata"

# In a mount namespace of its own, without the mounts of other tests, which may be dead.
_ALONE = r"""
awk '$0 ~ / - fuse\.driveway / { print $5 }' /proc/self/mountinfo | while read -r place; do umount -l "$place"; done
"""


class Report:
    def __init__(self, done):
        self.status = done.returncode
        self.text = done.stdout + done.stderr
        self.document = json.loads(done.stdout)
        self.checks = {check["name"]: check for check in self.document["checks"]}

    def __getitem__(self, name):
        """By the beginning of its name: the name of a network check has its host."""
        return next(check for key, check in self.checks.items() if key.split(" ")[0] == name)

    def outcome(self, name):
        return self[name]["outcome"]

    def failed(self):
        return [name for name, check in self.checks.items() if check["outcome"] == "fail"]


def run_alone(machine, *options, before="", user=()):
    command = [*user, machine.executable, "doctor", *map(str, options)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{_ALONE}\n{before}\nexec "$@"', "sh", *command],
        env=machine.environment, cwd=machine.folder, capture_output=True, timeout=120, text=True,
    )
    machine.outputs += [done.stdout, done.stderr]
    return done


def doctor(machine, *options, **how):
    return Report(run_alone(machine, "--json", *options, **how))


def log_in_with(machine, simulator, account="", **request):
    credentials = simulator.authorized_user(account, **request)
    machine.secrets |= {credentials["refresh_token"], credentials["client_secret"]}
    (machine.folder / "adc.json").write_text(json.dumps(credentials))


def test_a_healthy_machine(machine):
    report = doctor(machine)
    assert report.status == 0, report.text
    assert report.document["healthy"] is True
    assert [name.split(" ")[0] for name in report.checks] == _NAMES
    for check in report.checks.values():
        assert set(check) == {"name", "outcome", "found", "remedy"}
        assert check["outcome"] in ("ok", "warn"), check
        assert check["found"] and bool(check["remedy"]) == (check["outcome"] != "ok"), check
    assert set(report.document["versions"]) == {"driveway", "libfuse", "libcurl", "tls", "kernel"}
    assert report.document["versions"]["kernel"] == os.uname().release
    assert "ann@example.com" in report["drive_api"]["found"]
    assert "GOOGLE_APPLICATION_CREDENTIALS" in report["login"]["found"]


def test_a_line_for_each_check(machine):
    done = run_alone(machine)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(_NAMES) + 1
    for name, line in zip(_NAMES, lines):
        outcome, found = re.fullmatch(rf"(ok|warn) +{name}(?: \S+)?: (.+)", line).groups()
        assert ("→" in found) == (outcome == "warn"), line


def test_its_own_tls(make_machine):
    report = doctor(make_machine(tls=True))
    assert report.status == 0, report.text
    assert "SSL_CERT_FILE=" in report["network"]["found"]


def test_a_certificate_that_is_not_trusted(make_machine, folder):
    machine = make_machine(tls=True)
    bundle = machine.folder / "others.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-out", bundle]
        + ["-subj", "/CN=another CA"],
        check=True, capture_output=True,
    )
    machine.environment["SSL_CERT_FILE"] = str(bundle)
    report = doctor(machine)
    assert report.status == 1 and report.outcome("network") == "fail"
    assert str(bundle) in report["network"]["found"] and "certificate" in report["network"]["found"]
    assert report.outcome("login") == "not_checked"


def test_no_login(make_machine):
    report = doctor(make_machine(login=False))
    assert report.status == 1 and report.failed() == ["login"]
    assert "driveway login" in report["login"]["remedy"]
    for name in ("scopes", "drive_api", "storage"):
        assert report.outcome(name) == "not_checked" and report[name]["found"] == "no login"


def test_another_credential_than_the_first_that_is_there(machine):
    machine.environment["DRIVEWAY_WITH"] = "env"
    report = doctor(machine)
    assert report.status == 1 and report.failed() == ["login"]
    assert "DRIVEWAY_ACCESS_TOKEN is not set" in report["login"]["found"]


def test_a_revoked_login(simulator, machine):
    simulator.revoke_tokens()
    report = doctor(machine)
    assert report.status == 1 and report.failed() == ["login"]
    assert "invalid_grant" in report["login"]["found"] and report["login"]["remedy"]
    assert report.outcome("drive_api") == "not_checked"


def test_scopes(simulator, machine):
    log_in_with(machine, simulator, scopes=_READ_ONLY)
    report = doctor(machine)
    assert report.status == 0 and report.outcome("scopes") == "warn"
    assert "read only" in report["scopes"]["found"]
    machine.environment["DRIVEWAY_READ_ONLY"] = "true"
    assert doctor(machine).outcome("scopes") == "ok"
    log_in_with(machine, simulator, scopes=_FILES)
    report = doctor(machine)
    assert report.status == 0 and report.outcome("scopes") == "warn"
    assert "only the files that this OAuth client has made" in report["scopes"]["found"]
    log_in_with(machine, simulator, scopes=_METADATA)
    report = doctor(machine)
    assert report.status == 1 and report.failed() == ["login"]
    assert "none of the scopes drive, drive.readonly and drive.file" in report["login"]["found"]
    assert report["login"]["remedy"].startswith("run `driveway login")
    assert report.outcome("scopes") == report.outcome("drive_api") == "not_checked"


def test_storage(simulator, machine):
    simulator.add_account(OTHER_ACCOUNT, storage_limit=1000)
    log_in_with(machine, simulator, OTHER_ACCOUNT)
    simulator.seed(account=OTHER_ACCOUNT, items=[{"path": "a", "size": 960}])
    report = doctor(machine)
    assert report.status == 0 and report.outcome("storage") == "warn", report.text
    simulator.seed(account=OTHER_ACCOUNT, items=[{"path": "b", "size": 40}])
    report = doctor(machine)
    assert report.status == 1 and report.failed() == ["storage"], report.text
    assert "trash" in report["storage"]["remedy"]


def server_of(date=0, answer=None):
    """Tells a time that is `date` seconds from now; `answer`: (status, document) to any question."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, document = answer or (200, {})
            body = json.dumps(document).encode()
            self.send_response_only(status)
            self.send_header("Date", email.utils.formatdate(time.time() + date, usegmt=True))
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@contextlib.contextmanager
def as_drive(machine, server):
    url = machine.environment["DRIVEWAY_API_URL"]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    machine.environment["DRIVEWAY_API_URL"] = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        machine.environment["DRIVEWAY_API_URL"] = url
        server.shutdown()
        server.server_close()


def test_an_api_that_is_not_enabled(machine):
    page = "https://console.developers.google.com/apis/api/drive.googleapis.com/overview?project=7"
    message = f"Access Not Configured. Enable it by visiting {page} then retry."
    error = {"domain": "usageLimits", "reason": "accessNotConfigured", "message": message, "extendedHelp": page}
    refusal = {"error": {"code": 403, "message": message, "errors": [error]}}
    with as_drive(machine, server_of(answer=(403, refusal))):
        report = doctor(machine)
    assert report.status == 1 and report.failed() == ["drive_api"], report.text
    assert page in report["drive_api"]["remedy"]
    assert report.outcome("storage") == "not_checked"


@pytest.mark.parametrize("off, outcome", [(30, "ok"), (-120, "warn"), (600, "fail"), (-86400 * 30, "fail")])
def test_the_clock(machine, off, outcome):
    with as_drive(machine, server_of(date=off)):
        report = doctor(machine)
    assert report.outcome("clock") == outcome, report.text
    if outcome != "ok":
        assert ("behind" if off > 0 else "ahead") in report["clock"]["found"]
        assert report["clock"]["remedy"]


def test_a_dead_host(machine):
    with socket.socket() as unused:  # bound, and nobody listens
        unused.bind(("127.0.0.1", 0))
        machine.environment["DRIVEWAY_API_URL"] = f"http://127.0.0.1:{unused.getsockname()[1]}"
        report = doctor(machine)
    assert report.status == 1
    assert [name.split(" ")[0] for name in report.failed()] == ["network"]
    assert report.outcome("clock") == "ok"  # the other host tells the time
    assert report.outcome("login") == "ok" and report.outcome("drive_api") == "not_checked"


def test_a_name_that_is_not_there(machine):
    for name in ("DRIVEWAY_API_URL", "DRIVEWAY_OAUTH_URL"):
        machine.environment[name] = "https://driveway.invalid"
    report = doctor(machine)
    assert report.status == 1
    assert report.failed() == ["network driveway.invalid"]  # once, though two use it
    assert "resolve" in report["network"]["found"]


def test_a_network_that_swallows_everything(machine):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # the kernel accepts, and nobody answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        machine.environment.update(DRIVEWAY_API_URL=url, DRIVEWAY_OAUTH_URL=url)
        started = time.monotonic()
        report = doctor(machine)
    assert time.monotonic() - started < 30
    assert report.status == 1 and "no answer within" in report["network"]["found"]
    assert "would be used" in report["login"]["found"]


def test_no_fuse_device(machine):
    report = doctor(machine, before="mount -t tmpfs none /dev")
    assert report.status == 1 and report.failed() == ["fuse_device"], report.text
    assert "modprobe" in report["fuse_device"]["remedy"]
    assert report.outcome("drive_api") == "ok"  # what does not depend on it is checked


def test_a_user_without_the_right_to_mount(machine):
    user = ("setpriv", "--reuid=65534", "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--")
    for path in (machine.folder.parent, machine.folder, machine.folder / "cache", machine.folder / "config"):
        path.chmod(0o755)
    report = doctor(machine, user=user)
    assert report.status == 1 and {"mount_right", "cache"} <= set(report.failed()), report.text
    assert "root" in report["mount_right"]["remedy"]


def test_the_place_of_the_cache(machine):
    place = machine.folder / "place"
    place.mkdir()
    report = doctor(machine, "--cache-dir", place / "cache", before=f"mount -t tmpfs -o size=4G none {place}")
    assert report.status == 0 and report.outcome("cache") == "warn", report.text
    assert "memory" in report["cache"]["found"]
    report = doctor(machine, "--cache-dir", place / "cache", before=f"mount -t tmpfs -o size=1M none {place}")
    assert report.status == 1 and report.failed() == ["cache"], report.text
    (place / "file").write_text("")
    report = doctor(machine, "--cache-dir", place / "file")
    assert report.failed() == ["cache"] and "not a folder" in report["cache"]["found"]


def test_mounts(machine):
    mount = machine.mount()
    inside = Report(machine.run("doctor", "--json", "--cache-dir", mount.my_drive / "cache"))
    assert inside.status == 1 and inside.outcome("cache") == "fail"
    assert f"{mount.path} answers" in inside["mounts"]["found"]
    mount.kill()
    dead = Report(machine.run("doctor", "--json"))
    assert dead.status == 1 and dead.outcome("mounts") == "fail"
    assert f"driveway mount {mount.path}" in dead["mounts"]["remedy"]
    machine.mount().unmount()


def test_a_mount_that_hangs(machine):
    mount = machine.mount()
    pid = mount.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        report = Report(machine.run("doctor", "--json", "--cache-dir", mount.my_drive / "a/b"))
        assert time.monotonic() - started < 30
    finally:
        os.kill(pid, signal.SIGCONT)
    assert report.status == 1
    assert report.outcome("cache") == "fail" and "does not answer" in report["cache"]["found"]
    assert str(mount.path) in report["cache"]["found"]
    assert f"unmount --force {mount.path}" in report["mounts"]["remedy"]
    assert report.outcome("drive_api") == "ok"
    mount.unmount()


def test_an_interrupt(machine):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = machine.start("doctor", environment={"DRIVEWAY_API_URL": url}, stdout=subprocess.PIPE, text=True)
        asked, _ = silent.accept()
        with asked:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_setting_that_is_not_understood(machine):
    done = machine.run("doctor", environment={"DRIVEWAY_MIN_FREE_DISK": "much"})
    assert done.returncode == 2 and "DRIVEWAY_MIN_FREE_DISK" in done.stderr
