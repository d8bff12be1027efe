"""What a mount shows, read-only and complete (docs/SEMANTICS.md): one Drive that has one of everything."""

import errno
import hashlib
import json
import os
import pathlib
import random
import stat
import subprocess
import sys
import tarfile

import pytest

from support.driveway import Machine
from support.names import escaped, id_mark
from support.simulator import FIRST_ACCOUNT, Simulator, calls_by_method
from support.tree_check import assert_same, attribute, md5_of, walk
from support.worlds import LONG_NAME, ODD_NAMES, compare_everything, seed_everything


@pytest.fixture(scope="module")
def world(module_folder):
    """A Mount that no test of this file changes."""
    with Simulator(f"{module_folder}/simulator") as simulator:
        seed_everything(simulator)
        with Machine(f"{module_folder}/machine", simulator, life=900) as machine:
            yield machine.mount("--read-only", "--poll", "1s")


@pytest.fixture(scope="module")
def items(world):
    """What lies in My Drive, by path; the last one of duplicates."""
    return {item["path"]: item for item in world.machine.simulator.dump()}


@pytest.fixture(scope="module")
def top(world):
    return world.my_drive


def run(*command, cwd=None, status=0):
    done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=120)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stderr.decode()}"
    return done.stdout


def test_everything_is_there_once_and_every_byte_is_right(world):
    report = compare_everything(world)
    assert_same(report)
    assert report.items > 300 and report.bytes > 9 << 20


def test_the_top_of_layout_colab(world):
    assert sorted(os.listdir(world.path)) == [".Trash", ".shared", "MyDrive", "Shareddrives"]
    assert sorted(os.listdir(world.path / "Shareddrives")) == [
        "Empty team \u2215 with a slash",
        "Team A",
    ]
    for name in (".Trash", ".shared", "MyDrive", "Shareddrives"):
        assert (world.path / name).is_dir()


def test_layout_root_shows_my_drive_at_the_top(world, module_folder):
    simulator = world.machine.simulator
    with Machine(f"{module_folder}/root layout", simulator) as machine:
        mount = machine.mount("--layout", "root")
        names = {item["names"][0] for item in simulator.dump()}
        shown = set(os.listdir(mount.path))
        assert {escaped(name) for name in names} <= shown
        assert shown - {escaped(name) for name in names} == {".Shareddrives", ".shared", ".Trash"}
        assert (mount.path / "readme.txt").read_text() == "hello\n"
        assert (mount.path / ".Shareddrives/Team A/team/notes.txt").read_text() == "of the team"
        mount.unmount()


def test_attributes(top, items):
    status = os.stat(top / "readme.txt")
    assert stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o644
    assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
    assert status.st_size == 6 and status.st_blocks == 1 and status.st_nlink == 1
    assert status.st_mtime_ns == 1_709_210_096_789_000_000  # 2024-02-29T12:34:56.789Z
    old = os.stat(top / "big.bin")
    assert old.st_mtime_ns == 946_684_799_001_000_000  # 1999-12-31T23:59:59.001Z
    assert old.st_blocks * 512 >= old.st_size == items["big.bin"]["size"]
    folder = os.stat(top / "a")
    assert stat.S_ISDIR(folder.st_mode) and stat.S_IMODE(folder.st_mode) == 0o755


def test_extended_attributes(top, items):
    item = items["big.bin"]
    path = top / "big.bin"
    assert attribute(path, "id") == item["id"]
    assert attribute(path, "name") == "big.bin"
    assert attribute(path, "md5") == item["md5Checksum"]
    assert attribute(path, "sha256") == item["sha256Checksum"]
    assert attribute(path, "mime_type") == item["mimeType"]
    assert attribute(path, "head_revision") == item["headRevisionId"]
    assert attribute(path, "parent") == item["parent"]
    assert attribute(path, "web_view_link").startswith("http")
    listed = os.listxattr(path)
    assert {"user.drive.id", "user.drive.name", "user.drive.md5"} <= set(listed)
    for name in listed:
        assert os.getxattr(path, name)
    for name in ("user.other", "security.capability", "user.drive.nothing"):
        with pytest.raises(OSError) as refused:
            os.getxattr(path, name)
        assert refused.value.errno == errno.ENODATA
    long = [p for p in (top / "odd").iterdir() if attribute(p, "name") == LONG_NAME]
    assert len(long) == 1, "the true name of an over-long one"


