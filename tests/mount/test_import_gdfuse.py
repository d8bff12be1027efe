"""What google-drive-ocamlfuse has not sent: `driveway import-gdfuse`."""

import hashlib
import json
import os
import sqlite3
import subprocess

import pytest

# As its dbCache.ml makes them (0.7.32), without what is not read.
_TABLES = """
CREATE TABLE resource (id INTEGER PRIMARY KEY, remote_id TEXT NULL, name TEXT NULL, mime_type TEXT NULL,
  modified_time REAL NULL, size INTEGER NULL, trashed INTEGER NULL, xattrs TEXT NOT NULL, parent_path TEXT NOT NULL,
  path TEXT NOT NULL, state TEXT NOT NULL, last_update REAL NOT NULL);
CREATE TABLE upload_queue (id INTEGER PRIMARY KEY, resource_id INTEGER NOT NULL, state TEXT NOT NULL,
  last_update REAL NOT NULL);
"""


class OldCache:
    """~/.gdfuse/LABEL of a program that was killed."""

    def __init__(self, machine, label="default"):
        self.folder = machine.folder / f"home/.gdfuse/{label}"
        self.cache = self.folder / "cache"
        self.cache.mkdir(parents=True)
        (self.folder / "config").write_text("client_id=\nread_only=false\n")
        self.database = self.cache / "cache.db"
        with self._open() as database:
            database.executescript(_TABLES)

    def _open(self):
        return sqlite3.connect(self.database)

    def add(self, path, data, state="ToUpload", queued=False):
        """A file; data None: its content is gone."""
        with self._open() as database:
            row = database.execute(
                "INSERT INTO resource (name, mime_type, size, trashed, xattrs, parent_path, path, state, last_update) "
                "VALUES (?, 'text/plain', 0, 0, '', ?, ?, ?, 1.0)",
                (os.path.basename(path), os.path.dirname(path), path, state),
            ).lastrowid
            database.execute(f"UPDATE resource SET remote_id = 'id{row}' WHERE id = {row}")
            if queued:
                database.execute(
                    "INSERT INTO upload_queue (resource_id, state, last_update) VALUES (?, 'ToUpload', 1.0)",
                    (row,),
                )
        if data is not None:
            content = self.cache / f"id{row}"
            content.write_bytes(data)
            os.utime(content, (1_500_000_000, 1_600_000_000))

    def everything(self):
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.is_file()
        }


def in_drive(simulator):
    """{path: md5} of the files in Drive."""
    return {
        item["path"]: item["md5Checksum"] for item in simulator.dump() if item.get("md5Checksum")
    }


def md5(data):
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def old(make_machine):
    machine = make_machine()
    return machine, OldCache(machine)


@pytest.mark.parametrize("layout", ["colab", "root"])
def test_they_go_to_drive_through_the_mount(simulator, old, layout):
    machine, cache = old
    contents = {"x/a.txt": b"changed", "x/big.bin": os.urandom(3_000_000), "ä b/c": b""}
    cache.add("/x/a.txt", contents["x/a.txt"])
    cache.add("/x/big.bin", contents["x/big.bin"], "Uploading")
    cache.add("/ä b/c", contents["ä b/c"], "Synchronized", queued=True)
    cache.add("/sent", b"Drive has it", "Synchronized")
    cache.add("/gone", None)
    before = cache.everything()
    mount = machine.mount("--layout", layout)
    text = machine.output_of("import-gdfuse", "default")
    assert "x/a.txt (7 B)" in text and "gone: lost" in text
    assert "rescued 3 files" in text and "1 file lost" in text and "driveway flush" in text
    machine.output_of("flush")
    place = "driveway-recovered/gdfuse-default"
    assert in_drive(simulator) == {
        f"{place}/{path}": md5(data) for path, data in contents.items()
    }
    top = mount.my_drive if layout == "colab" else mount.path
    assert (top / place / "x/a.txt").stat().st_mtime == 1_600_000_000

    again = machine.output_of("import-gdfuse", "default")
    assert "3 files already there" in again and "rescued" not in again
    cache.add("/x/a.txt", b"another")
    assert "x/a.txt (7 B), as a (2).txt" in machine.output_of("import-gdfuse", "default")
    machine.output_of("flush")
    found = in_drive(simulator)
    assert found[f"{place}/x/a.txt"] == md5(b"changed")
    assert found[f"{place}/x/a (2).txt"] == md5(b"another") and len(found) == 4
    assert {path: cache.everything()[path] for path in before if path != cache.database} == {
        path: version for path, version in before.items() if path != cache.database
    }
    mount.unmount()


