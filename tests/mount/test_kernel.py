"""What the kernel keeps of a mount, so that it asks nobody, and that it keeps nothing that is not so."""

import mmap
import os
import pathlib
import random

import pytest

from support.simulator import calls
from support.tree_check import attribute
from support.waiting import wait_for

MIB = 1 << 20
POLL = "1s"


def metrics(mount):
    return mount.status()["metrics"]


class Requests:
    """Of one kind, counted from here on."""

    def __init__(self, mount, name):
        self._mount, self._name = mount, name
        self._before = self._value()

    def _value(self):
        return metrics(self._mount).get(self._name, 0)

    def count(self):
        return self._value() - self._before


def read_aheads(mount):
    device = os.stat(mount.path).st_dev
    place = f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb"
    return int(pathlib.Path(place).read_text(encoding="ascii"))


def drop_pages(path):
    """The kernel forgets the bytes of one file."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# -- files -------------------------------------------------------------------------------------------


def test_the_kernel_reads_ahead(simulator, machine):
    simulator.seed(items=[{"path": "big.bin", "size": 16 * MIB, "seed": 1}])
    mount = machine.mount()
    assert read_aheads(mount) == 4096
    path = mount.my_drive / "big.bin"
    before = path.read_bytes()
    drop_pages(path)
    reads = Requests(mount, "fuse.read.count")
    assert path.read_bytes() == before
    # Pieces of 1 MiB, but for the smaller ones that a reader begins with.
    assert 16 <= reads.count() <= 24


@pytest.mark.parametrize("size", [110_000, 3 * MIB], ids=["small", "large"])
def test_a_file_that_was_read_is_read_again_without_asking(simulator, machine, size):
    simulator.seed(items=[{"path": "file.bin", "size": size, "seed": 2}])
    mount = machine.mount()
    path = mount.my_drive / "file.bin"
    content = path.read_bytes()

    def is_kept():
        """The bytes of a large file are kept once their hash was compared."""
        reads = Requests(mount, "fuse.read.count")
        assert path.read_bytes() == content
        return reads.count() == 0

    wait_for(is_kept, "the kernel to keep the bytes")
    reads = Requests(mount, "fuse.read.count")
    for _ in range(10):
        assert path.read_bytes() == content
    assert reads.count() == 0
    drop_pages(path)
    assert path.read_bytes() == content and reads.count() > 0
    simulator.kill()
    drop_pages(path)
    assert path.read_bytes() == content, "from local disk"


def test_a_replaced_file_is_not_kept(simulator, machine):
    """R1a: the next open sees the new content; a handle that has not read yet, the old one."""
    simulator.seed(items=[{"path": "file.txt", "content": "old"}])
    mount = machine.mount("--poll", POLL)
    path = mount.my_drive / "file.txt"
    assert path.read_text() == path.read_text() == "old"
    drop_pages(path)
    with open(path, "rb", buffering=0) as early:
        simulator.api().set_content(attribute(path, "id"), b"new content")
        wait_for(lambda: path.read_text() == "new content", "the new content")
        assert early.read() == b"old"
    assert path.read_text() == "new content"


def test_a_deleted_file_that_is_open(simulator, machine):
    simulator.seed(items=[{"path": "file.txt", "content": "old"}])
    mount = machine.mount("--poll", POLL)
    path = mount.my_drive / "file.txt"
    assert path.read_text() == path.read_text() == "old"
    drop_pages(path)
    with open(path, "rb", buffering=0) as early:
        simulator.api().delete(attribute(path, "id"))
        wait_for(lambda: not path.exists(), "the file to go")
        assert os.fstat(early.fileno()).st_size == 3
        assert early.read() == b"old"


def test_memory_maps_show_the_bytes_that_read_shows(simulator, machine):
    """Also at odd offsets, in any order, and when only some of it is here."""
    size = 9 * MIB + 4321
    simulator.seed(
        items=[
            {"path": "map.bin", "size": size, "seed": 3},
            {"path": "whole.bin", "size": size, "seed": 3},
        ]
    )
    mount = machine.mount()
    expected = (mount.my_drive / "whole.bin").read_bytes()
    path = mount.my_drive / "map.bin"
    with open(path, "rb") as file:
        assert os.pread(file.fileno(), 5000, 3 * MIB + 1) == expected[3 * MIB + 1 :][:5000]
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        numbers = random.Random(seed)
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            assert len(mapped) == size
            for _ in range(200):
                begin = numbers.randrange(size)
                end = min(size, begin + numbers.randrange(1, 70_000))
                assert mapped[begin:end] == expected[begin:end], (begin, end)
                if numbers.random() < 0.1:
                    drop_pages(path)
                assert os.pread(file.fileno(), end - begin, begin) == expected[begin:end]
            assert mapped[:] == expected


# -- names -------------------------------------------------------------------------------------------


def test_a_name_that_is_not_there_is_asked_for_once(simulator, machine):
    simulator.seed(items=[{"path": "a/one.txt", "content": "one"}])
    mount = machine.mount("--poll", POLL)
    missing = mount.my_drive / "a/missing"
    assert not missing.exists()
    lookups = Requests(mount, "fuse.lookup.count")
    for _ in range(10):
        assert not missing.exists()
    assert lookups.count() == 0
    parent = attribute(missing.parent, "id")
    simulator.api().create("missing", b"here", parent=parent)
    wait_for(missing.exists, "the new file")
    assert missing.read_text() == "here"


# -- listings ----------------------------------------------------------------------------------------


@pytest.fixture
def listed(simulator, machine):
    """A mount, and the folder of 300 files in it that the kernel has listed."""
    simulator.seed(trees=[{"path": "many", "files": 300, "size": 10, "seed": 4}])
    mount = machine.mount("--poll", POLL)
    folder = mount.my_drive / "many"
    assert len(os.listdir(folder)) == 300
    return mount, folder


def test_a_listing_is_asked_for_once(simulator, listed):
    mount, folder = listed
    readdirs = Requests(mount, "fuse.readdirs")
    lookups = Requests(mount, "fuse.lookup.count")
    names = sorted(os.listdir(folder))
    for _ in range(5):
        assert sorted(os.listdir(folder)) == names
        with os.scandir(folder) as entries:
            assert sum(entry.is_file() for entry in entries) == 300
    assert readdirs.count() == 0
    simulator.reset_stats()
    assert all((folder / name).stat().st_size == 10 for name in names)
    assert lookups.count() <= 300 and calls(simulator.stats()) <= 2, "the feed's polls at most"


def test_a_listing_shows_what_others_change(simulator, listed):
    mount, folder = listed
    api = simulator.api()
    first = sorted(os.listdir(folder))[0]
    victim = attribute(folder / first, "id")
    new = api.create("a new file", b"new", parent=attribute(folder, "id"))
    wait_for(lambda: "a new file" in os.listdir(folder), "the new file in the listing")
    api.delete(victim)
    wait_for(lambda: first not in os.listdir(folder), "the deleted file to leave the listing")
    api.rename(new["id"], "another name")
    wait_for(lambda: "another name" in os.listdir(folder), "the new name in the listing")
    names = os.listdir(folder)
    assert "a new file" not in names and len(names) == 300
    # And is kept again.
    readdirs = Requests(mount, "fuse.readdirs")
    assert sorted(os.listdir(folder)) == sorted(names) and readdirs.count() == 0


def test_a_folder_that_is_being_read_while_it_changes(simulator, listed):
    """Who began before the change sees each other entry once; who comes later sees the change."""
    _, folder = listed
    names = sorted(os.listdir(folder))
    with os.scandir(folder) as entries:
        seen = [next(entries).name for _ in range(20)]
        simulator.api().create("0 a new file", b"new", parent=attribute(folder, "id"))
        wait_for(lambda: "0 a new file" in os.listdir(folder), "the new file in the listing")
        seen += [entry.name for entry in entries]
    assert sorted(name for name in seen if name != "0 a new file") == names
    assert "0 a new file" in os.listdir(folder)


def test_a_listing_that_changes_all_the_time_is_never_stale(simulator, listed):
    _, folder = listed
    api = simulator.api()
    parent = attribute(folder, "id")
    for number in range(8):
        made = api.create(f"new {number}", b"x", parent=parent)
        wait_for(lambda n=number: f"new {n}" in os.listdir(folder), "the new file in the listing")
        api.delete(made["id"])
        wait_for(lambda n=number: f"new {n}" not in os.listdir(folder), "the file to leave it")


def test_fixed_folders_are_listed_anew(simulator, machine):
    """What is read of them is noted: a shared drive that comes is seen."""
    mount = machine.mount("--poll", POLL)
    drives = mount.path / "Shareddrives"
    assert os.listdir(drives) == os.listdir(drives) == []
    simulator.seed(shared_drives=[{"name": "Team", "items": []}])
    wait_for(lambda: os.listdir(drives) == ["Team"], "the shared drive", timeout=90)