def test_statfs_tells_of_the_storage_quota(world):
    space = os.statvfs(world.path)
    assert space.f_frsize * space.f_blocks == 16 << 30
    used = sum(item.get("size", 0) for item in world.machine.simulator.dump())
    free = space.f_frsize * space.f_bavail
    assert (16 << 30) - used - (1 << 20) < free <= (16 << 30) - used
    assert space.f_namemax == 255


WRITES = {
    "open for writing": lambda d: os.open(d / "readme.txt", os.O_WRONLY),
    "open for both": lambda d: os.open(d / "readme.txt", os.O_RDWR),
    "open to append": lambda d: os.open(d / "readme.txt", os.O_WRONLY | os.O_APPEND),
    "open and truncate": lambda d: os.open(d / "readme.txt", os.O_RDONLY | os.O_TRUNC),
    "create": lambda d: os.open(d / "new", os.O_WRONLY | os.O_CREAT, 0o600),
    "truncate": lambda d: os.truncate(d / "readme.txt", 0),
    "mkdir": lambda d: os.mkdir(d / "new"),
    "rmdir": lambda d: os.rmdir(d / "an empty folder"),
    "unlink": lambda d: os.unlink(d / "readme.txt"),
    "rename": lambda d: os.rename(d / "readme.txt", d / "other"),
    "rename a folder": lambda d: os.rename(d / "a", d / "other"),
    "link": lambda d: os.link(d / "readme.txt", d / "other"),
    "symlink": lambda d: os.symlink("x", d / "new"),
    "mknod": lambda d: os.mknod(d / "new", 0o600),
    "mkfifo": lambda d: os.mkfifo(d / "new"),
    "chmod": lambda d: os.chmod(d / "readme.txt", 0o600),
    "chown": lambda d: os.chown(d / "readme.txt", 1, 1),
    "utime": lambda d: os.utime(d / "readme.txt", (1, 1)),
    "setxattr": lambda d: os.setxattr(d / "readme.txt", "user.x", b"y"),
    "removexattr": lambda d: os.removexattr(d / "readme.txt", "user.drive.id"),
}


@pytest.mark.parametrize("kind", WRITES)
def test_a_write_gets_erofs(top, kind):
    with pytest.raises(OSError) as refused:
        WRITES[kind](top)
    assert refused.value.errno == errno.EROFS


def test_the_top_folders_cannot_be_changed(world):
    for change in (
        lambda: os.mkdir(world.path / "new"),
        lambda: os.rmdir(world.path / "Shareddrives"),
        lambda: os.rename(world.path / ".Trash", world.path / "trash"),
        lambda: os.unlink(world.path / ".Trash/thrown away.txt"),
    ):
        with pytest.raises(OSError) as refused:
            change()
        assert refused.value.errno == errno.EROFS


def test_what_is_not_there(top):
    for name in ("nothing", "a/nothing", "READMEE.TXT", "x" * 255):
        with pytest.raises(FileNotFoundError):
            os.stat(top / name)
    with pytest.raises(OSError) as refused:
        os.stat(top / ("x" * 256))
    assert refused.value.errno == errno.ENAMETOOLONG
    with pytest.raises(NotADirectoryError):
        os.stat(top / "readme.txt/below")


def test_directories_are_read_whole_and_with_types(top):
    names = [entry.name for entry in os.scandir(top / "wide")]
    assert len(names) == len(set(names)) == 100
    for entry in os.scandir(top):
        assert entry.is_dir(follow_symlinks=False) == stat.S_ISDIR(os.lstat(entry.path).st_mode)
        assert entry.inode() == os.lstat(entry.path).st_ino
    # `ls -f` reads plainly, `ls -l` has readdirplus.
    plain = run("ls", "-f", top / "wide").decode().split()
    assert sorted(plain) == sorted([*names, ".", ".."])
    assert run("ls", "-l", top / "wide").count(b"\n") == 101


def test_odd_names_are_shown_reversibly(top):
    shown = set(os.listdir(top / "odd"))
    assert len(shown) == len(ODD_NAMES)
    for name in ODD_NAMES:
        if len(escaped(name).encode()) > 255:
            continue
        path = top / "odd" / escaped(name)
        assert path.name in shown and path.read_text() == f"in {name!r}"
    long = [name for name in shown if name.startswith("long ")]
    assert len(long) == 1 and len(long[0].encode()) <= 255 and long[0].endswith(").gz")
    assert all(len(name.encode()) <= 255 and "/" not in name for name in shown)


