"""What Drive and the network do wrong: every byte that is read is right, and nothing hangs (R1, R5)."""

import concurrent.futures
import errno
import itertools
import os
import signal
import subprocess
import time

import pytest

from support.tree_check import md5_of
from support.waiting import Meanwhile, blocked_in_fuse, wait_for

MIB = 1 << 20
FILES = 500


def seed_files(simulator, count, largest=400_000):
    simulator.seed(
        trees=[
            {"path": "data", "folders": 10, "files": count // 10, "max_size": largest, "seed": 8}
        ],
        items=[{"path": "big.bin", "size": 24 * MIB, "seed": 9}],
    )
    return {
        item["path"]: item["md5Checksum"] for item in simulator.dump() if "md5Checksum" in item
    }


def read_all(mount, sums, threads=16):
    """The paths whose bytes are wrong, and the errors, by path."""
    wrong = {}

    def check(path):
        try:
            digest = md5_of(mount.my_drive / path)
        except OSError as error:
            wrong[path] = str(error)
            return
        if digest != sums[path]:
            wrong[path] = digest

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(check, sums))
    return wrong


def assert_all_right(simulator, mount, sums):
    begin = time.monotonic()
    wrong = read_all(mount, sums)
    faults = {kind: n for kind, n in simulator.stats()["faults"].items() if n}
    print(f"{len(sums)} files in {time.monotonic() - begin:.1f} s under {faults}")
    assert not wrong, f"{len(wrong)} wrong: {list(wrong.items())[:5]}"
    return faults


FAULTS = {
    "5xx": {"error_5xx": 0.10},
    "5xx without JSON": {"error_5xx": 0.10, "plain_error_bodies": True},
    "resets": {"reset": 0.05},
    "truncations": {"truncate": 0.05},
    "wrong ranges": {"wrong_range": 1.0, "budget": 5},  # only pieces of large files ask for a range
    "rate limits": {"error_429": 0.05, "error_403_rate": 0.05},
}


@pytest.mark.parametrize("kind", FAULTS)
def test_one_kind_of_fault(simulator, machine, kind):
    sums = seed_files(simulator, 150)
    mount = machine.mount()
    simulator.set(faults=FAULTS[kind])
    assert assert_all_right(simulator, mount, sums), "no fault happened"


def test_flipped_bits_in_files_that_come_whole(simulator, machine):
    sums = seed_files(simulator, 300)
    del sums["big.bin"]
    mount = machine.mount()
    simulator.set(faults={"flip": 0.03})
    assert assert_all_right(simulator, mount, sums), "no fault happened"


def test_flipped_bits_in_a_file_that_comes_in_pieces(simulator, machine):
    """Its readers have the bytes before the whole can be compared; then it is thrown away, and the log says so
    (R1)."""
    sums = {"big.bin": seed_files(simulator, 10)["big.bin"]}
    simulator.seed(items=[{"path": "bad.bin", "size": 24 * MIB, "seed": 77}])
    mount = machine.mount()
    simulator.set(faults={"flip": 1.0, "budget": 1})
    assert read_all(mount, sums), "the flipped bit should be seen"
    wait_for(lambda: mount.status()["metrics"]["cache.md5_mismatches"] == 1, "the comparison")
    assert "came with wrong bytes" in machine.log()
    assert not read_all(mount, sums)
    wait_for(lambda: mount.status()["metrics"]["cache.verified"] == 1, "the comparison")
    # A content that is never what its md5 says cannot be read.
    simulator.set(faults={"flip": 1.0, "budget": 1000})

    def refused():
        try:
            md5_of(mount.my_drive / "bad.bin")
        except OSError as error:
            assert error.errno == errno.EIO
            return True
        return False

    wait_for(refused, "the file to be refused")
    assert mount.status()["metrics"]["cache.md5_mismatches"] == 3


