"""A place of its own for a run: mounts, processes and addresses in it are seen by nobody else, and
end with it, however it ends. Google's host names lead to the simulator there, for clients that know
no other."""

import os
import pathlib
import signal
import subprocess
import sys

_INSIDE = "DRIVEWAY_BENCH_INSIDE"
_HOSTS = "127.0.0.1 localhost www.googleapis.com oauth2.googleapis.com accounts.google.com\n"

# What the simulator is to be started with, so that those names find it.
LISTEN = "--also-https=127.0.0.1:443"


def enter():
    """Starts this program again in namespaces of its own; returns only in there. REQUIRES root."""
    if os.environ.get(_INSIDE) != "1":
        os.environ[_INSIDE] = "1"
        inside = ["--mount", "--propagation=slave", "--net", "--pid", "--fork", "--kill-child"]
        again = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", *inside, "--mount-proc", *again])
    # The first process of a PID namespace is sent no signal that it does not catch.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    _let_go_of_mounts()


def _let_go_of_mounts():
    """Those that others had when the namespace was made: a copy of a mount in here would keep its
    daemon from ending when they unmount it."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        place, kind = line.split(" ")[4], line.partition(" - ")[2].split(" ")[0]
        if kind in ("fuse.driveway", "fuse.rclone"):
            place = place.encode().decode("unicode_escape")
            subprocess.run(["umount", "--lazy", place], check=False)


def lead_google_here(folder):
    """REQUIRES: enter() was called."""
    hosts = pathlib.Path(folder) / "hosts"
    hosts.write_text(_HOSTS)
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