def test_duplicates_are_told_apart_by_a_suffix(top, world):
    twins = top / "twins"
    same = [i for i in world.machine.simulator.dump() if i["path"] == "twins/same.txt"]
    first = next(item for item in same if item["id"] == attribute(twins / "same.txt", "id"))
    assert (twins / "same.txt").read_text() == "one", "the oldest has the plain name"
    others = {
        (twins / f"same {id_mark(item['id'])}.txt").read_text() for item in same if item != first
    }
    assert others == {"two", "three"}
    assert len([n for n in os.listdir(twins) if n.startswith("many")]) == 20
    # A folder "slash" with "es" in it is another thing than a file "slash/es".
    assert (twins / "slash" / "es").read_text() == "in a folder"
    assert (twins / "slash\u2215es").read_text() == "a file with a slash"


def test_documents_are_link_files(top, items):
    link = json.loads((top / "docs" / "table.gsheet").read_text())
    assert link["doc_id"] == items["docs/table"]["id"]
    assert link["url"].startswith("http") and link["email"] == FIRST_ACCOUNT
    # Beside a document "report" a file that is really called "report.gdoc".
    reports = [p for p in (top / "docs").iterdir() if p.name.startswith("report")]
    texts = {path.read_text() for path in reports}
    assert len(reports) == 2 and "a file that is called so" in texts


def test_exported_documents(world, module_folder):
    simulator = world.machine.simulator
    with Machine(f"{module_folder}/export", simulator) as machine:
        mount = machine.mount("--docs", "export")
        docs = mount.my_drive / "docs"
        simulator.reset_stats()
        run("ls", "-lR", docs)
        run("du", "-s", docs)
        assert "files.export" not in calls_by_method(simulator.stats()), "stat exported"
        for name in ("report.docx", "table.xlsx", "slides.pptx"):
            assert (docs / name).read_bytes().startswith(b"PK\x03\x04")
        assert (docs / "drawing.png").read_bytes().startswith(b"\x89PNG")
        assert json.loads((docs / "form.gform").read_text())["doc_id"], "has no export"
        assert run("cat", docs / "report.docx").startswith(b"PK")
        mount.unmount()


def test_shortcuts_appear_as_what_they_point_to(top, items):
    folder = top / "shortcuts"
    to_file = folder / "to a file"
    assert to_file.read_text() == "hello\n"
    assert attribute(to_file, "id") == items["readme.txt"]["id"]
    assert attribute(to_file, "shortcut_id") == items["shortcuts/to a file"]["id"]
    assert attribute(to_file, "shortcut_name") == "to a file"
    assert os.listdir(folder / "to a folder") == ["c"]
    assert (folder / "to a folder/c/d/e/f/g/h/deep.txt").read_text() == "deep\n"
    dangling = (folder / "dangling").read_text()
    assert "1" + "x" * 32 in dangling
    assert os.stat(folder / "dangling").st_size == len(dangling)


def test_a_loop_of_shortcuts_ends(top):
    path = top / "shortcuts" / "loop"
    for _ in range(3):
        if (path / "up").is_dir():
            path = path / "up" / "loop"
    found = run("find", top / "shortcuts", "-type", "f")
    assert b"dangling" in found
    run("du", "-s", top / "shortcuts")
    run("ls", "-R", top / "shortcuts")


def test_modes_owners_and_symlinks_that_others_set(top):
    script = top / "posix" / "script.sh"
    assert stat.S_IMODE(os.stat(script).st_mode) == 0o755
    assert run(script) == b"it runs\n"
    private = os.stat(top / "posix" / "private")
    assert (stat.S_IMODE(private.st_mode), private.st_uid, private.st_gid) == (0o600, 1234, 4321)
    link = top / "posix" / "link"
    assert os.readlink(link) == "../readme.txt" and link.read_text() == "hello\n"
    assert os.lstat(link).st_size == len("../readme.txt")
    broken = top / "posix" / "broken link"
    assert os.readlink(broken) == "nowhere/at all" and not broken.exists()


