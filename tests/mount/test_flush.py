"""What was written arrives in Drive, or is told: flush, retry, export-unsent, status, and the drain
before the end."""

import hashlib
import json
import os
import re
import signal
import subprocess

import pytest

from support.simulator import FIRST_ACCOUNT
from support.waiting import wait_for

# So slow that an upload of some MB is under way as long as a test needs it.
SLOW = {"connection_bandwidth": 200_000, "total_bandwidth": 200_000}
FAST = {"connection_bandwidth": 0, "total_bandwidth": 0}


def content(size, seed=1):
    block = hashlib.sha256(str(seed).encode()).digest()
    return (block * (size // len(block) + 1))[:size]


def in_drive(simulator):
    """{path: md5} of the files in Drive."""
    return {
        item["path"]: item.get("md5Checksum")
        for item in simulator.dump()
        if item.get("md5Checksum")
    }


def md5(data):
    return hashlib.md5(data).hexdigest()


def writes_of(mount):
    return mount.status()["writes"]


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def is_sending(mount):
    return [one for one in writes_of(mount)["sending"] if one["sent"] > 0]


def mount_and_list(machine, *options):
    """What is listed is known, whatever Drive does afterwards."""
    mount = machine.mount(*options)
    assert os.listdir(mount.my_drive) == []
    return mount


@pytest.fixture
def refusing(simulator):
    """Drive takes no content: its storage is full."""
    simulator.add_account(FIRST_ACCOUNT, storage_limit=1)
    return simulator


def give_storage(simulator):
    simulator.add_account(FIRST_ACCOUNT, storage_limit=16 << 30)


# -- flush -----------------------------------------------------------------------------------------


def test_flush_returns_when_drive_has_it(simulator, machine):
    mount = machine.mount("--settle", "1h")  # nothing is sent by itself
    data = content(100_000)
    (mount.my_drive / "a.bin").write_bytes(data)
    (mount.my_drive / "folder").mkdir()
    (mount.my_drive / "folder/b.bin").write_bytes(data)
    assert writes_of(mount)["dirty_files"] == 2
    assert not in_drive(simulator)
    text = machine.output_of("flush")
    assert in_drive(simulator) == {"a.bin": md5(data), "folder/b.bin": md5(data)}
    assert "Drive has everything" in text
    assert writes_of(mount)["changes"] == 0
    assert machine.output_of("flush") == "Drive has everything\n"
    mount.unmount()


def test_flush_of_a_path_overtakes_the_rest(simulator, machine):
    mount = machine.mount("--settle", "1h")
    data = content(50_000)
    for name in ("one.bin", "two.bin"):
        (mount.my_drive / name).write_bytes(data)
    machine.output_of("flush", mount.my_drive / "two.bin")
    assert in_drive(simulator) == {"two.bin": md5(data)}
    machine.output_of("flush", "drive:one.bin")
    assert in_drive(simulator) == {"one.bin": md5(data), "two.bin": md5(data)}
    missing = machine.run("flush", mount.my_drive / "none.bin")
    assert missing.returncode == 1 and "none.bin" in missing.stderr
    mount.unmount()


def test_flush_tells_its_progress_as_json_lines(simulator, machine):
    mount = machine.mount("--settle", "1h")
    (mount.my_drive / "a.bin").write_bytes(content(100_000))
    events = json_lines(machine.output_of("flush", "--json"))
    assert events[0]["event"] == "progress" and events[0]["bytes"] == 100_000
    assert events[-1] == {
        "event": "done",
        "files": 1,
        "files_done": 1,
        "bytes": 100_000,
        "bytes_done": 100_000,
    }
    mount.unmount()


def test_flush_whose_time_is_over(simulator, machine):
    mount = mount_and_list(machine)
    simulator.set(faults={"dead": True})
    data = content(1000)
    (mount.my_drive / "a.bin").write_bytes(data)
    done = machine.run("flush", "--timeout", "2s")
    assert done.returncode == 8, done.stderr
    assert "1 of 1 changes are not in Drive yet" in done.stderr
    simulator.set(faults={"dead": False})
    machine.output_of("flush", "--timeout", "60s")
    assert in_drive(simulator) == {"a.bin": md5(data)}
    mount.unmount()


def test_flush_when_the_storage_is_full(refusing, machine):  # E2
    mount = machine.mount()
    (mount.my_drive / "a.bin").write_bytes(content(1000))
    done = machine.run("flush", "--timeout", "60s")
    assert done.returncode == 5, done.stderr
    paused = wait_for(lambda: writes_of(mount).get("paused"), "the reason in status")
    assert paused["code"] == "storage_full" and paused["until"]
    assert "stopped:" in machine.output_of("status")
    give_storage(refusing)
    machine.output_of("retry")  # or within a minute by itself
    mount.unmount()


def test_flush_without_a_login(simulator, machine):  # E1
    mount = mount_and_list(machine)
    simulator.revoke_tokens()
    (mount.my_drive / "a.bin").write_bytes(content(1000))
    done = machine.run("flush", "--timeout", "60s")
    assert done.returncode == 4, done.stderr
    assert writes_of(mount)["paused"]["code"] == "login_needed"
    machine.log_in_by_file()
    machine.output_of("retry")
    machine.output_of("flush", "--timeout", "60s")
    assert "a.bin" in in_drive(simulator)
    mount.unmount()


def test_ctrl_c_ends_a_flush_and_not_the_upload(simulator, machine):
    mount = mount_and_list(machine)
    simulator.set(faults={"dead": True})
    (mount.my_drive / "a.bin").write_bytes(content(1000))
    running = machine.start("flush", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: mount.status()["writes"]["changes"] == 1, "the change to be known")
    running.send_signal(signal.SIGINT)
    assert running.wait(20) == 130
    simulator.set(faults={"dead": False})
    wait_for(lambda: "a.bin" in in_drive(simulator), "the upload", timeout=60)
    mount.unmount()


def test_flush_without_a_mount_sends_what_the_last_one_left(simulator, machine):
    mount = machine.mount("--settle", "1h")
    data = content(100_000)
    (mount.my_drive / "a.bin").write_bytes(data)
    mount.kill()  # the machine is taken away, its disk is not
    assert not in_drive(simulator)
    machine.output_of("unmount", mount.path)  # the dead mount
    machine.output_of("flush")
    assert in_drive(simulator) == {"a.bin": md5(data)}
    assert not machine.daemons()


def test_a_mount_for_reading_sends_nothing(simulator, machine):
    mount = machine.mount("--read-only")
    done = machine.run("flush")
    assert done.returncode == 1 and "--read-only" in done.stderr
    with pytest.raises(OSError, match="Read-only"):
        (mount.my_drive / "a.bin").write_bytes(b"a")
    assert "writes" not in mount.status()
    mount.unmount()
    mount = machine.mount("-o", "ro")
    assert mount.status()["read_only"]
    mount.unmount()


# -- status ----------------------------------------------------------------------------------------


def test_status_shows_the_queue(simulator, machine):  # J11
    mount = machine.mount("--settle", "1h")
    assert "unsent:    nothing" in machine.output_of("status", mount.path)
    (mount.my_drive / "a.bin").write_bytes(content(3000))
    writes = writes_of(mount)
    assert (writes["changes"], writes["dirty_files"], writes["bytes"]) == (1, 1, 3000)
    [entry] = writes["queue"]
    assert entry["path"] == "MyDrive/a.bin" and entry["action"] == "create"
    assert entry["size"] == 3000 and entry["waiting"] == "settle" and entry["until_ms"] > 1000
    assert "1 file (2.93 KiB) not in Drive yet" in machine.output_of("status", mount.path)
    machine.output_of("flush")
    mount.unmount()


def test_status_watch_shows_what_is_sent_until_it_is_interrupted(simulator, machine):
    mount = machine.mount()
    simulator.set(network=SLOW)
    (mount.my_drive / "large.bin").write_bytes(content(8_000_000))
    sending = wait_for(lambda: is_sending(mount), "the upload")[0]
    assert sending["path"] == "MyDrive/large.bin" and sending["size"] == 8_000_000
    watching = machine.start("status", "--watch", stdout=subprocess.PIPE)
    text = os.read(watching.stdout.fileno(), 100_000).decode()
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=20)
    assert watching.returncode == 130
    assert re.search(r"sending:   MyDrive/large.bin  create  .* of 7.63 MiB", text)
    simulator.set(network=FAST)
    machine.output_of("flush")
    mount.unmount()


def test_what_drive_gets_wrong_three_times_has_failed_until_a_retry(simulator, machine):  # J5, E2
    simulator.set(drive={"wrong_md5": 1.0})
    mount = machine.mount()
    (mount.my_drive / "a.bin").write_bytes(content(1000))
    done = machine.run("flush", "--timeout", "60s", "--json")
    assert done.returncode == 7, done.stderr
    failed = json_lines(done.stdout)[-1]
    assert failed["event"] == "failed" and failed["code"] == "corrupt"
    text = machine.output_of("status", "--failed")
    assert text.startswith("MyDrive/a.bin: ") and "(corrupt, since 2" in text
    assert writes_of(mount)["failed"] == 1
    assert "driveway status --failed" in machine.output_of("status")
    simulator.set(drive={"wrong_md5": 0.0})
    assert "1 change, of which 1 had failed" in machine.output_of("retry", mount.my_drive / "a.bin")
    machine.output_of("flush", "--timeout", "60s")
    assert machine.output_of("status", "--failed") == ""
    assert in_drive(simulator) == {"a.bin": md5(content(1000))}
    mount.unmount()


def test_retry_after_the_storage_was_full(refusing, machine):  # E2
    mount = machine.mount()
    data = content(1000)
    (mount.my_drive / "a.bin").write_bytes(data)
    assert machine.run("flush", "--timeout", "60s").returncode == 5
    give_storage(refusing)
    machine.output_of("retry")
    machine.output_of("flush", "--timeout", "60s")
    assert in_drive(refusing) == {"a.bin": md5(data)}
    mount.unmount()


def test_a_full_storage_recovers_by_itself(refusing, machine):  # E2: a probe each minute
    mount = machine.mount()
    data = content(1000)
    (mount.my_drive / "a.bin").write_bytes(data)
    wait_for(lambda: writes_of(mount).get("paused"), "the refusal")
    give_storage(refusing)
    wait_for(lambda: in_drive(refusing) == {"a.bin": md5(data)}, "the probe", timeout=120)
    assert "paused" not in writes_of(mount)
    mount.unmount()


# -- what others did, and what is left -------------------------------------------------------------


def test_a_conflict_is_told(simulator, machine):  # J10
    mount = machine.mount("--settle", "1h", "--poll", "1h")
    api = simulator.api()
    item = api.create("notes.txt", b"theirs")
    mount.my_drive.joinpath("notes.txt").write_bytes(b"ours")
    api.set_content(item["id"], b"theirs, changed")
    machine.output_of("flush", "--timeout", "60s")
    [conflict] = writes_of(mount)["conflicts"]
    assert conflict["name"] == "notes.txt"
    kept = mount.path / conflict["path"]
    assert kept.read_bytes() == b"ours" and "conflict" in kept.name
    assert (mount.my_drive / "notes.txt").read_bytes() == b"theirs, changed"
    assert "conflicts: 1, the last: notes.txt: " in machine.output_of("status")
    assert kept.name in machine.output_of("status", "--failed")
    mount.unmount()
    mount = machine.mount()
    assert writes_of(mount)["conflicts"][0]["name"] == "notes.txt", "also after a restart"
    mount.unmount()


def rewritten(mount, name, times, size=100_000):
    """The last content of a file that was rewritten so often, and of each Drive has a revision."""
    for seed in range(times + 1):
        data = content(size, seed)
        (mount.my_drive / name).write_bytes(data)
        mount.machine.output_of("flush", "--timeout", "60s")
    return data


def revisions_of(simulator, name):
    [item] = [item for item in simulator.dump() if item["path"] == name]
    return len(simulator.api().revisions(item["id"]))


def test_old_revisions_and_the_trash_make_room(simulator, machine):  # J13
    mount = machine.mount()
    last = rewritten(mount, "model.bin", 2)
    (mount.my_drive / "old.bin").write_bytes(content(50_000))
    machine.output_of("flush", "--timeout", "60s")
    (mount.my_drive / "old.bin").unlink()
    machine.output_of("flush", "--timeout", "60s")
    left = writes_of(mount)["left_in_drive"]
    assert left == {
        "revisions": 2,
        "revision_bytes": 200_000,
        "trashed": 1,
        "trashed_bytes": 50_000,
    }
    said = "2 old revisions (195 KiB) and 1 file in its trash (48.8 KiB)"
    assert said in machine.output_of("status") and said in machine.output_of("about")
    assert json.loads(machine.output_of("about", "--json"))["left_in_drive"] == left
    simulator.add_account(FIRST_ACCOUNT, storage_limit=400_000)  # of which 350,000 are taken
    new = content(300_000, 9)
    (mount.my_drive / "new.bin").write_bytes(new)
    machine.output_of("flush", "--timeout", "60s")
    assert in_drive(simulator) == {"model.bin": md5(last), "new.bin": md5(new)}
    assert revisions_of(simulator, "model.bin") == 1
    assert "to make room in Drive" in machine.log()
    assert writes_of(mount)["left_in_drive"]["revisions"] == 0
    mount.unmount()


def test_about_tells_what_is_left_without_a_mount(simulator, machine):  # J13
    mount = machine.mount()
    rewritten(mount, "model.bin", 1)
    mount.unmount()
    assert "1 old revision (97.7 KiB)" in machine.output_of("about")


@pytest.mark.parametrize("mode, kept", [("drop", 1), ("keep", 3), ("auto", 3)])
def test_revisions_that_were_replaced(simulator, machine, mode, kept):  # J13
    mount = machine.mount("--revisions", mode)
    last = rewritten(mount, "model.bin", 2)
    wait_for(lambda: revisions_of(simulator, "model.bin") == kept, f"{kept} revisions")
    assert in_drive(simulator) == {"model.bin": md5(last)}
    mount.unmount()


def test_what_was_removed_here_is_restored_from_the_trash(simulator, machine):
    mount = machine.mount("--poll", "1s")
    (mount.my_drive / "a.txt").write_text("a")
    (mount.my_drive / "a.txt").unlink()
    machine.output_of("flush")
    (mount.my_drive / "b.txt").write_text("b")
    machine.output_of("flush")
    (mount.my_drive / "b.txt").unlink()
    machine.output_of("flush")
    assert os.listdir(mount.path / ".Trash") == ["b.txt"], "a.txt has never been in Drive"
    os.rename(mount.path / ".Trash/b.txt", mount.my_drive / "back.txt")
    machine.output_of("flush")
    [item] = [item for item in simulator.dump() if item["path"] == "back.txt"]
    assert not item.get("trashed")
    assert (mount.my_drive / "back.txt").read_text() == "b"
    assert writes_of(mount)["left_in_drive"]["trashed"] == 0
    mount.unmount()


def test_permanent_removal_is_of_files_alone(simulator, machine):  # J8
    mount = machine.mount("--delete", "permanent", "--poll", "1s")
    (mount.my_drive / "folder").mkdir()
    for name in ("a.txt", "folder/b.txt"):
        (mount.my_drive / name).write_text(name)
    machine.output_of("flush")
    (mount.my_drive / "a.txt").unlink()
    (mount.my_drive / "folder/b.txt").unlink()
    machine.output_of("flush")
    (mount.my_drive / "folder").rmdir()
    machine.output_of("flush")
    left = {item["names"][-1]: item["trashed"] for item in simulator.dump(trashed=1)}
    assert "a.txt" not in left and "b.txt" not in left, left
    assert left["folder"] is True
    mount.unmount()


# -- export-unsent ---------------------------------------------------------------------------------


def test_export_unsent_while_drive_refuses_everything(refusing, machine):
    mount = machine.mount()
    files = {"a.bin": content(1000, 1), "folder/b.bin": content(200_000, 2)}
    (mount.my_drive / "folder").mkdir()
    for name, data in files.items():
        (mount.my_drive / name).write_bytes(data)
    refusing.set(faults={"dead": True})
    target = machine.folder / "safe"
    text = machine.output_of("export-unsent", target)
    assert f"wrote 2 files to {target}" in text
    for name, data in files.items():
        assert (target / "MyDrive" / name).read_bytes() == data
    inside = machine.run("export-unsent", mount.my_drive / "copy")
    assert inside.returncode == 2 and "mounted Drive" in inside.stderr
    refusing.set(faults={"dead": False})
    give_storage(refusing)
    machine.output_of("retry")
    mount.unmount()


@pytest.mark.parametrize("login", [True, False])
def test_export_unsent_without_a_mount_and_without_drive(simulator, machine, login):
    mount = machine.mount("--settle", "1h")
    data = content(1000)
    (mount.my_drive / "a.bin").write_bytes(data)
    mount.kill()
    machine.output_of("unmount", mount.path)
    simulator.kill()
    if not login:
        machine.environment.pop("GOOGLE_APPLICATION_CREDENTIALS")
    target = machine.folder / "safe"
    machine.output_of("export-unsent", target)
    assert (target / "MyDrive/a.bin").read_bytes() == data
    again = machine.output_of("export-unsent", machine.folder / "again")
    assert "wrote 1 file" in again, "it is still there"


# -- the drain before the end ----------------------------------------------------------------------


def test_unmount_sends_what_is_left(simulator, machine):
    mount = machine.mount("--settle", "1h")
    data = content(100_000)
    (mount.my_drive / "a.bin").write_bytes(data)
    mount.unmount()
    assert in_drive(simulator) == {"a.bin": md5(data)}
    assert not machine.daemons()


def test_unmount_says_what_it_leaves_and_the_next_mount_sends_it(simulator, machine):
    mount = mount_and_list(machine)
    data = content(1000)
    simulator.set(faults={"dead": True})
    (mount.my_drive / "a.bin").write_bytes(data)
    done = machine.run("unmount", mount.path, "--timeout", "2s")
    assert done.returncode == 8, done.stderr
    assert not os.path.ismount(mount.path) and not machine.daemons()
    assert "1 file (1000 B) not in Drive yet" in done.stderr and "next mount" in done.stderr
    simulator.set(faults={"dead": False})
    mount = machine.mount()
    assert (mount.my_drive / "a.bin").read_bytes() == data
    wait_for(lambda: in_drive(simulator) == {"a.bin": md5(data)}, "the upload", timeout=60)
    mount.unmount()


def test_unmount_by_force_does_not_wait_for_drive(simulator, machine):
    mount = machine.mount("--settle", "1h")
    (mount.my_drive / "a.bin").write_bytes(content(1000))
    done = machine.run("unmount", mount.path, "--force")
    assert done.returncode == 8 and "1 file" in done.stderr
    assert not os.path.ismount(mount.path) and not machine.daemons()
    assert not in_drive(simulator)
    machine.output_of("flush")
    assert "a.bin" in in_drive(simulator)


def test_unmount_when_the_storage_is_full(refusing, machine):
    mount = machine.mount()
    (mount.my_drive / "a.bin").write_bytes(content(1000))
    done = machine.run("unmount", mount.path, timeout=60)
    assert done.returncode == 5, done.stderr
    assert "1 file" in done.stderr and not os.path.ismount(mount.path)
    machine.wait_until_no_daemon()


def test_an_unmount_of_one_of_two_does_not_wait(simulator, machine):
    first = machine.mount("--settle", "1h")
    second = machine.mount("--settle", "1h", mountpoint=machine.folder / "other")
    (first.my_drive / "a.bin").write_bytes(content(1000))
    second.unmount()
    assert not in_drive(simulator)
    first.unmount()
    assert "a.bin" in in_drive(simulator)


def test_ctrl_c_at_unmount_leaves_the_daemon_to_send(simulator, machine):
    mount = mount_and_list(machine)
    data = content(1000)
    simulator.set(faults={"dead": True})
    (mount.my_drive / "a.bin").write_bytes(data)
    running = machine.start("unmount", mount.path, stderr=subprocess.PIPE)
    wait_for(lambda: not os.path.ismount(mount.path), "the unmount")
    wait_for(
        lambda: json.loads(machine.output_of("status", "--json")).get("sending"),
        "the daemon that sends what is left",
    )
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=20)
    assert running.returncode == 130 and b"goes on sending" in stderr
    simulator.set(faults={"dead": False})
    machine.wait_until_no_daemon()
    assert in_drive(simulator) == {"a.bin": md5(data)}


