"""Looking after the cache: prefetch, pin, evict, trim, clear; and a cache folder in every bad state, with
reads going on."""

import contextlib
import json
import os
import signal
import subprocess

import pytest

from support.simulator import calls_by_method
from support.tree_check import md5_of
from support.waiting import wait_for

MIB = 1 << 20
SLOW = {"connection_bandwidth": 20_000}  # bytes a second


def seed_folder(simulator, path="data", files=40, size=20_000, big=2):
    """A folder with small files, some of them in a subfolder, and a few large ones; their md5 by path."""
    simulator.seed(
        items=[
            {"path": f"{path}/big{i}.bin", "size": 9 * MIB + i, "seed": 100 + i} for i in range(big)
        ],
        trees=[
            {"path": f"{path}/small", "files": files, "size": size, "seed": 7},
            {"path": f"{path}/more/below", "files": 5, "size": 300_000, "seed": 8},
        ],
    )
    return {i["path"]: i["md5Checksum"] for i in simulator.dump() if i.get("md5Checksum")}


def media_calls(simulator):
    return calls_by_method(simulator.stats()).get("files.get_media", 0)


def sums_of(mount, paths):
    return {path: md5_of(mount.my_drive / path) for path in paths}


def events(output):
    return [json.loads(line) for line in output.splitlines()]


def show(machine, *arguments):
    return json.loads(machine.output_of("cache", "show", "--json", *arguments))


def content_files(machine):
    return [path for path in machine.cache.glob("*/content/*/*") if path.is_file()]


def disk_used(machine):
    return sum(path.stat().st_blocks * 512 for path in content_files(machine))


# -- prefetch ------------------------------------------------------------------------------------------


def test_what_was_prefetched_is_read_without_a_download(simulator, machine):
    sums = seed_folder(simulator)
    mount = machine.mount()
    done = events(machine.output_of("prefetch", "--wait", "--json", mount.my_drive / "data"))[-1]
    assert done["event"] == "done" and done["files_failed"] == 0
    # Two of one content are fetched once.
    assert done["files_done"] == done["files"] == len(set(sums.values()))
    assert done["bytes_done"] == done["bytes"]
    assert media_calls(simulator) > 0
    simulator.reset_stats()
    assert sums_of(mount, sums) == sums
    assert media_calls(simulator) == 0
    text = machine.output_of("prefetch", "--wait", mount.my_drive / "data")
    assert "fetched 0 files" in text and f"{len(set(sums.values()))} files here already" in text
    assert media_calls(simulator) == 0


def test_prefetch_without_a_daemon_waits(simulator, machine):
    sums = seed_folder(simulator)
    assert "fetched" in machine.output_of("prefetch", "drive:data")
    mount = machine.mount()
    simulator.reset_stats()
    assert sums_of(mount, sums) == sums
    assert media_calls(simulator) == 0


def test_prefetch_skips_docs_and_follows_no_symlink(simulator, machine):
    api = simulator.api()
    folder = api.create_folder("mixed")["id"]
    api.create("plain.txt", b"plain", parent=folder)
    api.create("notes", parent=folder, mimeType="application/vnd.google-apps.document")
    api.create("link", b"plain.txt", parent=folder, properties={"driveway.symlink": "1"})
    mount = machine.mount()
    done = events(machine.output_of("prefetch", "--wait", "--json", mount.my_drive / "mixed"))
    planned = [e for e in done if e["event"] == "planned"][0]
    assert (planned["files"], planned["skipped"]) == (1, 2)


def test_a_prefetch_in_the_background_is_seen_in_status(simulator, machine):
    sums = seed_folder(simulator)
    mount = machine.mount()
    simulator.set(network=SLOW)
    queued = events(machine.output_of("prefetch", "--json", mount.my_drive / "data"))[-1]
    assert queued["event"] == "queued" and queued["files"] > 40
    running = mount.status()["prefetches"]
    assert len(running) == 1
    assert running[0]["files"] == queued["files"]
    assert running[0]["bytes_done"] < running[0]["bytes"] == queued["bytes"]
    assert "prefetch:" in machine.output_of("status", mount.path)
    simulator.set(network={"connection_bandwidth": 0})
    wait_for(lambda: not mount.status()["prefetches"], "the prefetch to end", timeout=120)
    simulator.reset_stats()
    assert sums_of(mount, sums) == sums
    assert media_calls(simulator) == 0


