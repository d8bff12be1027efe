"""The demo's second half: a simulated Drive, a login, a mount, and every byte checked. See tools/demo."""

import hashlib
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


def write(machine, mount, simulator):
    """A folder of files of all sizes, a checkpoint saved over itself, then flush: Drive must have
    what was written, byte by byte."""
    project = mount.my_drive / "written"
    wanted = {}

    def work():
        project.mkdir()
        for index, size in enumerate((0, 1, 4096, 300_000, 6 * MIB, 40 * MIB)):
            data = os.urandom(size)
            (project / f"file{index}.bin").write_bytes(data)
            wanted[f"written/file{index}.bin"] = data
        for _ in range(3):
            data = os.urandom(2 * MIB)
            (project / "model.pt.tmp").write_bytes(data)
            os.replace(project / "model.pt.tmp", project / "model.pt")
            wanted["written/model.pt"] = data

    _, seconds = seconds_of(work)
    _, flushed = seconds_of(lambda: machine.output_of("flush", mount.path))
    there = {i["path"]: i for i in simulator.dump() if i["path"].startswith("written/")}
    if set(there) != set(wanted):
        raise AssertionError(f"Drive has {sorted(there)}, not {sorted(wanted)}")
    for path, data in wanted.items():
        if there[path]["md5Checksum"] != hashlib.md5(data).hexdigest():
            raise AssertionError(f"Drive has other bytes in {path} than were written")
    size = sum(map(len, wanted.values())) / MIB
    say(f"wrote {len(wanted)} files with {size:.0f} MiB in {seconds:.1f} s; driveway flush returned after")
    say(f"  {flushed:.1f} s: Drive has each of them, with the md5 of what was written")


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
            write(machine, mount, simulator)
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
