"""What tests of writes share: everything to Drive, a new start, a lost cache, and what Drive holds then."""

import os
import shutil
import stat

from support.drive_api import FOLDER

LONG = os.environ.get("DRIVEWAY_TEST_LONG") == "1"
SYMLINK = "driveway.symlink"
_KEPT_BY_JOURNAL = ("journal", "log")


def flush(mount, path=None, timeout=120):
    """Returns when Drive has all of it."""
    machine = mount.machine
    machine.output_of("flush", path or mount.path, f"--timeout={int(timeout)}s", timeout=timeout + 30)


def wipe_clean_state(machine):
    """What the cache folders hold that can be had from Drive again. REQUIRES that nothing is mounted,
    and that Drive has everything (dirty contents would go, too)."""
    for account in machine.cache.iterdir():
        if not account.is_dir():
            continue
        for entry in account.iterdir():
            if entry.name in ("meta", "cache", "content"):
                shutil.rmtree(entry)


def duplicates(dump):
    """Paths that stand twice in one folder."""
    seen, twice = set(), []
    for item in dump:
        key = (item["parent"], item["names"][-1])
        if key in seen:
            twice.append(item["path"])
        seen.add(key)
    return twice


def is_symlink(item):
    return item.get("properties", {}).get(SYMLINK) == "1"


def tree_in_drive(simulator, api, top):
    """What lies below the folder `top` (a path) in Drive, as tree_on_disk() has it. Fails where two
    items of a folder have one name."""
    dump = [item for item in simulator.dump() if item["path"].startswith(f"{top}/")]
    assert not duplicates(dump), f"two items of one name: {duplicates(dump)[:5]}"
    tree = {}
    for item in dump:
        path = item["path"].removeprefix(f"{top}/")
        if item["mimeType"] == FOLDER:
            tree[path] = "folder"
        elif is_symlink(item):
            tree[path] = ("symlink", api.read(item["id"]).decode())
        else:
            tree[path] = ("file", item["size"], item["md5Checksum"])
    return tree


def tree_on_disk(top, md5_of):
    """{path: "folder" | ("symlink", target) | ("file", size, md5)} of all below `top`."""
    tree = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                seen = "folder"
            elif stat.S_ISLNK(status.st_mode):
                seen = ("symlink", os.readlink(path))
            else:
                seen = ("file", status.st_size, md5_of(path))
            tree[os.path.relpath(path, top)] = seen
    return tree


def assert_same_tree(found, expected, where):
    """Trees as tree_on_disk() gives them."""
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    other = {p: (found[p], expected[p]) for p in found if p in expected and found[p] != expected[p]}
    assert not missing and not extra and not other, (
        f"{where}: missing {missing[:5]}, too much {extra[:5]}, "
        f"other than expected {dict(list(other.items())[:5])}"
    )