def test_a_daemon_ends_in_the_middle_of_a_prefetch(simulator, machine):
    seed_folder(simulator)
    mount = machine.mount()
    simulator.set(network=SLOW)
    machine.output_of("prefetch", mount.my_drive / "data")
    mount.unmount()
    machine.wait_until_no_daemon()


@pytest.mark.parametrize("daemon", ["daemon", "no daemon"])
def test_an_interrupted_prefetch(simulator, machine, daemon):
    sums = seed_folder(simulator)
    mount = machine.mount() if daemon == "daemon" else None
    simulator.set(network=SLOW)
    command = machine.start(
        "prefetch", "--wait", "--json", "drive:data", stdout=subprocess.PIPE, text=True
    )
    for line in command.stdout:
        if json.loads(line)["event"] == "progress":
            break
    command.send_signal(signal.SIGINT)
    command.stdout.read()
    assert command.wait(30) == 130
    if mount:
        wait_for(lambda: not mount.status()["prefetches"], "the prefetch to end")
        simulator.set(network={"connection_bandwidth": 0})
        assert sums_of(mount, sums) == sums


def test_prefetch_says_what_it_could_not_fetch(simulator, machine):
    api = simulator.api()
    folder = api.create_folder("some")["id"]
    api.create("a", b"a" * 1000, parent=folder)
    mount = machine.mount()
    done = machine.run("prefetch", "--wait", mount.my_drive / "some", mount.my_drive / "nothing")
    assert done.returncode == 3 and "nothing" in done.stderr and "fetched 1 file" in done.stdout
    done = machine.run("prefetch", "--wait", mount.my_drive / "nothing")
    assert done.returncode == 1
    assert machine.run("prefetch", "/etc/passwd").returncode == 2
    done = machine.run("prefetch", "--wait", "--quiet", mount.my_drive / "some")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_does_not_fit_is_refused_before_the_first_byte(simulator, machine):
    seed_folder(simulator, big=4)
    mount = machine.mount("--cache-size", "32M")
    for command in ("prefetch", "pin"):
        done = machine.run(command, "--wait", mount.my_drive / "data")
        assert done.returncode == 6 and "room" in done.stderr, done.stderr
    assert media_calls(simulator) == 0
    assert show(machine)["pinned_contents"] == 0


# -- pins ----------------------------------------------------------------------------------------------


def test_a_pin_survives_trim_clear_and_pressure(simulator, machine):
    sums = seed_folder(simulator, files=10, big=1)
    simulator.seed(
        items=[{"path": f"{i}.bin", "size": 4 * MIB, "seed": i + 500} for i in range(12)]
    )
    mount = machine.mount("--cache-size", "32M")
    assert "pinned" in machine.output_of("pin", "--wait", mount.my_drive / "data")
    pinned = show(machine)
    assert pinned["pinned_contents"] == len(set(sums.values()))
    for i in range(12):
        (mount.my_drive / f"{i}.bin").read_bytes()
    assert disk_used(machine) <= 33 * MIB
    machine.output_of("cache", "trim", "--to", "0")
    machine.output_of("cache", "clear")
    assert show(machine)["contents"] == pinned["pinned_contents"]
    mount.unmount()
    mount = machine.mount("--cache-size", "32M")
    simulator.reset_stats()
    assert sums_of(mount, sums) == sums
    assert media_calls(simulator) == 0
    # Unpinned, it goes.
    assert "unpinned" in machine.output_of("unpin", mount.my_drive / "data")
    assert show(machine)["pinned_contents"] == 0
    wait_for(
        lambda: machine.output_of("cache", "clear") and show(machine)["contents"] == 0,
        "the kernel to close the files",
    )
    assert disk_used(machine) == 0


def test_clear_all_takes_what_is_pinned_too(simulator, machine):
    sums = seed_folder(simulator, files=5, big=1)
    machine.output_of("pin", "drive:data")
    assert show(machine)["pinned_contents"] == len(set(sums.values()))
    assert "evicted" in machine.output_of("cache", "clear")
    assert show(machine)["contents"] == len(set(sums.values()))
    machine.output_of("cache", "clear", "--all")
    assert show(machine)["contents"] == 0


# -- evict, trim, show ---------------------------------------------------------------------------------


