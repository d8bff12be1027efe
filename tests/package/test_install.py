"""The packages in a Debian 12 that has nothing else: installed, used, upgraded, removed."""

import json
import os
import re
import resource
import shutil
import subprocess
import time
import urllib.request

import pytest

from support.packages import version
from support.simulator import FIRST_ACCOUNT, Simulator
from support.waiting import wait_for

_TO_A_MOUNT = 10  # seconds; what apt has to download is there
_BUSY = 6  # times as long on a machine that runs other tests
_MOUNTPOINT = "/mnt/drive"
_OLD = "0.0.1"
_FSTAB = "none /mnt/drive fuse.driveway _netdev,nofail,noauto,user,x-systemd.automount"
_USER_DATA = ("./root/", "./mnt/drive")
_PROGRAMS = ("driveway", "google-drive-ocamlfuse")


@pytest.fixture(scope="module")
def simulator(folder):
    with Simulator(folder / "simulator", accounts=(FIRST_ACCOUNT,)) as running:
        running.seed(items=[{"path": "hello.txt", "content": "hello"}])
        yield running


@pytest.fixture
def login(machine, simulator):
    """The variables of who is logged in."""
    credentials = simulator.authorized_user(FIRST_ACCOUNT)
    machine.path("/root/adc.json").write_text(json.dumps(credentials))
    return {
        "DRIVEWAY_API_URL": simulator.url,
        "DRIVEWAY_OAUTH_URL": simulator.url,
        "DRIVEWAY_ACCOUNTS_URL": simulator.url,
        "GOOGLE_APPLICATION_CREDENTIALS": "/root/adc.json",
        "NO_GCE_CHECK": "true",
    }


def _install(machine, deb, *options):
    machine.apt("install", "--no-install-recommends", *options, machine.put(deb))


def _older(deb, folder):
    """The same package, as an earlier release, which asks for its own driveway."""
    tree = folder / f"older-{deb.name}"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    text = re.sub(r"(?m)^Version: .*", f"Version: {_OLD}", control.read_text())
    control.write_text(text.replace(f"driveway (= {version()})", f"driveway (= {_OLD})"))
    target = folder / deb.name.replace(version(), _OLD)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, target], check=True)
    return target


def _has_mount(machine):
    return f" {_MOUNTPOINT} fuse.driveway " in machine.output_of("cat", "/proc/mounts")


