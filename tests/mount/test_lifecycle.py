"""From `driveway mount` to the end of its daemon, however that comes."""

import errno
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess

import pytest

from support.driveway import Machine
from support.simulator import calls_by_method
from support.tree_check import md5_of
from support.waiting import blocked_in_fuse, wait_for


@pytest.fixture
def seeded(simulator):
    simulator.seed(
        items=[
            {"path": "readme.txt", "content": "hello\n"},
            {"path": "folder/data.bin", "size": 3_000_000, "seed": 5},
            {"path": "folder/small.bin", "size": 3000, "seed": 6},
        ],
        shared_drives=[{"name": "Team", "items": [{"path": "t.txt", "content": "team"}]}],
    )
    return simulator


def is_mounted(path):
    return os.path.ismount(path)


def may_lower_the_oom_score():
    """Root in a container may not, where it lacks CAP_SYS_RESOURCE."""
    status = pathlib.Path("/proc/self/status").read_text()
    effective = int(re.search(r"CapEff:\s*(\w+)", status).group(1), 16)
    return effective >> 24 & 1


def error_of_listing(path):
    """The errno, or 0. A call that the daemon's death cuts off has another one than those after."""
    try:
        os.listdir(path)
    except OSError as error:
        return error.errno
    return 0


def holds_a_socket(pid):
    folder = pathlib.Path(f"/proc/{pid}/fd")
    return any(os.readlink(fd).startswith("socket:") for fd in folder.iterdir())


# -- mount ---------------------------------------------------------------------------------------


def test_mount_returns_when_the_mount_answers(seeded, machine):
    mount = machine.mount()
    # No waiting here: this is the promise.
    assert (mount.my_drive / "readme.txt").read_text() == "hello\n"
    assert is_mounted(mount.path)
    table = pathlib.Path("/proc/self/mountinfo").read_text()
    line = next(line for line in table.splitlines() if f" {mount.path} " in line)
    assert " fuse.driveway driveway " in line
    mount.unmount()
    machine.wait_until_no_daemon()


def test_mount_is_a_daemon_of_its_own(seeded, machine):
    mount = machine.mount()
    pid = mount.pid
    assert os.getsid(pid) == pid, "a session of its own"
    assert os.readlink(f"/proc/{pid}/cwd") == "/", "holds no folder"
    score = int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text())
    assert score < 0 or not may_lower_the_oom_score(), "the last to be killed (E5)"
    for fd in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"


def test_the_mountpoint_is_made_if_missing(seeded, machine):
    mount = machine.mount(mountpoint=machine.folder / "new/deep/mnt")
    assert (mount.my_drive / "readme.txt").exists()
    mount.unmount()


def test_a_relative_mountpoint_with_blanks(seeded, machine):
    machine.output_of("mount", "my mount ü/")
    path = machine.folder / "my mount ü"
    assert (path / "MyDrive/readme.txt").exists()
    machine.output_of("unmount", "./my mount ü")
    assert not is_mounted(path)


def test_without_a_login(simulator, make_machine):
    machine = make_machine(login=False)
    done = machine.run("mount", machine.folder / "mnt")
    assert done.returncode == 4
    assert "driveway login" in done.stderr
    assert not is_mounted(machine.folder / "mnt") and not machine.daemons()


def test_a_revoked_login(simulator, machine):
    simulator.revoke_tokens()
    done = machine.run("mount", machine.folder / "mnt")
    assert done.returncode == 4
    assert "log in again" in done.stderr or "driveway login" in done.stderr
    assert not is_mounted(machine.folder / "mnt") and not machine.daemons()


def test_a_damaged_credentials_file(simulator, machine):
    (machine.folder / "adc.json").write_text('{"type": "authorized_user"')
    done = machine.run("mount", machine.folder / "mnt")
    assert done.returncode != 0 and "adc.json" in done.stderr
    (machine.folder / "adc.json").unlink()
    done = machine.run("mount", machine.folder / "mnt")
    assert done.returncode != 0 and "adc.json" in done.stderr


def test_a_server_that_is_not_there(simulator, machine):
    simulator.kill()
    done = machine.run("mount", machine.folder / "mnt", "--read-deadline", "3s")
    assert done.returncode == 1
    assert done.stderr.startswith("driveway: ") and len(done.stderr) < 2000
    assert not is_mounted(machine.folder / "mnt") and not machine.daemons()