def test_evict_leaves_what_is_open_or_pinned_and_says_so(simulator, machine):
    sums = seed_folder(simulator, files=6, big=2)
    mount = machine.mount()
    machine.output_of("prefetch", "--wait", mount.my_drive / "data")
    machine.output_of("pin", "--wait", mount.my_drive / "data/more")
    with open(mount.my_drive / "data/big0.bin", "rb", buffering=0) as file:
        file.read(10)
        done = machine.run("evict", mount.my_drive / "data")
        assert done.returncode == 3
        assert "big0.bin is open" in done.stderr and "is pinned" in done.stderr
        assert len(file.read(MIB)) == MIB
    assert show(machine)["contents"] == show(machine)["pinned_contents"] + 1
    machine.output_of("unpin", mount.my_drive / "data")
    wait_for(
        lambda: machine.run("evict", mount.my_drive / "data").returncode == 0,
        "the kernel to close the file",
    )
    assert show(machine)["contents"] == 0
    assert disk_used(machine) == 0
    assert sums_of(mount, sums) == sums


def test_trim_goes_down_to_what_is_asked_for(simulator, machine):
    seed_folder(simulator, files=3, big=3)
    machine.output_of("prefetch", "drive:data")
    before = show(machine)
    assert before["bytes"] > 27 * MIB
    done = json.loads(machine.output_of("cache", "trim", "--to", "12M", "--json"))
    assert done["evicted_bytes"] > 15 * MIB and done["bytes"] <= 12 * MIB
    assert machine.run("cache", "trim", "--to", "much").returncode == 2
    text = machine.output_of("cache", "show")
    assert "pinned:" in text and "free disk:" in text


# -- a cache folder in every bad state -----------------------------------------------------------------


def mounted_with_everything_cached(simulator, machine, *options):
    sums = seed_folder(simulator, files=10)
    mount = machine.mount(*options)
    assert sums_of(mount, sums) == sums
    return mount, sums