def test_all_faults_at_once_while_500_files_are_read(simulator, machine):
    sums = seed_files(simulator, FILES)
    mount = machine.mount("--poll", "1s")
    all_kinds = {
        "error_5xx": 0.10,
        "reset": 0.05,
        "truncate": 0.05,
        "wrong_range": 0.3,  # of the few requests that ask for a range
        "error_429": 0.02,
    }
    simulator.set(faults=all_kinds)
    with Meanwhile(simulator.expire_tokens, 0.5) as expiries:
        faults = assert_all_right(simulator, mount, sums)
    assert expiries.times and {"error_5xx", "reset", "truncate", "wrong_range"} <= set(faults)


def test_bursts_of_429(simulator, machine):
    """Drive refuses everything for half a second, again and again."""
    sums = seed_files(simulator, 200)
    mount = machine.mount()
    refusing = itertools.cycle([0.0] * 5 + [1.0])

    def next_moment():
        simulator.set(faults={"error_429": next(refusing)})

    simulator.set(faults={"error_429": 1.0})
    with Meanwhile(next_moment, 0.5):
        faults = assert_all_right(simulator, mount, sums)
    assert faults.get("error_429"), "nothing was refused"


def test_tokens_that_expire_while_files_are_read(simulator, machine):
    sums = seed_files(simulator, 200)
    mount = machine.mount()
    simulator.set(network={"connection_bandwidth": 8 * MIB})
    with Meanwhile(simulator.expire_tokens, 0.1) as expiries:
        assert_all_right(simulator, mount, sums)
    assert expiries.times
    statuses = simulator.stats()["methods"]["files.get"]["statuses"]
    assert statuses.get("401"), "no request came with an expired token"


@pytest.mark.heavy
def test_stalls_of_20_seconds(simulator, machine):
    sums = seed_files(simulator, 100)
    mount = machine.mount()
    simulator.set(faults={"stall": 0.2, "stall_time": 20_000, "budget": 4})
    faults = assert_all_right(simulator, mount, sums)
    assert faults.get("stall")


def test_a_listing_under_faults_is_complete(simulator, machine):
    simulator.seed(trees=[{"path": "wide", "folders": 60, "files": 40, "size": 10}])
    mount = machine.mount()
    simulator.set(
        faults={"error_5xx": 0.1, "error_429": 0.1},
        drive={"short_page": 0.3, "empty_group": 0.3},
    )
    files = [name for _, _, names in os.walk(mount.my_drive) for name in names]
    assert len(files) == len(set(files)) == 60 * 40


# -- a server that is dead ---------------------------------------------------------------------------


@pytest.fixture(params=["silent", "refusing", "gone"])
def dead(request, simulator):
    """kill(): from then on Drive is dead, in one way or another."""

    def kill():
        if request.param == "silent":
            simulator.set(faults={"dead": True})
        elif request.param == "refusing":
            simulator.set(faults={"refuse": True})
        else:
            simulator.kill()

    return kill


def seed_half_known(simulator, machine, *options):
    """A mount with cached.bin read, folder "listed" listed, and cold.bin and "unlisted" unknown."""
    simulator.seed(
        items=[
            {"path": "cached.bin", "size": 3 * MIB, "seed": 1},
            {"path": "cold.bin", "size": 3 * MIB, "seed": 2},
            {"path": "listed/below/file.txt", "content": "x"},
            {"path": "unlisted/further/below/file.txt", "content": "x"},
        ]
    )
    mount = machine.mount(*options)
    assert len(os.listdir(mount.my_drive)) == 4
    assert os.listdir(mount.my_drive / "listed") == ["below"]
    md5_of(mount.my_drive / "cached.bin")
    return mount


def test_a_dead_server_gives_eio_within_the_deadline(simulator, machine, dead):
    mount = seed_half_known(simulator, machine, "--read-deadline", "2s")
    dead()
    begin = time.monotonic()
    with pytest.raises(OSError) as failed:
        md5_of(mount.my_drive / "cold.bin")
    seconds = time.monotonic() - begin
    print(f"EIO after {seconds:.1f} s")
    assert failed.value.errno == errno.EIO and seconds < 15
    mount.unmount()
    machine.wait_until_no_daemon()