def test_ctrl_c_while_mount_waits(simulator, machine):
    simulator.set(faults={"dead": True})
    running = machine.start(
        "mount", machine.folder / "mnt", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for(lambda: len(machine.daemons()) == 2, "the daemon to have been forked")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=15)
    assert running.returncode not in (0, None)
    machine.wait_until_no_daemon()


def test_a_certificate_that_is_not_trusted(simulator, make_machine):
    machine = make_machine(tls=True)
    done = machine.run(
        "mount",
        machine.folder / "mnt",
        environment={"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
    )
    assert done.returncode != 0
    assert "certificate" in done.stderr.lower()
    assert not is_mounted(machine.folder / "mnt")


def test_over_tls(seeded, make_machine):
    mount = make_machine(tls=True).mount()
    assert (mount.my_drive / "readme.txt").read_text() == "hello\n"
    connections = seeded.stats()["connections"]
    assert connections["plain"] == 0 and connections["tls"] <= 4, "connections are reused"
    mount.unmount()


def test_a_mountpoint_that_is_a_file(simulator, machine):
    path = machine.folder / "file"
    path.write_text("x")
    done = machine.run("mount", path)
    assert done.returncode == 2 and str(path) in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("mount",),
        ("mount", "mnt", "--layout", "other"),
        ("mount", "mnt", "--cache-size", "large"),
        ("mount", "mnt", "--poll", "soon"),
        ("mount", "mnt", "-o", "no_such_option"),
        ("mount", "mnt", "--no-such-flag"),
        ("no-such-command",),
        (),
    ],
)
def test_usage_errors(machine, arguments):
    done = machine.run(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip() or done.stdout.strip()
    assert not machine.daemons()


def test_a_folder_that_is_not_empty_is_hidden_with_a_warning(seeded, machine):
    path = machine.folder / "mnt"
    path.mkdir()
    (path / "before.txt").write_text("x")
    done = machine.run("mount", path)
    assert done.returncode == 0 and "not empty" in done.stderr
    assert sorted(os.listdir(path)) == [".Trash", ".shared", "MyDrive", "Shareddrives"]
    assert machine.run("unmount", path).returncode == 0
    assert os.listdir(path) == ["before.txt"]


def test_a_dead_mount_is_repaired_by_mounting_again(seeded, machine):
    mount = machine.mount()
    assert (mount.my_drive / "readme.txt").exists()
    mount.kill()
    wait_for(lambda: error_of_listing(mount.path) == errno.ENOTCONN, "the kernel to notice")
    done = machine.run("mount", mount.path)
    assert done.returncode == 0, done.stderr
    assert (mount.my_drive / "readme.txt").read_text() == "hello\n"
    table = pathlib.Path("/proc/self/mountinfo").read_text()
    assert table.count(f" {mount.path} ") == 1, "the dead mount does not lie below"
    mount.unmount()


def test_a_dead_mount_is_removed_by_unmount(seeded, machine):
    mount = machine.mount()
    mount.kill()
    machine.output_of("unmount", mount.path)
    assert os.listdir(mount.path) == []


def state_of_thread(pid, name):
    """As ps says it: R, S, D, …; "" if `pid` has no such thread."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            before, state = (task / "stat").read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if before.split("(", 1)[1] == name:
            return state.split()[0]
    return ""


@pytest.fixture
def wedged(seeded, machine):
    """(Mount, Popen): what is left of a killed daemon waits in the kernel for the lock of a folder, which a
    reader holds who waits for that daemon: neither ends by itself."""
    mount = machine.mount("--poll", "200ms")
    assert (mount.my_drive / "folder/small.bin").exists()
    api = seeded.api()
    folder = next(item["id"] for item in seeded.dump() if item["path"] == "folder")
    # Whoever looks up a shortcut waits for a get of its target.
    seeded.set(network={"get_latency": 600_000})
    seeded.seed(items=[{"path": "folder/link", "type": "shortcut", "target_id": "1" + "x" * 32}])
    wait_for(lambda: "link" in os.listdir(mount.my_drive / "folder"), "the shortcut")
    with subprocess.Popen(
        ["stat", mount.my_drive / "folder/link"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as reader:
        try:
            wait_for(lambda: blocked_in_fuse(reader.pid), "the reader to wait")
            (pid,) = machine.daemons()
            api.create("new", b"bytes", parent=folder)
            wait_for(lambda: state_of_thread(pid, "invalidate") == "D", "the lock to be taken")
            os.kill(pid, signal.SIGKILL)
            machine.wait_until_no_daemon()
            assert state_of_thread(pid, "invalidate") == "D" and reader.poll() is None
            seeded.set(network={"get_latency": 1})
            yield mount, reader
        finally:
            machine.abort_mounts()


def test_a_killed_daemon_that_cannot_end_is_no_obstacle_to_mounting(wedged, machine):
    mount, reader = wedged
    done = machine.run("mount", mount.path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b"Software caused connection abort" in reader.communicate(timeout=20)[0]
    assert (mount.my_drive / "folder/new").read_bytes() == b"bytes"
    table = pathlib.Path("/proc/self/mountinfo").read_text()
    assert table.count(f" {mount.path} ") == 1, "the dead mount does not lie below"
    mount.unmount()


def test_a_killed_daemon_that_cannot_end_frees_its_account(wedged, machine):
    mount, reader = wedged
    other = machine.mount(mountpoint=machine.folder / "other")
    assert (other.my_drive / "folder/new").read_bytes() == b"bytes"
    assert reader.wait(20) != 0
    assert error_of_listing(mount.path) == errno.ENOTCONN, "it stays there, and nothing shows below"
    machine.output_of("unmount", mount.path)
    other.unmount()


def test_a_killed_daemon_that_cannot_end_is_unmounted(wedged, machine):
    mount, reader = wedged
    machine.output_of("unmount", mount.path, timeout=30)
    assert not is_mounted(mount.path) and reader.wait(20) != 0


def test_mounting_twice_is_done_already(seeded, machine):
    mount = machine.mount()
    pid = mount.pid
    done = machine.run("mount", mount.path)
    assert done.returncode == 0 and "already mounted" in done.stderr
    assert mount.pid == pid and machine.daemons() == [pid]
    mount.unmount()


def mounted_paths(machine):
    mounts = json.loads(machine.output_of("status", "--json"))["mounts"]
    return sorted(one["mountpoint"] for one in mounts)


def test_a_second_mountpoint_joins_the_daemon(seeded, machine):
    first = machine.mount()
    second = machine.mount(mountpoint=machine.folder / "other")
    assert second.pid == first.pid
    wait_for(lambda: machine.daemons() == [first.pid], "what asked for the second to end")
    assert mounted_paths(machine) == [str(first.path), str(second.path)]
    assert second.status()["mountpoint"] == str(second.path)
    data = first.my_drive / "folder/data.bin"
    assert machine.output_of("cat", second.my_drive / "folder/data.bin", text=False) == (
        data.read_bytes()
    )
    with open(data, "rb") as held:
        second.unmount()
        assert held.read(1) and is_mounted(first.path), "only that mount has ended"
    assert mounted_paths(machine) == [str(first.path)]
    first.unmount()
    assert not machine.daemons(), "it ends with its last mount, before unmount returns"


def test_a_second_mountpoint_may_be_for_reading_only(seeded, machine):
    first = machine.mount()
    second = machine.mount("--read-only", mountpoint=machine.folder / "other")
    assert second.pid == first.pid
    with pytest.raises(OSError) as refused:
        (second.my_drive / "new").mkdir()
    assert refused.value.errno == errno.EROFS
    (first.my_drive / "new").mkdir()
    wait_for((second.my_drive / "new").is_dir, "what the other has made")
    second.unmount()
    first.unmount()


def test_two_mounts_at_the_same_moment(seeded, machine):
    paths = [machine.folder / "one", machine.folder / "two"]
    running = [machine.start("mount", path) for path in paths]
    assert [process.wait(60) for process in running] == [0, 0]
    assert all((path / "MyDrive/readme.txt").exists() for path in paths)
    wait_for(lambda: len(machine.daemons()) == 1, "what asked for the second to end")
    os.kill(machine.daemons()[0], signal.SIGTERM)
    machine.wait_until_no_daemon()
    assert not any(is_mounted(path) for path in paths)


@pytest.mark.parametrize(
    "setting",
    [
        ("--cache-dir", "elsewhere"),
        ("--layout", "root"),
        ("--docs", "export"),
        ("--acknowledge-abuse",),
        ("--lost-and-found",),
        ("--max-download", "1000000"),
    ],
)
def test_a_daemon_has_one_setting_for_all_its_mounts(seeded, machine, setting):
    mount = machine.mount()
    for path in (mount.path, machine.folder / "other"):
        done = machine.run("mount", path, *setting)
        assert done.returncode == 1, "refused, also where it is mounted already"
        for part in (*setting, str(mount.path), str(mount.pid)):
            assert part in done.stderr
    assert not is_mounted(machine.folder / "other") and machine.daemons() == [mount.pid]
    assert (mount.my_drive / "readme.txt").exists()
    mount.unmount()


def test_a_mountpoint_may_be_a_symlink(seeded, machine):
    real = machine.folder / "real"
    real.mkdir()
    link = machine.folder / "link"
    link.symlink_to("real")
    mount = machine.mount(mountpoint=link)
    assert is_mounted(real) and mount.status()["mountpoint"] == str(real)
    assert "already mounted" in machine.run("mount", real).stderr
    machine.output_of("unmount", f"{link}/")
    assert not is_mounted(real)


@pytest.mark.parametrize("form", ["file", "abstract"])
def test_a_service_manager_is_told_when_the_mount_is_there(seeded, machine, form):
    """systemd's Type=notify: what waits for the mount may begin then, and not before."""
    path = machine.folder / "mnt"
    name = f"{machine.folder}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name if form == "file" else f"\0{name}")
        manager.settimeout(60)
        variables = {"NOTIFY_SOCKET": name if form == "file" else f"@{name}"}
        daemon = machine.start("mount", path, "--foreground", environment=variables)
        assert manager.recv(100) == b"READY=1"
        assert (path / "MyDrive/readme.txt").read_text() == "hello\n"
        # A second start, as of a unit that another one has already mounted for.
        machine.output_of("mount", path, "--foreground", environment=variables)
        assert manager.recv(100) == b"READY=1"
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0


def test_in_the_foreground(seeded, machine):
    path = machine.folder / "mnt"
    running = machine.start(
        "mount", path, "--foreground", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for(lambda: (path / "MyDrive/readme.txt").exists(), "the mount")
    assert machine.daemons() == [running.pid]
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=20)
    machine.outputs.append(stderr.decode())
    assert running.returncode == 0 and not is_mounted(path)
    assert "mounted" in stderr.decode(), "the log goes to stderr"


# -- unmount -------------------------------------------------------------------------------------


def test_unmount_of_a_mount_that_is_in_use(seeded, machine):
    mount = machine.mount()
    with open(mount.my_drive / "readme.txt", encoding="utf-8") as file:
        done = machine.run("unmount", mount.path, "--timeout", "300ms")
        assert done.returncode == 1 and "in use" in done.stderr and "--force" in done.stderr
        assert is_mounted(mount.path) and file.read() == "hello\n"
    mount.unmount()
    machine.wait_until_no_daemon()


def test_unmount_waits_for_files_to_be_closed(seeded, machine):
    mount = machine.mount()
    with open(mount.my_drive / "readme.txt", encoding="utf-8"):
        running = machine.start("unmount", mount.path, "--timeout", "60s")
        wait_for(lambda: holds_a_socket(running.pid), "unmount to ask the daemon")
        assert running.poll() is None
    assert running.wait(20) == 0 and not is_mounted(mount.path)


def test_unmount_by_force(seeded, machine):
    mount = machine.mount()
    file = open(mount.my_drive / "readme.txt", encoding="utf-8")
    try:
        machine.output_of("unmount", mount.path, "--timeout", "100ms", "--force")
        assert not is_mounted(mount.path)
        machine.wait_until_no_daemon()
    finally:
        file.close()


def test_nothing_hangs_on_a_daemon_that_does_not_run(seeded, machine):
    mount = machine.mount()
    pid = mount.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        done = machine.run("status", mount.path, timeout=15)
        assert done.returncode == 1 and "does not answer" in done.stderr
        assert machine.run("status", timeout=15).returncode == 0
        done = machine.run("mount", mount.path, timeout=30)
        assert done.returncode == 1 and "unmount --force" in done.stderr
        # Who waits in it gets an error when it goes.
        waiting = subprocess.Popen(
            ["cat", mount.my_drive / "readme.txt"], stderr=subprocess.DEVNULL
        )
        done = machine.run("unmount", mount.path, "--force", timeout=30)
        assert done.returncode == 0, done.stderr
        assert not is_mounted(mount.path)
        assert waiting.wait(20) != 0
    finally:
        os.kill(pid, signal.SIGCONT)
    machine.wait_until_no_daemon()
    machine.mount().unmount()


def test_unmount_of_what_is_not_mounted(machine):
    done = machine.run("unmount", machine.folder / "home")
    assert done.returncode == 1 and "no Drive is mounted" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_unmounts(seeded, machine, number):
    mount = machine.mount()
    with open(mount.my_drive / "readme.txt", encoding="utf-8"):
        os.kill(mount.pid, number)
        machine.wait_until_no_daemon()
    assert not is_mounted(mount.path)
    assert machine.mount().unmount() is None, "all was closed"


def test_fusermount_by_hand_ends_the_daemon(seeded, machine):
    mount = machine.mount()
    subprocess.run(["fusermount3", "-u", mount.path], check=True)
    machine.wait_until_no_daemon()
    assert not list((machine.folder / "run").rglob("*.sock"))
    mount = machine.mount()
    subprocess.run(["umount", mount.path], check=True)
    machine.wait_until_no_daemon()


# -- what is told ----------------------------------------------------------------------------------


def test_status(seeded, machine):
    assert "no Drive is mounted" in machine.output_of("status")
    assert json.loads(machine.output_of("status", "--json")) == {"mounts": []}
    assert machine.run("status", machine.folder).returncode == 1
    mount = machine.mount("--poll", "200ms")
    assert (mount.my_drive / "folder/data.bin").read_bytes()
    wait_for(lambda: mount.status()["feed"]["healthy"], "a poll of the feed")
    status = mount.status()
    assert status["mountpoint"] == str(mount.path) and status["pid"] in machine.daemons()
    assert status["items"] >= 3 and status["cached_bytes"] >= 3_000_000
    all_mounts = json.loads(machine.output_of("status", "--json"))["mounts"]
    assert [one["mountpoint"] for one in all_mounts] == [str(mount.path)]
    text = machine.output_of("status", mount.path)
    assert str(mount.path) in text and "answers" in text
    mount.unmount()


def test_about(seeded, machine):
    about = json.loads(machine.output_of("about", "--json"))
    assert about["email"] == "ann@example.com" and about["storage_limit"] == 16 << 30
    text = machine.output_of("about")
    assert "ann@example.com" in text and "Ann" in text


def remote_commands(machine):
    """ls, stat and cat, which say the same with a daemon and without."""
    listed = [json.loads(line) for line in machine.output_of("ls", "--json", "drive:").splitlines()]
    assert {(one["name"], one["type"]) for one in listed} == {
        ("readme.txt", "file"),
        ("folder", "directory"),
    }
    assert machine.output_of("ls", "drive:folder").split() == ["data.bin", "small.bin"]
    assert "3000000" in machine.output_of("ls", "-l", "drive:folder")
    stat_text = json.loads(machine.output_of("stat", "--json", "drive:folder/data.bin"))
    assert stat_text["size"] == 3_000_000 and stat_text["md5"]
    assert machine.output_of("cat", "drive:readme.txt") == "hello\n"
    assert machine.output_of("cat", f"drive:id={stat_text['id']}", text=False)[:1]
    assert machine.output_of("cat", "drive:@Team/t.txt") == "team"
    missing = machine.run("cat", "drive:nothing")
    assert missing.returncode == 1 and "nothing" in missing.stderr
    assert machine.run("ls", "/etc/passwd").returncode == 2
    return stat_text["inode"]


def test_ls_stat_and_cat_without_a_daemon_and_with_it(seeded, machine):
    inode = remote_commands(machine)
    assert not machine.daemons()
    mount = machine.mount()
    assert remote_commands(machine) == inode, "the same cache folder"
    path = mount.my_drive / "folder/data.bin"
    assert machine.output_of("cat", path, text=False) == path.read_bytes()
    assert os.stat(path).st_ino == inode
    mount.unmount()


def test_ls_of_what_is_cached_works_offline(seeded, machine):
    machine.output_of("ls", "drive:folder")
    seeded.kill()
    done = machine.run("ls", "drive:folder", timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["data.bin", "small.bin"]


def test_a_look_keeps_the_layout_of_the_last_mount(seeded, machine):
    mount = machine.mount("--layout", "root", "--docs", "export")
    inodes = {path: path.stat().st_ino for path in mount.path.rglob("*")}
    mount.unmount()
    seeded.reset_stats()
    assert "readme.txt" in machine.output_of("ls", "drive:")
    assert machine.output_of("cat", "drive:@Team/t.txt") == "team"
    assert "files.list" not in calls_by_method(seeded.stats())
    mount = machine.mount("--layout", "root", "--docs", "export")
    assert {path: path.stat().st_ino for path in mount.path.rglob("*")} == inodes
    mount.unmount()


# -- mounting again --------------------------------------------------------------------------------


def test_a_remount_finds_inodes_listings_and_contents(seeded, machine):
    mount = machine.mount()
    inodes = {str(p): p.stat().st_ino for p in mount.path.rglob("*")}
    sums = {p: md5_of(p) for p in mount.my_drive.rglob("*.bin")}
    mount.unmount()
    seeded.reset_stats()
    mount = machine.mount("--poll", "1h")  # what a poll asks for is no part of it
    assert {str(p): p.stat().st_ino for p in mount.path.rglob("*")} == inodes
    assert {p: md5_of(p) for p in sums} == sums
    stats = seeded.stats()
    methods = calls_by_method(stats)
    print(methods)
    assert stats["requests"] <= 5, methods
    assert "files.list" not in methods and stats["bytes_out"] < 100_000
    mount.unmount()


def test_a_remount_without_network_shows_what_is_cached(seeded, machine):
    mount = machine.mount()
    sums = {p: md5_of(p) for p in mount.my_drive.rglob("*.bin")}
    mount.unmount()
    seeded.kill()
    mount = machine.mount()
    assert {p: md5_of(p) for p in mount.my_drive.rglob("*.bin")} == sums
    mount.unmount()


def test_what_a_killed_daemon_leaves_is_usable(seeded, machine):
    mount = machine.mount()
    inodes = {str(p): p.stat().st_ino for p in mount.path.rglob("*")}
    sums = {p: md5_of(p) for p in mount.my_drive.rglob("*.bin")}
    mount.kill()
    mount = machine.mount()
    assert {p: md5_of(p) for p in mount.my_drive.rglob("*.bin")} == sums
    assert {str(p): p.stat().st_ino for p in mount.path.rglob("*")} == inodes
    mount.unmount()


# -- secrets ---------------------------------------------------------------------------------------


def test_private_files(seeded, machine):
    mount = machine.mount()
    assert (mount.my_drive / "readme.txt").read_text()
    control = list((machine.folder / "run").rglob("*.sock"))
    assert len(control) == 1
    assert stat.S_IMODE(control[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(control[0].parent.stat().st_mode) == 0o700
    for path in (machine.cache, *machine.cache.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    mount.unmount()


def test_the_control_socket_survives_nonsense(seeded, machine):
    mount = machine.mount()
    control = next((machine.folder / "run").rglob("*.sock"))
    for nonsense in (b"", b"GET / HTTP/1.1\r\n\r\n", b"J\xff\xff\xff\xff", b"J\x02\0\0\0{]"):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(control))
            peer.sendall(nonsense)
            peer.shutdown(socket.SHUT_WR)
            try:
                while peer.recv(4096):
                    pass
            except ConnectionResetError:
                pass  # closed with some of the nonsense unread: as good an end
    assert mount.status()["mountpoint"] == str(mount.path)
    mount.unmount()


def test_no_secret_in_the_log_at_any_level(seeded, folder):
    machine = Machine(f"{folder}/traced", seeded, login=True)
    try:
        mount = machine.mount(environment={"DRIVEWAY_LOG": "trace"})
        assert (mount.my_drive / "folder/data.bin").read_bytes()
        seeded.expire_tokens()
        assert (mount.my_drive / "folder/small.bin").read_bytes()
        mount.unmount()
        assert machine.log()
    finally:
        machine.close()  # looks for secrets
