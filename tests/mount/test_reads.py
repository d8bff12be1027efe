"""Reading: parallel, from the cache, and never a mixture of two revisions."""

import errno
import hashlib
import os
import random
import shutil
import subprocess
import threading
import time

import pytest

from support.driveway import memory_of
from support.simulator import calls_by_method
from support.tree_check import attribute, md5_of
from support.waiting import wait_for

MIB = 1 << 20


def bytes_from_drive(simulator):
    return simulator.stats()["bytes_out"]


# -- many readers ------------------------------------------------------------------------------------


class Reader(threading.Thread):
    """Reads a whole file, from an offset of its own on and round to it; keeps the md5, or else 16 bytes of
    every MiB."""

    def __init__(self, path, start, with_md5):
        super().__init__()
        self.path, self.start_offset = path, start
        self.digest = hashlib.md5() if with_md5 else None
        self.samples = {}
        self.bytes = 0
        self.error = None

    def run(self):
        try:
            buffer = bytearray(MIB)
            with open(self.path, "rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                for step in range(0, size, MIB):
                    offset = (self.start_offset + step) % size
                    count = os.preadv(file.fileno(), [buffer], offset)
                    self.bytes += count
                    self.samples[offset] = bytes(buffer[1000:1016])
                    if self.digest:
                        self.digest.update(memoryview(buffer)[:count])
        except OSError as error:
            self.error = error


def read_by_many(path, count, meanwhile=None):
    """Readers that have ended, the first with the md5 of the whole."""
    size = os.stat(path).st_size
    readers = [
        Reader(path, i * (size // count) // MIB * MIB if i % 2 else 0, with_md5=i == 0)
        for i in range(count)
    ]
    for reader in readers:
        reader.start()
    while meanwhile and any(reader.is_alive() for reader in readers):
        meanwhile()
    for reader in readers:
        reader.join()
    for reader in readers:
        assert reader.error is None and reader.bytes == size
        assert reader.samples == readers[0].samples
    return readers


@pytest.mark.heavy
def test_64_readers_of_a_cold_gigabyte(simulator, machine):
    size = 1 << 30
    simulator.seed(
        items=[{"path": "big.bin", "size": size, "seed": 9}],
        trees=[{"path": "listed", "files": 50, "size": 10}],
    )
    mount = machine.mount()
    path = mount.my_drive / "big.bin"
    md5 = attribute(path, "md5")
    listed = mount.my_drive / "listed"
    assert len(os.listdir(listed)) == 50
    simulator.reset_stats()
    times = []

    def list_cached_folder():
        begin = time.monotonic()
        done = subprocess.run(["ls", "-l", listed], capture_output=True, timeout=30, check=True)
        times.append(time.monotonic() - begin)
        assert done.stdout.count(b"\n") == 51

    begin = time.monotonic()
    readers = read_by_many(path, 64, list_cached_folder)
    seconds = time.monotonic() - begin
    assert readers[0].digest.hexdigest() == md5
    fetched = bytes_from_drive(simulator)
    times.sort()
    print(
        f"64 readers: {seconds:.1f} s, fetched {fetched / size:.4f} of the size in "
        f"{calls_by_method(simulator.stats())}; `ls` meanwhile, {len(times)} times: median "
        f"{times[len(times) // 2] * 1000:.0f} ms, worst {times[-1] * 1000:.0f} ms; memory "
        f"{memory_of(mount.pid) / MIB:.0f} MiB"
    )
    assert fetched <= 1.02 * size
    assert len(times) >= 3 and times[-1] < 5
    mount.unmount()


def test_8_readers_of_a_cold_file_fetch_it_once(simulator, machine):
    size = 48 * MIB
    simulator.seed(items=[{"path": "big.bin", "size": size, "seed": 9}])
    mount = machine.mount()
    path = mount.my_drive / "big.bin"
    md5 = attribute(path, "md5")
    simulator.reset_stats()
    assert read_by_many(path, 8)[0].digest.hexdigest() == md5
    assert bytes_from_drive(simulator) <= 1.02 * size


def test_many_small_files_by_many_threads(simulator, machine):
    simulator.seed(
        trees=[{"path": "small", "files": 300, "min_size": 0, "max_size": 200_000, "seed": 4}]
    )
    sums = {item["names"][-1]: item.get("md5Checksum") for item in simulator.dump()}
    mount = machine.mount()
    folder = mount.my_drive / "small"
    names = os.listdir(folder)
    assert len(names) == 300
    size = sum(os.stat(folder / name).st_size for name in names)
    simulator.reset_stats()
    wrong = []

    def read_all(seed):
        for name in random.Random(seed).sample(names, len(names)):
            if md5_of(folder / name) != sums[name]:
                wrong.append(name)

    threads = [threading.Thread(target=read_all, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    media = [e for e in simulator.log(method="files.get_media")]
    assert len(media) <= 300 and sum(e["bytes_out"] for e in media) == size, "each once"


# -- the cache -----------------------------------------------------------------------------------------


def seed_some(simulator):
    simulator.seed(
        items=[
            {"path": "big.bin", "size": 20 * MIB + 12_345, "seed": 1},
            {"path": "block.bin", "size": MIB, "seed": 2},
            {"path": "small.bin", "size": 100_000, "seed": 3},
            {"path": "one byte", "content": "x"},
        ]
    )
    return {item["path"]: item["md5Checksum"] for item in simulator.dump()}


def sums_of(mount, sums):
    return {name: md5_of(mount.my_drive / name) for name in sums}


def test_the_second_read_is_from_the_cache(simulator, machine):
    sums = seed_some(simulator)
    mount = machine.mount()
    assert sums_of(mount, sums) == sums
    # The kernel has the bytes too: a new mount has not.
    mount.unmount()
    mount = machine.mount()
    simulator.reset_stats()
    assert sums_of(mount, sums) == sums
    assert "files.get" not in calls_by_method(simulator.stats())
    simulator.kill()
    assert sums_of(mount, sums) == sums


def test_a_rename_keeps_the_cache(simulator, machine):
    sums = seed_some(simulator)
    mount = machine.mount("--poll", "200ms")
    assert sums_of(mount, sums) == sums
    item = attribute(mount.my_drive / "big.bin", "id")
    simulator.api().rename(item, "renamed.bin")
    wait_for((mount.my_drive / "renamed.bin").exists, "the new name")
    simulator.set(faults={"refuse": True})
    assert md5_of(mount.my_drive / "renamed.bin") == sums["big.bin"]


def content_files(machine):
    return [path for path in machine.cache.glob("*/content/*/*") if path.is_file()]


def test_damage_on_the_disk_is_found_and_fetched_again(simulator, machine):
    sums = seed_some(simulator)
    mount = machine.mount()
    assert sums_of(mount, sums) == sums
    mount.unmount()
    files = content_files(machine)
    assert files
    for path in files:
        with open(path, "r+b") as file:
            file.seek(path.stat().st_size // 2)
            before = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([before[0] ^ 0x40]))
    mount = machine.mount()
    assert sums_of(mount, sums) == sums
    mount.unmount()
    for path in files:
        path.unlink(missing_ok=True)
    mount = machine.mount()
    assert sums_of(mount, sums) == sums


def test_a_wiped_cache_folder_begins_anew(simulator, machine):
    sums = seed_some(simulator)
    mount = machine.mount()
    assert sums_of(mount, sums) == sums
    mount.unmount()
    for name in ("meta", "cache", "content"):
        for path in machine.cache.glob(f"*/{name}"):
            shutil.rmtree(path)
    mount = machine.mount()
    assert sums_of(mount, sums) == sums


def test_the_cache_stays_within_its_size(simulator, machine):
    simulator.seed(
        items=[{"path": f"{i}.bin", "size": 8 * MIB, "seed": i + 1} for i in range(12)]
    )
    sums = {item["path"]: item["md5Checksum"] for item in simulator.dump()}
    mount = machine.mount("--cache-size", "32M")
    largest = 0
    for name, md5 in sums.items():
        assert md5_of(mount.my_drive / name) == md5
        used = sum(path.stat().st_blocks * 512 for path in content_files(machine))
        largest = max(largest, used)
    print(f"at most {largest / MIB:.1f} MiB of 32 MiB")
    assert largest <= 33 * MIB


def test_a_file_that_is_larger_than_the_cache(simulator, machine):
    simulator.seed(items=[{"path": "big.bin", "size": 24 * MIB, "seed": 1}])
    mount = machine.mount("--cache-size", "8M")
    path = mount.my_drive / "big.bin"
    assert md5_of(path) == attribute(path, "md5")


def test_small_reads_of_a_big_file_fetch_parts_of_it(simulator, machine):
    simulator.seed(items=[{"path": "big.bin", "size": 400 * MIB, "seed": 1}])
    mount = machine.mount()
    path = mount.my_drive / "big.bin"
    simulator.reset_stats()
    with open(path, "rb", buffering=0) as file:
        os.pread(file.fileno(), 100, 0)
        os.pread(file.fileno(), 100, 399 * MIB)
    assert bytes_from_drive(simulator) <= 64 * MIB


# -- R1, R1a: contents that change ---------------------------------------------------------------------


def content(seed, size):
    return random.Random(seed).randbytes(size)


def read_slowly(path, old, pause, replace_at, replace):
    """Reads `path` in pieces through one handle and calls `replace` after `replace_at` of them. Gives
    whether the handle went stale; every byte that came must be of `old`."""
    piece = 256 * 1024
    with open(path, "rb", buffering=0) as file:
        for number, offset in enumerate(range(0, len(old), piece)):
            if number == replace_at:
                replace()
            try:
                data = os.pread(file.fileno(), piece, offset)
            except OSError as error:
                assert error.errno == errno.ESTALE
                return True
            assert data == old[offset : offset + piece], f"other bytes at {offset}"
            pause()
    return False


@pytest.mark.parametrize("cached", ["nothing cached", "wholly cached"])
def test_a_file_that_is_replaced_in_mid_read_is_never_a_mixture(simulator, machine, cached):
    api = simulator.api()
    old, new = content(1, 40 * MIB), content(2, 40 * MIB)
    item = api.create("data.bin", old)
    mount = machine.mount("--poll", "200ms")
    path = mount.my_drive / "data.bin"
    if cached == "wholly cached":
        assert path.read_bytes() == old
    inode = path.stat().st_ino

    def replace():
        api.set_content(item["id"], new)
        wait_for(lambda: path.stat().st_ino != inode, "the new content's inode")

    stale = read_slowly(path, old, pause=lambda: None, replace_at=10, replace=replace)
    print("the handle went stale" if stale else "the handle read all of the old content")
    if cached == "wholly cached":
        assert not stale
    assert path.read_bytes() == new
    assert attribute(path, "md5") == hashlib.md5(new).hexdigest()


def test_a_file_that_is_replaced_while_it_is_fetched(simulator, machine):
    api = simulator.api()
    old, new = content(3, 64 * MIB), content(4, 64 * MIB)
    item = api.create("data.bin", old)
    mount = machine.mount("--poll", "100ms")
    path = mount.my_drive / "data.bin"
    path.stat()
    simulator.set(network={"connection_bandwidth": 16 * MIB, "media_first_byte": 50})
    replaced = threading.Thread(target=api.set_content, args=(item["id"], new))
    stale = read_slowly(path, old, lambda: None, replace_at=2, replace=replaced.start)
    replaced.join()
    print("the handle went stale" if stale else "the handle read all of the old content")
    simulator.set(network={"connection_bandwidth": 0})
    wait_for(lambda: attribute(path, "md5") == hashlib.md5(new).hexdigest(), "the new content")
    assert path.read_bytes() == new
    # What the first handle fetched must not have entered the cache under a wrong name.
    mount.unmount()
    mount = machine.mount()
    assert (mount.my_drive / "data.bin").read_bytes() == new


def test_an_open_file_keeps_its_content_and_attributes(simulator, machine):
    api = simulator.api()
    item = api.create("notes.txt", b"the first text")
    mount = machine.mount("--poll", "200ms")
    path = mount.my_drive / "notes.txt"
    with open(path, "rb", buffering=0) as file:
        assert file.read() == b"the first text"
        before = os.fstat(file.fileno())
        api.set_content(item["id"], b"another text, which is longer")
        wait_for(lambda: path.stat().st_size == 29, "the new size")
        assert path.read_bytes() == b"another text, which is longer"
        after = os.fstat(file.fileno())
        assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
        assert os.pread(file.fileno(), 100, 0) == b"the first text"
        assert path.stat().st_ino != before.st_ino
    assert path.read_bytes() == b"another text, which is longer"


def test_a_deleted_file_is_read_to_its_end_by_who_has_it_open(simulator, machine):
    api = simulator.api()
    item = api.create("notes.txt", b"a text")
    mount = machine.mount("--poll", "200ms")
    path = mount.my_drive / "notes.txt"
    with open(path, "rb", buffering=0) as file:
        assert file.read(1) == b"a"
        api.delete(item["id"])
        wait_for(lambda: not path.exists(), "the file to go")
        assert os.pread(file.fileno(), 100, 0) == b"a text"