def test_the_marks_of_the_old_program(simulator, machine):
    api = simulator.api()
    old = api.create("old.sh", b"x", appProperties={"mode": "488"})
    api.create("old link", b"", appProperties={"l": "old.sh"})
    path = machine.mount().my_drive
    assert stat.S_IMODE(os.stat(path / "old.sh").st_mode) == 0o750
    assert attribute(path / "old.sh", "id") == old["id"]
    assert os.readlink(path / "old link") == "old.sh"


def test_the_trash_and_what_others_share(world):
    trash = world.path / ".Trash"
    assert sorted(os.listdir(trash)) == ["gone.txt", "thrown away", "thrown away.txt"]
    assert (trash / "thrown away.txt").read_text() == "trash"
    assert not (world.my_drive / "thrown away.txt").exists()
    assert sorted(os.listdir(world.my_drive / "half thrown away")) == ["kept.txt"]
    shared = world.path / ".shared"
    assert sorted(os.listdir(shared)) == ["for ann.txt", "project"]
    assert (shared / "for ann.txt").read_text() == "for you"
    readable = os.stat(shared / "for ann.txt")
    assert stat.S_IMODE(readable.st_mode) == 0o444, "the account may not write it"
    assert os.stat(shared / "project/below/deeper.bin").st_size == 6000


def test_empty_files(top):
    for path in (top / "empty.txt", *(top / "empties").iterdir()):
        assert os.stat(path).st_size == 0
        assert path.read_bytes() == b""
        assert md5_of(path) == hashlib.md5(b"").hexdigest()


def test_random_reads_of_a_big_file(top, items, world):
    whole = world.machine.simulator.api().read(items["big.bin"]["id"])
    seed = random.randrange(1 << 32)
    print("seed", seed)
    numbers = random.Random(seed)
    fd = os.open(top / "big.bin", os.O_RDONLY)
    try:
        for _ in range(300):
            offset = numbers.randrange(len(whole))
            length = numbers.choice((1, 100, 4096, 70_000, 1 << 20))
            assert os.pread(fd, length, offset) == whole[offset : offset + length]
        assert os.pread(fd, 10, len(whole)) == b""
        assert os.pread(fd, 10, len(whole) + (1 << 40)) == b""
        assert os.pread(fd, 100, len(whole) - 3) == whole[-3:]
        assert os.lseek(fd, 0, os.SEEK_END) == len(whole)
    finally:
        os.close(fd)


def test_a_memory_mapped_file(top, items):
    # In a process of its own: a page fault that hangs would hang this one.
    program = (
        "import hashlib, mmap, sys\n"
        "with open(sys.argv[1], 'rb') as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:\n"
        "    back = [m[i:i + 65536] for i in range(len(m) // 65536 * 65536, -1, -65536)]\n"
        "    print(hashlib.md5(b''.join(reversed(back))).hexdigest())\n"
    )
    printed = run(sys.executable, "-c", program, top / "big.bin").decode().strip()
    assert printed == items["big.bin"]["md5Checksum"]


def tree_of(folder):
    return {
        str(path.relative_to(folder)): md5_of(path)
        for path in pathlib.Path(folder).rglob("*")
        if path.is_file()
    }


def test_tools_work(top, module_folder):
    source = top / "train"
    expected = tree_of(source)
    assert len(expected) == 200
    run("cp", "-r", "--preserve=timestamps,mode", source, f"{module_folder}/copied")
    assert tree_of(f"{module_folder}/copied") == expected
    run("tar", "cf", f"{module_folder}/train.tar", "-C", source, ".")
    with tarfile.open(f"{module_folder}/train.tar") as archive:
        assert len([m for m in archive.getmembers() if m.isfile()]) == 200
    assert len(run("find", source, "-type", "f", "-name", "*.bin").splitlines()) == 200
    assert len(run("find", source, "-type", "d").splitlines()) == 11
    sizes = sum(os.stat(source / name).st_size for name in expected)
    du = int(run("du", "-s", "--apparent-size", "--block-size=1", source).split()[0])
    assert sizes <= du < sizes + 11 * 8192
    run("diff", "-r", source, f"{module_folder}/copied")
    assert b"hello" in run("grep", "-r", "hello", top / "readme.txt", top / "a", status=0)


def test_inodes_are_told_apart_and_stay(top):
    entries = walk(top)
    plain = [entry for entry in entries if not entry.shortcut_id]
    assert len({entry.status.st_ino for entry in plain}) == len(plain)
    for entry in entries:
        assert os.lstat(entry.path).st_ino == entry.status.st_ino