def test_truncated_content_files(simulator, machine):
    mount, sums = mounted_with_everything_cached(simulator, machine)
    mount.unmount()
    for path in content_files(machine):
        os.truncate(path, path.stat().st_size // 2)
    mount = machine.mount()
    simulator.reset_stats()
    assert sums_of(mount, sums) == sums
    assert media_calls(simulator) > 0
    # Under a running daemon, too.
    for path in content_files(machine):
        os.truncate(path, 4096)
    mount.unmount()
    mount = machine.mount()
    assert sums_of(mount, sums) == sums


def test_corrupt_blocks_under_a_running_daemon(simulator, machine):
    mount, sums = mounted_with_everything_cached(simulator, machine)
    mount.unmount()
    mount = machine.mount()
    for path in content_files(machine):
        with open(path, "r+b") as file:
            file.seek(70_000)
            file.write(b"not what Drive has")
    assert sums_of(mount, sums) == sums
    assert mount.status()["metrics"]["cache.crc_errors"] > 0


@pytest.mark.parametrize(
    "garbage", [b"", b"x" * 100_000, b"\0" * 8192], ids=["empty", "text", "zeros"]
)
def test_an_index_that_is_none(simulator, machine, garbage):
    mount, sums = mounted_with_everything_cached(simulator, machine)
    mount.unmount()
    (index,) = machine.cache.glob("*/cache/data.mdb")
    index.write_bytes(garbage)
    mount = machine.mount()
    assert sums_of(mount, sums) == sums
    mount.unmount()
    mount = machine.mount()
    assert show(machine)["contents"] == len(set(sums.values()))
    simulator.reset_stats()
    assert sums_of(mount, sums) == sums
    assert media_calls(simulator) == 0


@contextlib.contextmanager
def mounted(*arguments, at):
    """A file system at `at`; needs root."""
    subprocess.run(["mount", *arguments, at], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


def test_a_read_only_cache_folder_is_refused_with_the_reason(simulator, machine):
    seed_folder(simulator, files=3)
    cache = machine.folder / "read-only"
    cache.mkdir()
    with mounted("-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", at=cache):
        done = machine.run("mount", machine.folder / "mnt", "--cache-dir", cache)
        assert done.returncode == 6 and str(cache) in done.stderr, done.stderr
        assert not os.path.ismount(machine.folder / "mnt")


def test_content_files_that_cannot_be_written(simulator, machine):
    """Reads go past the cache; what was there is read from it."""
    sums = seed_folder(simulator, files=3)
    mount = machine.mount()
    assert md5_of(mount.my_drive / "data/big0.bin") == sums["data/big0.bin"]
    mount.unmount()
    (content,) = machine.cache.glob("*/content")
    with mounted("--bind", content, at=content):
        subprocess.run(["mount", "-o", "remount,bind,ro", content], check=True)
        mount = machine.mount()
        simulator.reset_stats()
        assert md5_of(mount.my_drive / "data/big0.bin") == sums["data/big0.bin"]
        assert media_calls(simulator) == 0
        assert sums_of(mount, sums) == sums
        assert machine.run("prefetch", "--wait", mount.my_drive / "data").returncode in (3, 6)
        mount.unmount()
        machine.wait_until_no_daemon()


def test_a_full_disk(simulator, machine):
    """Others fill it under the mount: reads of what is listed go past the cache."""
    sums = seed_folder(simulator, files=10)
    cache = machine.folder / "small"
    cache.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", at=cache):
        mount = machine.mount("--cache-dir", cache, "--min-free-disk", "0")
        assert md5_of(mount.my_drive / "data/big0.bin") == sums["data/big0.bin"]
        for path in sums:
            (mount.my_drive / path).stat()
        with open(cache / "ballast", "wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * MIB)
        assert os.statvfs(cache).f_bavail * 4096 < MIB
        assert sums_of(mount, sums) == sums
        (cache / "ballast").unlink()
        assert sums_of(mount, sums) == sums
        mount.unmount()
        mount = machine.mount("--cache-dir", cache)
        assert sums_of(mount, sums) == sums
        mount.unmount()
        machine.wait_until_no_daemon()


def test_a_disk_that_is_full_from_the_start(simulator, machine):
    seed_folder(simulator, files=3)
    cache = machine.folder / "full"
    cache.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", at=cache):
        done = machine.run("mount", machine.folder / "mnt", "--cache-dir", cache)
        assert done.returncode == 6, done.stderr
        assert not os.path.ismount(machine.folder / "mnt")


def test_a_second_daemon_on_the_same_cache(simulator, machine):
    """One that cannot see the first one's socket: D5."""
    mount, sums = mounted_with_everything_cached(simulator, machine)
    other = {"XDG_RUNTIME_DIR": str(machine.folder / "elsewhere")}
    (machine.folder / "elsewhere").mkdir(mode=0o700)
    done = machine.run("mount", machine.folder / "second", environment=other)
    assert done.returncode == 1 and str(mount.pid) in done.stderr, done.stderr
    assert not os.path.ismount(machine.folder / "second")
    done = machine.run("prefetch", "drive:data", environment=other)
    assert done.returncode == 1 and str(mount.pid) in done.stderr, done.stderr
    assert sums_of(mount, sums) == sums


def test_a_file_larger_than_the_cache_beside_others(simulator, machine):
    """Past the cache, and right, also when the rest of the cache is in use."""
    simulator.seed(
        items=[{"path": f"{i}.bin", "size": 12 * MIB, "seed": i + 1} for i in range(3)]
    )
    sums = {i["path"]: i["md5Checksum"] for i in simulator.dump()}
    mount = machine.mount("--cache-size", "8M")
    with contextlib.ExitStack() as stack:
        for name in sums:
            stack.enter_context(open(mount.my_drive / name, "rb", buffering=0))
        for _ in range(2):
            assert sums_of(mount, sums) == sums
    assert disk_used(machine) <= 9 * MIB


# -- what status says ----------------------------------------------------------------------------------


def test_status_has_the_figures_of_the_read_path(simulator, machine):
    sums = seed_folder(simulator, files=5)
    mount = machine.mount()
    assert sums_of(mount, sums) == sums
    contents = len(set(sums.values()))
    wait_for(lambda: mount.status()["cache"]["contents"] == contents, "the index to be written")
    status = mount.status()
    assert status["cache"]["capacity"] > status["cache"]["bytes"] > 0
    assert status["cache"]["evictions"] == 0
    assert status["in_flight_bytes"] == 0
    assert status["prefetches"] == []
    assert status["quota"]["units_last_minute"] > 0
    assert status["waiting"]["quota"] == 0
    assert status["latency"]["read"]["count"] > 0 and status["latency"]["read"]["p50_us"] > 0
