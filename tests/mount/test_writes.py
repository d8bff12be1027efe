"""What a mount does with writes: the calls of a program, and what of them is in Drive afterwards."""

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import subprocess
import sys

import pytest

from support.tree_check import attribute
from support.waiting import wait_for
from support.writing import flush

RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
RENAME_WHITEOUT = 4
KEEP_SIZE = 1
PUNCH_HOLE = 2
COLLAPSE_RANGE = 8
ZERO_RANGE = 16
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def mount(machine):
    return machine.mount("--poll", "1s")


@pytest.fixture
def top(mount):
    return mount.my_drive


def refusal(call, *arguments):
    with pytest.raises(OSError) as refused:
        call(*arguments)
    return refused.value.errno


def fallocate(file, mode, offset, length):
    size = ctypes.c_int64
    if _libc.fallocate(file.fileno(), mode, size(offset), size(length)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def rename(source, target, flags):
    here = -100  # AT_FDCWD
    if _libc.renameat2(here, os.fsencode(source), here, os.fsencode(target), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def in_drive(mount):
    """What Drive has after a flush: the items of My Drive by path, with their bytes in "bytes"."""
    mount.machine.output_of("flush", mount.path)
    simulator = mount.machine.simulator
    api = simulator.api()
    items = {item["path"]: item for item in simulator.dump()}
    for item in items.values():
        if "md5Checksum" in item:
            item["bytes"] = api.read(item["id"])
    return items


# -- bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 4096, 100_000, 3 << 20])
def test_a_new_file_reads_back_and_reaches_drive(mount, top, size):
    content = os.urandom(size)
    (top / "new.bin").write_bytes(content)
    assert (top / "new.bin").read_bytes() == content
    assert os.stat(top / "new.bin").st_size == size
    assert in_drive(mount)["new.bin"]["bytes"] == content


def test_an_overwritten_range(simulator, mount, top):
    simulator.api().create("a.txt", b"0123456789")
    wait_for((top / "a.txt").exists, "the file")
    with open(top / "a.txt", "r+b") as file:
        file.seek(3)
        file.write(b"xyz")
    assert (top / "a.txt").read_bytes() == b"012xyz6789"
    items = in_drive(mount)
    assert items["a.txt"]["bytes"] == b"012xyz6789" and len(items) == 1


def test_two_processes_append_to_one_file(top):
    program = (
        "import os, sys\n"
        "file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "for _ in range(200): os.write(file, sys.argv[2].encode() + b'\\n')\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, top / "log", letter * 10])
        for letter in "ab"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert sorted((top / "log").read_text().split()) == ["a" * 10] * 200 + ["b" * 10] * 200


def test_a_sparse_file(mount, top):
    with open(top / "sparse", "wb") as file:
        file.truncate(1 << 20)
        file.seek(700_000)
        file.write(b"data")
    content = bytes(700_000) + b"data" + bytes((1 << 20) - 700_004)
    assert (top / "sparse").read_bytes() == content
    with open(top / "sparse", "rb") as file:
        data = os.lseek(file.fileno(), 0, os.SEEK_DATA)
        assert data <= 700_000 < os.lseek(file.fileno(), data, os.SEEK_HOLE)
        assert refusal(os.lseek, file.fileno(), 1 << 20, os.SEEK_DATA) == errno.ENXIO
    assert in_drive(mount)["sparse"]["bytes"] == content


@pytest.mark.parametrize("size", [0, 5, 10, 20])
def test_truncation_by_name_and_by_handle(top, size):
    wanted = b"0123456789"[:size].ljust(size, b"\0")
    (top / "a").write_bytes(b"0123456789")
    os.truncate(top / "a", size)
    assert (top / "a").read_bytes() == wanted
    with open(top / "b", "w+b") as file:
        file.write(b"0123456789")
        file.truncate(size)
        assert os.fstat(file.fileno()).st_size == size
    assert (top / "b").read_bytes() == wanted


@pytest.mark.parametrize(
    "mode, size, zeros",
    [
        (0, 60_000, range(0)),
        (KEEP_SIZE, 50_000, range(0)),
        (PUNCH_HOLE | KEEP_SIZE, 50_000, range(40_000, 50_000)),
        (ZERO_RANGE, 60_000, range(40_000, 50_000)),
        (ZERO_RANGE | KEEP_SIZE, 50_000, range(40_000, 50_000)),
    ],
)
def test_fallocate(top, mode, size, zeros):
    content = bytearray(b"x" * 50_000)
    with open(top / "a", "w+b", buffering=0) as file:
        file.write(content)
        fallocate(file, mode, 40_000, 20_000)
        content[zeros.start : zeros.stop] = bytes(len(zeros))
        assert (top / "a").read_bytes() == content.ljust(size, b"\0")
        assert refusal(fallocate, file, COLLAPSE_RANGE, 0, 4096) == errno.EOPNOTSUPP


def test_shared_memory_maps_are_written_back(mount, top):
    (top / "a").write_bytes(b"." * 10_000)
    with open(top / "a", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[5000:5003] = b"new"
        memory.flush()
        assert (top / "a").read_bytes()[4999:5004] == b".new."
        memory[0:1] = b"x"
    assert in_drive(mount)["a"]["bytes"][:2] == b"x."


def test_copy_file_range(top):
    (top / "a").write_bytes(b"0123456789")
    (top / "b").write_bytes(b"abcdefghij")
    with open(top / "a", "rb") as source, open(top / "b", "r+b") as target:
        assert os.copy_file_range(source.fileno(), target.fileno(), 4, 2, 8) == 4
    assert (top / "b").read_bytes() == b"abcdefgh2345"


def test_a_copy_that_arrives_in_pieces_is_one_copy(simulator, machine):
    """Many a kernel makes pieces of 2 GiB."""
    size = (2 << 30) + (300 << 20)
    simulator.seed(items=[{"path": "large.bin", "size": size, "seed": 7}])
    mount = machine.mount()
    source = os.open(mount.my_drive / "large.bin", os.O_RDONLY)
    target = os.open(mount.my_drive / "copy.bin", os.O_WRONLY | os.O_CREAT)
    pieces = []
    while sum(pieces) < size:
        pieces.append(os.copy_file_range(source, target, min(3 << 29, size - sum(pieces))))
        assert pieces[-1] > 0
    os.close(source)
    os.close(target)
    assert len(pieces) == 2
    machine.output_of("flush")
    of = {item["path"]: item for item in simulator.dump()}
    assert of["copy.bin"]["md5Checksum"] == of["large.bin"]["md5Checksum"]
    stats = simulator.stats()["methods"]
    assert sum(stats[name]["count"] for name in stats if name.endswith("copy")) == 1
    figures = mount.status()["metrics"]
    assert figures.get("drive.bytes_sent", 0) == 0 and figures.get("transfer.bytes", 0) == 0
    assert mount.status()["writes"]["changes"] == 0, "and it is not sent once more"
    mount.unmount()


def test_fsync_of_files_and_folders(top):
    with open(top / "a", "wb") as file:
        file.write(b"x")
        os.fsync(file.fileno())
        os.fdatasync(file.fileno())
    folder = os.open(top, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


# -- names ---------------------------------------------------------------------------------------


def test_exclusive_creation(top):
    with open(top / "a", "xb"):
        pass
    assert refusal(open, top / "a", "xb") == errno.EEXIST


def test_renames(top):
    (top / "a").write_text("a")
    (top / "b").write_text("b")
    assert refusal(rename, top / "a", top / "b", RENAME_NOREPLACE) == errno.EEXIST
    assert refusal(rename, top / "a", top / "b", RENAME_WHITEOUT) == errno.EINVAL
    rename(top / "a", top / "b", RENAME_EXCHANGE)
    assert (top / "a").read_text() + (top / "b").read_text() == "ba"
    os.rename(top / "a", top / "b")
    assert os.listdir(top) == ["b"] and (top / "b").read_text() == "b"


def test_a_rename_over_an_open_file_leaves_it_open(top):
    (top / "old").write_text("old")
    (top / "new").write_text("new")
    with open(top / "old", "rb") as file:
        os.rename(top / "new", top / "old")
        assert file.read() == b"old"
    assert (top / "old").read_text() == "new"


def test_a_temporary_file_that_takes_a_name_is_a_revision_of_it(simulator, mount, top):  # J6
    item = simulator.api().create("model.pt", b"old")
    wait_for((top / "model.pt").exists, "the file")
    (top / "model.pt.tmp").write_bytes(b"new")
    os.rename(top / "model.pt.tmp", top / "model.pt")
    items = in_drive(mount)
    assert list(items) == ["model.pt"]
    assert items["model.pt"]["id"] == item["id"] and items["model.pt"]["bytes"] == b"new"


def test_an_unlinked_file_lives_until_it_is_closed(mount, top):
    with open(top / "a", "w+b", buffering=0) as file:
        os.unlink(top / "a")
        file.write(b"still here")
        status = os.fstat(file.fileno())
        assert (status.st_size, status.st_nlink) == (10, 0)
        assert os.pread(file.fileno(), 100, 0) == b"still here"
    assert not os.listdir(top) and not in_drive(mount)


@pytest.mark.parametrize("replaced", (False, True))
def test_who_opened_what_the_kernel_has_reads_it_without_a_name(mount, top, replaced):  # R1a, J6
    path = top / "a"
    path.write_bytes(b"old")
    flush(mount)
    for _ in range(2):  # from the second time on, opening asks for no bytes
        assert path.read_bytes() == b"old"
    path.write_bytes(b"new bytes")
    path.chmod(0o711)
    with open(path, "rb", buffering=0) as file:
        if replaced:
            (top / "b").write_bytes(b"another")
            os.rename(top / "b", path)
        else:
            os.unlink(path)
        for _ in range(2):
            status = os.fstat(file.fileno())
            assert (status.st_size, stat.S_IMODE(status.st_mode)) == (9, 0o711)
            assert os.pread(file.fileno(), 100, 0) == b"new bytes"
            flush(mount)


def test_folders_and_symlinks(mount, top):
    (top / "d/e").mkdir(parents=True)
    (top / "d/e/link").symlink_to("../somewhere")
    assert os.readlink(top / "d/e/link") == "../somewhere"
    assert refusal(os.rmdir, top / "d") == errno.ENOTEMPTY
    assert refusal(os.unlink, top / "d") in (errno.EISDIR, errno.EPERM)
    assert refusal(os.rmdir, top / "d/e/link") == errno.ENOTDIR
    os.rename(top / "d", top / "f")
    assert set(in_drive(mount)) == {"f", "f/e", "f/e/link"}


def test_what_drive_cannot_hold(top):
    (top / "a").write_text("")
    assert refusal(os.link, top / "a", top / "b") == errno.EPERM
    assert refusal(os.mkfifo, top / "b") == errno.EPERM
    assert refusal(os.open, top, os.O_TMPFILE | os.O_RDWR) == errno.EOPNOTSUPP
    os.mknod(top / "b", stat.S_IFREG | 0o600)
    assert stat.S_IMODE(os.stat(top / "b").st_mode) == 0o600


# -- attributes ----------------------------------------------------------------------------------


def test_modes_owners_and_times_outlive_a_remount(mount, top):
    (top / "a").write_text("")
    os.chown(top / "a", 1234, 4321)
    os.chmod(top / "a", 0o751)
    os.utime(top / "a", ns=(0, 1_700_000_000_123_456_789))
    mount.machine.output_of("flush", mount.path)
    mount.unmount()
    again = mount.machine.mount()
    status = os.stat(again.my_drive / "a")
    assert stat.S_IMODE(status.st_mode) == 0o751
    assert (status.st_uid, status.st_gid) == (1234, 4321)
    assert status.st_mtime_ns == 1_700_000_000_123_000_000  # E4


def test_extended_attributes(top):
    path = top / "a"
    path.write_text("")
    assert refusal(os.setxattr, path, "user.x", b"1", os.XATTR_REPLACE) == errno.ENODATA
    os.setxattr(path, "user.x", b"1", os.XATTR_CREATE)
    assert refusal(os.setxattr, path, "user.x", b"2", os.XATTR_CREATE) == errno.EEXIST
    assert os.getxattr(path, "user.x") == b"1" and "user.x" in os.listxattr(path)
    assert refusal(os.setxattr, path, "user.large", b"x" * 60_000) == errno.ENOSPC  # E3
    assert refusal(os.setxattr, path, "user.drive.id", b"x") == errno.EPERM
    assert refusal(os.setxattr, path, "trusted.x", b"x") == errno.EOPNOTSUPP
    os.removexattr(path, "user.x")
    assert refusal(os.removexattr, path, "user.x") == errno.ENODATA


def test_locks_hold_among_processes(top):
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+')\n"
        "getattr(fcntl, sys.argv[2])(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    for kind in ("flock", "lockf"):
        with open(top / "lock", "w", encoding="ascii") as file:
            getattr(fcntl, kind)(file, fcntl.LOCK_EX)
            other = [sys.executable, "-c", program, top / "lock", kind]
            assert subprocess.run(other, capture_output=True, timeout=60).returncode != 0
        assert subprocess.run(other, capture_output=True, timeout=60).returncode == 0


# -- mounts --------------------------------------------------------------------------------------


def test_what_is_closed_is_there_after_a_remount(mount, top):
    (top / "d").mkdir()
    (top / "d/a").write_bytes(b"kept")
    shown = attribute(top / "d/a", "name")
    mount.unmount()
    again = mount.machine.mount()
    assert (again.my_drive / "d/a").read_bytes() == b"kept"
    assert attribute(again.my_drive / "d/a", "name") == shown


def test_two_mountpoints_see_what_the_other_has_written(machine, mount, top):
    other = machine.mount(mountpoint=machine.folder / "other").my_drive
    (top / "a").write_text("0")
    wait_for((other / "a").exists, "the name")
    for number in range(1, 50):
        (top / "a").write_text("x" * number)
        assert (other / "a").read_text() == "x" * number
        with open(other / "a", "a", encoding="ascii") as file:
            file.write("y")
        assert (top / "a").read_text() == "x" * number + "y"


def test_a_read_only_mount_refuses_changes(simulator, machine):
    simulator.api().create("a", b"text")
    top = machine.mount("--read-only").my_drive
    assert refusal(open, top / "b", "w") == errno.EROFS
    assert refusal(open, top / "a", "r+") == errno.EROFS
    assert refusal(os.unlink, top / "a") == errno.EROFS
    assert refusal(os.mkdir, top / "d") == errno.EROFS
    assert (top / "a").read_text() == "text"