def test_a_mount_takes_over_from_a_daemon_that_drains(simulator, machine):
    mount = mount_and_list(machine)
    data = content(1000)
    simulator.set(faults={"dead": True})
    (mount.my_drive / "a.bin").write_bytes(data)
    running = machine.start("unmount", mount.path, stderr=subprocess.DEVNULL)
    wait_for(lambda: not os.path.ismount(mount.path), "the unmount")
    mount = machine.mount()
    assert running.wait(20) == 8
    assert (mount.my_drive / "a.bin").read_bytes() == data
    simulator.set(faults={"dead": False})
    machine.output_of("flush", "--timeout", "60s")
    assert in_drive(simulator) == {"a.bin": md5(data)}
    mount.unmount()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sends_what_is_left(simulator, machine, number):
    mount = machine.mount("--settle", "1h")
    data = content(100_000)
    (mount.my_drive / "a.bin").write_bytes(data)
    os.kill(mount.pid, number)
    machine.wait_until_no_daemon()
    assert in_drive(simulator) == {"a.bin": md5(data)}


def test_a_second_signal_ends_the_daemon_at_once(simulator, machine):
    mount = mount_and_list(machine)
    simulator.set(faults={"dead": True})
    (mount.my_drive / "a.bin").write_bytes(content(1000))
    pid = mount.pid
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: "before the end" in machine.log(), "the drain")
    os.kill(pid, signal.SIGTERM)
    machine.wait_until_no_daemon()
    log = machine.log()
    assert "no longer waiting for Drive" in log
    assert re.search(r"1 file .* not in Drive yet.*the next mount of this account sends it", log)


