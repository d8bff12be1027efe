"""A user's machine for tests: driveway with its home, caches and mounts in a folder of its own."""

import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import threading

from support.programs import is_sanitized, program, sanitizer_environment, sanitizer_reports
from support.waiting import wait_for

_MARK = "DRIVEWAY_TEST_MACHINE"
# As the kernel cuts their names.
_PROGRAMS = ("driveway", "google-drive-ocamlfuse"[:15])
_MNT_FORCE, _MNT_DETACH = 1, 2
# A daemon that is told to end may send what it has for 30 s first.
_ENDING = 60
# What a secret of the simulator looks like, should a test not know it.
_TOKENS = re.compile(r"ya29\.[\w-]{8,}|1//[\w-]{16,}|GOCSPX-[\w-]{8,}")


class Machine:
    """`login`: an authorized_user file made by the simulator, through
    GOOGLE_APPLICATION_CREDENTIALS; False = not logged in. `tls`: speaks https to the simulator.

    close() unmounts and ends everything, says what leaked (secrets, sanitizer reports), and must be
    called. A test that takes longer than `life` seconds has its daemons killed, so that it fails.
    `executable`: another build of driveway than the one under test."""

    def __init__(
        self, folder, simulator, account="", login=True, tls=False, life=None, executable=None
    ):
        self.folder = pathlib.Path(folder)
        self.executable = executable or program("driveway")
        self.simulator = simulator
        for name in ("home", "cache", "config", "run", "reports"):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        url = simulator.tls_url if tls else simulator.url
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder / "home"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "DRIVEWAY_API_URL": url,
            "DRIVEWAY_OAUTH_URL": url,
            "DRIVEWAY_ACCOUNTS_URL": url,
            "SSL_CERT_FILE": str(simulator.ca_file),
            "DRIVEWAY_LOG": "debug",
            "LANG": "C.UTF-8",
            "NO_GCE_CHECK": "true",
            _MARK: str(self.folder),
            **sanitizer_environment(self.folder / "reports"),
        }
        self.shows_log = True  # on closing; pytest shows it of tests that failed
        self.secrets = set()
        self.outputs = []
        if login:
            self.log_in_by_file(account)
        if life is None:
            life = 600 if is_sanitized() else 240
        self._watchdog = threading.Timer(life, self.kill_daemons)
        self._watchdog.daemon = True
        self._watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # -- login -----------------------------------------------------------------------------------

    def log_in_by_file(self, account=""):
        credentials = self.simulator.authorized_user(account)
        self.secrets |= {credentials["refresh_token"], credentials["client_secret"]}
        path = self.folder / "adc.json"
        path.write_text(json.dumps(credentials))
        path.chmod(0o600)
        self.environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
        return credentials

    # -- commands --------------------------------------------------------------------------------

    @property
    def cache(self):
        return self.folder / "cache/driveway"

    def start(self, *arguments, environment=None, **options):
        """A driveway command, running."""
        return subprocess.Popen(
            [self.executable, *map(str, arguments)],
            env={**self.environment, **(environment or {})},
            cwd=self.folder,
            **options,
        )

    def run(self, *arguments, timeout=120, environment=None, text=True, **options):
        """A driveway command to its end: a CompletedProcess, whatever its exit status."""
        done = subprocess.run(
            [self.executable, *map(str, arguments)],
            env={**self.environment, **(environment or {})},
            cwd=self.folder,
            capture_output=True,
            timeout=timeout,
            text=text,
            **options,
        )
        self.outputs.append(done.stdout if text else "")
        self.outputs.append(done.stderr if text else done.stderr.decode(errors="replace"))
        return done

    def output_of(self, *arguments, **options):
        """stdout of a command that must succeed."""
        done = self.run(*arguments, **options)
        assert done.returncode == 0, f"driveway {arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def mount(self, *options, mountpoint=None, environment=None):
        """Mounts, which must succeed, below the folder "mnt" of the machine."""
        path = pathlib.Path(mountpoint or self.folder / "mnt")
        self.output_of("mount", path, *options, environment=environment)
        return self.at(path)

    def at(self, mountpoint):
        """What is mounted there by a command of the test's own."""
        return Mount(self, pathlib.Path(mountpoint))

    # -- the daemons -----------------------------------------------------------------------------

    def daemons(self):
        """Pids of driveway processes of this machine, by its mark in their environment."""
        return daemons_with(_MARK, self.folder)

    def kill_daemons(self):
        for pid in self.daemons():
            send_signal(pid, signal.SIGKILL)

    def wait_until_no_daemon(self):
        wait_for(lambda: not self.daemons(), "the daemon to end")

    def log(self):
        path = self.cache / "driveway.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def mountpoints(self):
        table = pathlib.Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        places = [line.split(" ")[4] for line in table.splitlines()]
        places = [re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1), 8)), p) for p in places]
        return [place for place in places if place.startswith(f"{self.folder}/")]

    def abort_mounts(self):
        """Whoever waits in a mount of the machine gets an error. By a call of this process: a child would close
        the files that are open there, and wait."""
        for place in self.mountpoints():
            for how in (_MNT_FORCE, _MNT_DETACH):
                ctypes.CDLL(None).umount2(os.fsencode(place), how)

    def close(self):
        """Ends all, then fails if a daemon had to be killed, or said what it must not say."""
        self._watchdog.cancel()
        for pid in self.daemons():
            send_signal(pid, signal.SIGTERM)
        stuck = []
        try:
            wait_for(lambda: not self.daemons(), "daemons to end", timeout=_ENDING)
        except AssertionError:
            stuck = self.daemons()
            self.kill_daemons()
            wait_for(lambda: not self.daemons(), "killed daemons to end", timeout=20)
        for place in reversed(self.mountpoints()):
            ctypes.CDLL(None).umount2(os.fsencode(place), _MNT_DETACH)
        log = self.log()
        if self.shows_log:
            print(f"--- the last lines of {self.cache}/driveway.log\n{log[-4000:]}")
        reports = sanitizer_reports(self.folder / "reports")
        assert not reports, "a sanitizer reports:\n" + "\n".join(reports)[:8000]
        assert not stuck, f"the daemons {stuck} did not end after SIGTERM"
        self.assert_no_secrets(log, *self.outputs)

    def assert_no_secrets(self, *texts):
        for text in texts:
            found = [s for s in self.secrets if s in text] + _TOKENS.findall(text)
            where = [text[max(0, text.find(each) - 100) :][:100] for each in found]
            assert not found, f"a secret stands in a log or in a message, behind: {where}"


class Mount:
    """A mounted Drive (layout colab unless told)."""

    def __init__(self, machine, path):
        self.machine = machine
        self.path = path
        self.my_drive = path / "MyDrive"

    def status(self):
        return json.loads(self.machine.output_of("status", "--json", self.path))

    @property
    def pid(self):
        return self.status()["pid"]

    def unmount(self, *options):
        """By the command, which must succeed."""
        self.machine.output_of("unmount", self.path, *options)
        assert not os.path.ismount(self.path)

    def kill(self):
        """As a machine that runs out of memory does it."""
        pid = self.pid
        send_signal(pid, signal.SIGKILL)
        wait_for(lambda: pid not in self.machine.daemons(), "the killed daemon to end")


def daemons_with(variable, value):
    """Pids of driveway processes which have this in their environment."""
    mark = f"{variable}={value}".encode()
    pids = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0") and (
                (entry / "comm").read_text().strip() in _PROGRAMS
            ):
                pids.append(int(entry.name))
        except OSError:
            continue  # it has gone meanwhile
    return pids


def send_signal(pid, number):
    """Nothing happens where the process has ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def memory_of(pid):
    """Anonymous memory of a process, in bytes."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"RssAnon:\s+(\d+) kB", text).group(1)) * 1024
