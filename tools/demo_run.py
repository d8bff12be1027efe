"""The demo's second half: a simulated Drive, a login, a mount, and every byte checked. See tools/demo."""

import os
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

from support.browser import Login, approve
from support.driveway import Machine
from support.simulator import FIRST_ACCOUNT, Simulator, calls_by_method
from support.worlds import compare_everything, seed_everything

SMALL_FILES = 2500
GIB = 1 << 30
MIB = 1 << 20


def say(text):
    print(text, flush=True)


def seconds_of(action):
    """(what it gives, how long it took)"""
    begin = time.monotonic()
    result = action()
    return result, time.monotonic() - begin


def seed(simulator):
    _, seconds = seconds_of(
        lambda: seed_everything(simulator, small_files=SMALL_FILES, folders=50, big_size=GIB)
    )
    say(f"a simulated Drive at {simulator.tls_url}, seeded in {seconds:.1f} s")


def log_in(machine, simulator):
    """As a person does it: takes the URL to a browser elsewhere, and pastes where it ends up."""
    client = simulator.authorized_user()
    machine.environment["DRIVEWAY_CLIENT_ID"] = client["client_id"]
    machine.environment["DRIVEWAY_CLIENT_SECRET"] = client["client_secret"]
    machine.secrets.add(client["client_secret"])
    login = Login(machine)
    status, printed = login.paste(approve(login.url, simulator.ca_file))
    if status != 0:
        raise AssertionError(f"driveway login failed ({status}):\n{printed}")
    about = machine.output_of("about").splitlines()[0]
    say(f"logged in: {about}")


def check(mount, simulator):
    simulator.reset_stats()
    report, seconds = seconds_of(lambda: compare_everything(mount))
    if report.problems:
        shown = "\n  ".join(report.problems[:20])
        raise AssertionError(f"{len(report.problems)} problems in the mount:\n  {shown}")
    if report.files < 2000 or report.bytes < GIB:
        raise AssertionError(f"only {report.files} files, {report.bytes} bytes were there")
    stats = simulator.stats()
    rate = report.bytes / MIB / seconds
    say(f"checked through the mount: {report.items} items, of them {report.files} files with")
    say(f"  {report.bytes} bytes: each there once, with the md5 that Drive says")
    say(f"  in {seconds:.1f} s ({rate:.0f} MiB/s)")
    methods = ", ".join(f"{name} {count}" for name, count in calls_by_method(stats).items())
    connections = stats["connections"]
    say(f"  calls: {methods}")
    say(f"  connections opened: {connections['tls'] + connections['plain']}")


def read_again(mount, simulator):
    """From the cache, over a second mount: the kernel has forgotten the first."""
    simulator.reset_stats()
    report, seconds = seconds_of(lambda: compare_everything(mount))
    if report.problems:
        raise AssertionError(f"the second mount: {report.problems[:5]}")
    media = simulator.stats()["bytes_out"]
    rate = report.bytes / MIB / seconds
    say(f"and again, mounted anew: {seconds:.1f} s ({rate:.0f} MiB/s), {media} bytes from Drive")


def demo(folder):
    with Simulator(f"{folder}/simulator", accounts=(FIRST_ACCOUNT,)) as simulator:
        seed(simulator)
        with Machine(f"{folder}/machine", simulator, login=False, tls=True) as machine:
            machine.shows_log = False
            log_in(machine, simulator)
            mount, seconds = seconds_of(machine.mount)
            say(f"mounted in {seconds:.2f} s at {mount.path}: {sorted(os.listdir(mount.path))}")
            check(mount, simulator)
            mount.unmount()
            mount = machine.mount()
            read_again(mount, simulator)
            mount.unmount()
            machine.wait_until_no_daemon()
            say("unmounted")


def main():
    folder = tempfile.mkdtemp(prefix="driveway-demo-")
    try:
        demo(folder)
    except (AssertionError, OSError, RuntimeError) as error:
        say(f"demo: FAILED: {error}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