def test_fusermount_by_hand_sends_what_is_left(simulator, machine):
    mount = machine.mount("--settle", "1h")
    data = content(100_000)
    (mount.my_drive / "a.bin").write_bytes(data)
    subprocess.run(["fusermount3", "-u", mount.path], check=True)
    machine.wait_until_no_daemon()
    assert in_drive(simulator) == {"a.bin": md5(data)}


# -- settings --------------------------------------------------------------------------------------


def test_a_second_mount_that_asks_for_another_fsync_is_refused(simulator, machine):  # D5
    mount = machine.mount()
    done = machine.run("mount", machine.folder / "other", "--fsync", "upload")
    assert done.returncode == 1 and "--fsync journal (not upload)" in done.stderr
    mount.unmount()


def test_config_tells_the_settings_and_where_they_come_from(machine):
    folder = machine.folder / "config/driveway"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text('fsync = "upload"\nclient-secret = "s3cr3t"\n')
    config = json.loads(
        machine.output_of("config", "--json", environment={"DRIVEWAY_SETTLE": "2s"})
    )
    assert config["fsync"]["value"] == "upload" and "config.toml" in config["fsync"]["from"]
    assert config["settle"] == {"value": "2s", "from": "DRIVEWAY_SETTLE"}
    assert config["delete"] == {"value": "trash", "from": "built in"}
    text = machine.output_of("config")
    assert 'max-backlog = "10m"' in text and "s3cr3t" not in text