def test_to_a_folder_without_a_mount(old):
    machine, cache = old
    cache.add("/x/a.txt", b"changed")
    cache.add("/../../b", b"hostile")
    before = cache.everything()
    refused = machine.run("import-gdfuse", "default")
    assert refused.returncode == 1
    assert "2 files, 14 B," in refused.stderr and "--to DIR" in refused.stderr
    dry = json.loads(machine.output_of("import-gdfuse", "default", "--dry-run", "--json"))
    assert dry["state"] == "done" and dry["found"] == 2 and dry["to"] is None
    target = machine.folder / "safe"
    document = json.loads(
        machine.output_of("import-gdfuse", "default", "--to", target, "--json")
    )
    assert document["rescued"] == 2 and document["to"] == str(target)
    files = {file["path"]: file for file in document["files"]}
    assert files["x/a.txt"] == {
        "path": "x/a.txt",
        "state": "rescued",
        "size": 7,
        "content": "id1",
        "file": str(target / "x/a.txt"),
        "message": None,
    }
    assert (target / "x/a.txt").read_bytes() == b"changed"
    assert (target / "__/__/b").read_bytes() == b"hostile"
    assert cache.everything() == before


def test_what_cannot_be_copied_is_named(old):
    machine, cache = old
    cache.add("/a", b"good")
    cache.add("/b", b"unusable")
    content = cache.cache / "id2"
    content.unlink()
    content.symlink_to("/etc/hostname")
    done = machine.run("import-gdfuse", "default", "--to", machine.folder / "safe")
    assert done.returncode == 3
    assert "driveway: b: " in done.stderr and "no plain file" in done.stderr
    assert "rescued 1 file" in done.stdout and "1 file could not be copied" in done.stdout
    assert not (machine.folder / "safe/b").exists()


def test_a_label_that_is_not_there(old):
    machine, _ = old
    done = machine.run("import-gdfuse", "work", "--json")
    assert done.returncode == 1
    assert ".gdfuse/work/config" in done.stderr and "labels here are: default" in done.stderr
    document = json.loads(done.stdout)
    assert document["state"] == "failed" and document["code"] == "not_found"


def test_a_damaged_database_is_named(old):
    machine, cache = old
    cache.add("/a", b"unsent")
    cache.database.write_bytes(b"x" * 5000)
    done = machine.run("import-gdfuse", "default", "--to", machine.folder / "safe")
    assert done.returncode == 7
    assert str(cache.database) in done.stderr and f"'{cache.cache}/'" in done.stderr
    assert "cannot be known" in done.stderr
    assert not (machine.folder / "safe").exists()


def test_nothing_unsent(old):
    machine, cache = old
    cache.add("/a", b"Drive has it", "Synchronized")
    assert machine.output_of("import-gdfuse", "default") == "nothing was left unsent\n"


def test_a_full_disk(old):
    machine, cache = old
    cache.add("/a", b"fits")
    cache.add("/b", os.urandom(2_000_000))
    cache.add("/c", b"fits, but comes later")
    small = machine.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=True)
    try:
        done = machine.run("import-gdfuse", "default", "--to", small, "--json")
        assert done.returncode == 6 and "No space left" in done.stderr
        document = json.loads(done.stdout)
        assert document["code"] == "no_space" and document["rescued"] == 1
        assert os.listdir(small) == ["a"]
    finally:
        subprocess.run(["umount", small], check=True)