def _has_daemon(machine):
    """Of driveway, in that machine."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            root = os.readlink(f"/proc/{name}/root")
            program = os.readlink(f"/proc/{name}/exe").removesuffix(" (deleted)")
        except OSError:
            continue  # it has gone meanwhile
        if root == str(machine.root) and os.path.basename(program).startswith(_PROGRAMS):
            return True
    return False


def _cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_from_the_package_to_a_mount(machine, debs, login):
    _install(machine, debs["driveway"], "--download-only")
    begin, cpu = time.monotonic(), _cpu_seconds()
    _install(machine, debs["driveway"])
    installed = time.monotonic() - begin
    machine.output_of("driveway", "mount", _MOUNTPOINT, **login)
    mounted = time.monotonic() - begin
    print(f"installed in {installed:.1f} s, mounted after {mounted:.1f} s", end=" ")
    print(f"({_cpu_seconds() - cpu:.1f} s of CPU; bound: {_TO_A_MOUNT} s)")
    assert machine.output_of("cat", f"{_MOUNTPOINT}/MyDrive/hello.txt") == "hello"
    machine.output_of("driveway", "unmount", _MOUNTPOINT, **login)
    assert not _has_daemon(machine)
    assert mounted <= _TO_A_MOUNT * _BUSY
    for tool in ("gcc", "cmake", "python3", "fusermount3"):
        assert machine.run("which", tool).returncode != 0, f"{tool}: it proves less then"


def test_upgraded_under_a_mount_and_removed_cleanly(machine, debs, folder, login, simulator):
    _install(machine, debs["driveway"])
    machine.apt("purge", "driveway")
    before = machine.files()
    assert not [p for p in before if "driveway" in p and not p.startswith(_USER_DATA)]

    _install(machine, _older(debs["driveway"], folder))
    machine.output_of("driveway", "mount", _MOUNTPOINT, **login)
    _install(machine, debs["driveway"])
    shown = machine.output_of("dpkg-query", "-W", "-f", "${Version}", "driveway")
    assert shown == version()
    assert machine.output_of("driveway", "--version") == f"driveway {version()}\n"
    machine.output_of("sh", "-c", f"echo new >{_MOUNTPOINT}/MyDrive/new.txt")
    machine.output_of("driveway", "unmount", _MOUNTPOINT, **login)
    assert "new.txt" in {item["path"] for item in simulator.dump()}

    machine.apt("remove", "driveway")
    assert machine.run("driveway", "--version").returncode == 127
    machine.output_of("dpkg", "--purge", "driveway")
    left = {p for p in machine.files() - before if not p.startswith(_USER_DATA)}
    assert not left
    assert machine.path("/root/.cache/driveway").is_dir()  # what is the user's stays


def test_mount_and_fstab(machine, debs, login):
    """mount(8) with the helper: also again, which mount -a does, and with its own words for errors."""
    _install(machine, debs["driveway"])
    machine.path("/etc/fstab").write_text(f"{_FSTAB},layout=root,cache-size=1G 0 0\n")
    machine.path(_MOUNTPOINT).mkdir(exist_ok=True)
    machine.output_of("mount", _MOUNTPOINT, **login)
    assert _has_mount(machine)
    assert machine.output_of("cat", f"{_MOUNTPOINT}/hello.txt") == "hello"
    # "user" in fstab has mount(8) add these.
    line = next(l for l in machine.output_of("cat", "/proc/mounts").splitlines() if _MOUNTPOINT in l)
    assert {"nosuid", "nodev", "noexec"} <= set(line.split()[3].split(","))
    machine.output_of("umount", _MOUNTPOINT)
    wait_for(lambda: not _has_daemon(machine), "the daemon to end")

    machine.path("/etc/fstab").write_text(f"none {_MOUNTPOINT} fuse.driveway _netdev 0 0\n")
    machine.output_of("mount", "-a", **login)
    machine.output_of("mount", "-a", **login)
    assert "hello.txt" in machine.output_of("ls", f"{_MOUNTPOINT}/MyDrive").split()
    machine.output_of("umount", _MOUNTPOINT)
    wait_for(lambda: not _has_daemon(machine), "the daemon to end")


def test_mount_tells_why_it_failed(machine, debs, login):
    _install(machine, debs["driveway"])
    machine.path(_MOUNTPOINT).mkdir(exist_ok=True)
    mount = ("mount", "-t", "fuse.driveway", "none", _MOUNTPOINT)
    unknown = machine.run(*mount, "-o", "colour=red", **login)
    assert (unknown.returncode, "colour=red" in unknown.stderr) == (1, True)
    nobody = {name: login[name] for name in login if not name.startswith("GOOGLE")}
    logged_out = machine.run(*mount, **nobody)
    assert logged_out.returncode == 32
    assert "driveway login" in logged_out.stderr
    assert not _has_mount(machine)


def _old_program(folder):
    """A package of the name and version of the old program, with its one file."""
    tree = folder / "old-program"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: google-drive-ocamlfuse\nVersion: 0.7.32\nArchitecture: all\n"
        "Maintainer: nobody <nobody@example.com>\nDescription: stands for the old program\n"
    )
    program = tree / "usr/bin/google-drive-ocamlfuse"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho old\n")
    program.chmod(0o755)
    target = folder / "google-drive-ocamlfuse_0.7.32_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, target], check=True)
    return target


def test_the_front_takes_the_old_programs_place(machine, debs, folder, login, simulator):
    """Installed over it, used, upgraded with driveway, removed."""
    _install(machine, debs["driveway"])
    before = machine.files()
    _install(machine, _old_program(folder))
    assert machine.output_of("google-drive-ocamlfuse") == "old\n"
    older = [machine.put(_older(debs[name], folder)) for name in ("driveway", "driveway-ocamlfuse")]
    machine.apt("install", "--no-install-recommends", "--allow-downgrades", *older)
    status = machine.run("dpkg-query", "-W", "-f", "${Status}", "google-drive-ocamlfuse").stdout
    assert status != "install ok installed"
    assert "driveway" in machine.output_of("google-drive-ocamlfuse", "-version")

    newer = [machine.put(debs[name]) for name in ("driveway", "driveway-ocamlfuse")]
    machine.apt("install", "--no-install-recommends", *newer)
    machine.path("/root/drive").mkdir(exist_ok=True)
    mounted = machine.output_of("google-drive-ocamlfuse", "/root/drive", **login)
    assert mounted == ""
    assert machine.output_of("cat", "/root/drive/hello.txt") == "hello"
    machine.output_of("driveway", "unmount", "/root/drive", **login)
    wait_for(lambda: not _has_daemon(machine), "the daemon to end")

    machine.apt("purge", "driveway-ocamlfuse")
    left = {p for p in machine.files() - before if not p.startswith(_USER_DATA)}
    assert not left


def test_the_simulators_package(machine, debs):
    _install(machine, debs["driveway-sim"])
    ready = machine.path("/tmp/ready")
    command = machine.command("driveway-sim", "--ready-file", "/tmp/ready", "--no-https")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        try:
            addresses = json.loads(wait_for(lambda: ready.exists() and ready.read_text(), "it"))
            with urllib.request.urlopen(f"{addresses['http']}/__sim/ready") as answer:
                assert answer.status == 200
        finally:
            running.terminate()
        assert running.wait(30) == 0
    machine.apt("purge", "driveway-sim")
    assert not [p for p in machine.files() if "driveway-sim" in p and not p.startswith(_USER_DATA)]