def test_what_is_cached_works_without_the_server(simulator, machine, dead):
    mount = seed_half_known(simulator, machine, "--poll", "100ms", "--read-deadline", "60s")
    sum_before = md5_of(mount.my_drive / "cached.bin")
    dead()
    # A reader that waits for Drive is in nobody's way.
    waiting = subprocess.Popen(["cat", mount.my_drive / "cold.bin"], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: blocked_in_fuse(waiting.pid), "cat to wait")
        for _ in range(3):
            done = subprocess.run(
                ["ls", "-l", mount.my_drive, mount.my_drive / "listed"],
                capture_output=True,
                timeout=10,
            )
            assert done.returncode == 0 and b"cached.bin" in done.stdout
            assert md5_of(mount.my_drive / "cached.bin") == sum_before
            with pytest.raises(FileNotFoundError):
                os.stat(mount.my_drive / "no such file")
        status = mount.status()
        assert status["mountpoint"]
        wait_for(lambda: "error" in mount.status()["feed"], "status to say it", timeout=60)
        assert "does not answer" in machine.output_of("status", mount.path)
    finally:
        waiting.kill()
        waiting.wait()
    mount.unmount()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_ctrl_c_works_at_once(simulator, machine, number):
    mount = seed_half_known(simulator, machine)
    simulator.set(faults={"dead": True})
    for command in (["cat", "cold.bin"], ["ls", "unlisted/further/below"]):
        waiting = subprocess.Popen(command, cwd=mount.my_drive, stdout=subprocess.DEVNULL)
        wait_for(lambda: blocked_in_fuse(waiting.pid), f"{command} to wait")
        begin = time.monotonic()
        waiting.send_signal(number)
        assert waiting.wait(10) == -number
        print(f"{command[0]} ended {(time.monotonic() - begin) * 1000:.0f} ms after the signal")
    mount.unmount()


def test_unmount_works_while_a_reader_waits_for_a_dead_server(simulator, machine):
    mount = seed_half_known(simulator, machine)
    simulator.set(faults={"dead": True})
    waiting = subprocess.Popen(
        ["cat", mount.my_drive / "cold.bin"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: blocked_in_fuse(waiting.pid), "cat to wait")
    assert machine.run("unmount", mount.path, "--timeout", "100ms").returncode == 1
    mount.unmount("--timeout", "100ms", "--force")
    assert waiting.wait(20) != 0
    machine.wait_until_no_daemon()


def test_reading_goes_on_when_the_server_is_back(simulator, machine):
    sums = seed_files(simulator, 50)
    mount = machine.mount("--poll", "200ms")
    simulator.set(faults={"refuse": True})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_all, mount, sums)
        wait_for(lambda: simulator.stats()["faults"]["refuse"] > 5, "refused connections")
        simulator.set(faults={"refuse": False})
        assert reading.result(120) == {}
    wait_for(lambda: mount.status()["feed"]["healthy"], "a healthy feed")


def test_a_slow_network_shows_bytes_as_they_come(simulator, machine):
    simulator.seed(items=[{"path": "big.bin", "size": 8 * MIB, "seed": 9}])
    mount = machine.mount()
    os.stat(mount.my_drive / "big.bin")
    simulator.set(network={"connection_bandwidth": 2 * MIB, "total_bandwidth": 2 * MIB})
    begin = time.monotonic()
    with open(mount.my_drive / "big.bin", "rb", buffering=0) as file:
        assert len(file.read(4096)) == 4096
    seconds = time.monotonic() - begin
    print(f"the first 4 KiB of 8 MiB at 2 MiB/s after {seconds:.2f} s")
    assert seconds < 2.5, "a reader wakes as its bytes arrive"
