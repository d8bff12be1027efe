"""Writers that do what programs do until the file system goes away, each with a ledger of what was
acknowledged to it (write_ledger.py)."""

import ctypes
import errno
import os
import random
import threading

from support.contents import EMPTY, Content
from support.drive_api import FOLDER as FOLDER_TYPE
from support.write_ledger import (
    FOLDER,
    Ledger,
    MakeFolder,
    Remove,
    Rename,
    Write,
    recovered_name,
)

KIB, MIB = 1 << 10, 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE
# What calls answer when the daemon dies under them, and afterwards.
GONE = (errno.ENOTCONN, errno.ECONNABORTED)
_FILES = [f"f{number}.bin" for number in range(6)]
_FOLDERS = [f"d{number}" for number in range(3)]
_WRITE = 128 * KIB
_SYNC_EVERY = 16 * MIB
# kind: {operation: weight}
LOADS = {
    "small files": {"put": 8, "replace": 4, "append": 2, "overwrite": 2, "rename": 3, "remove": 3},
    "renames": {
        "put": 3,
        "rename": 6,
        "rename_folder": 4,
        "make_folder": 3,
        "remove": 3,
        "remove_folder": 2,
    },
    "overwrites": {"put": 2, "replace": 3, "append": 6, "overwrite": 6, "hold_open": 3},
    "large appends": {"large_append": 1, "put": 1},
    # What passes every place that a write can pass, with an upload that takes a while beside it.
    "everything": {
        "put": 4,
        "put_allocated": 2,
        "replace": 4,
        "append": 3,
        "overwrite": 3,
        "overwrite_while_sent": 4,
        "rename": 3,
        "rename_folder": 1,
        "make_folder": 2,
        "remove": 3,
        "remove_folder": 1,
        "hold_open": 3,
    },
}


class Writer:
    """One thread in a folder of its own, which goes on in the next round where it stopped."""

    def __init__(self, name, seed):
        self.name = name
        self.ledger = Ledger()
        self.error = None  # an error that no crash explains
        self._random = random.Random(seed)
        self._contents = iter(range(1, 1 << 30))
        self._seed = seed
        self._held = None  # (file, Write, how far it is written)
        self._end = threading.Event()
        self._thread = None
        self._root = None

    def start(self, root, load, large=64 * MIB):
        """`root`: where the writer's own folder lies, which is made in the first round."""
        self._root = os.path.join(root, self.name)
        self._large = large
        self._end.clear()
        self._thread = threading.Thread(target=self._run, args=(LOADS[load],), name=self.name)
        self._thread.start()

    def stop(self):
        """After the operation that it is at; then all files are closed, and that is acknowledged, too."""
        self._end.set()
        self._thread.join()

    def join(self, timeout=None):
        """After a crash, which ends it. Whether it has ended."""
        self._thread.join(timeout)
        return not self.is_running

    @property
    def is_running(self):
        return self._thread is not None and self._thread.is_alive()

    # -- the thread ------------------------------------------------------------------------------

    def _run(self, weights):
        try:
            self._begin()
            while not self._end.is_set():
                kind = self._random.choices(list(weights), list(weights.values()))[0]
                getattr(self, f"_{kind}")()
            self._let_go()
        except OSError as error:
            if error.errno not in GONE:
                self.error = error
        finally:
            if self._held:
                _close_dead(self._held[0])
                self._held = None

    def _begin(self):
        if not os.path.isdir(self._root):
            os.mkdir(self._root)
        for path in [path for path in self.ledger.state if recovered_name(path)]:
            self._remove_path(path)

    def _path(self, path):
        return os.path.join(self._root, path)

    def _content(self, size):
        return Content.of((self._seed << 24) + next(self._contents), size)

    def _size(self):
        if self._random.random() < 0.03:
            return self._random.randrange(5 * MIB, 7 * MIB)  # in several parts
        return int(2 ** self._random.uniform(0, 18))

    # -- what there is ---------------------------------------------------------------------------

    def _folders(self):
        return [path for path, content in self.ledger.state.items() if content == FOLDER]

    def _files(self, least=0):
        held = self._held[1].path if self._held else None
        return [
            path
            for path, content in self.ledger.state.items()
            if content != FOLDER and path != held and content.size >= least
        ]

    def _file_path(self):
        """Old or new."""
        folder = self._random.choice(["", "", *self._folders()])
        path = os.path.join(folder, self._random.choice(_FILES))
        return path if self.ledger.state.get(path) != FOLDER else _FILES[0]

    def _some(self, paths):
        return self._random.choice(sorted(paths)) if paths else None

    def _is_held(self, top):
        held = self._held[1].path if self._held else ""
        return held == top or held.startswith(f"{top}/")

    # -- operations ------------------------------------------------------------------------------

    def _put(self):
        """Create or overwrite: open, write, close."""
        path = self._file_path()
        if not self._is_held(path):
            self._write_whole(path, self._content(self._size()))

    def _put_allocated(self):
        """As put(), with the disk's room taken before."""
        path = self._file_path()
        if not self._is_held(path):
            self._write_whole(path, self._content(300 * KIB), allocate=True)

    def _write_whole(self, path, content, sync=False, allocate=False):
        write = self.ledger.begin(Write(path, content))
        with open(self._path(path), "wb", buffering=0) as file:
            if allocate:
                _allocate(file, content.size)
            for _, data in content.in_parts(_WRITE):
                _write_all(file, data)
            if sync:
                _sync(file, write, content.size)
        self.ledger.done(write)

    def _replace(self):
        """Write a temporary file, rename it over the old one."""
        path = self._file_path()
        if self._is_held(path):
            return
        temporary = path + ".tmp"
        self._write_whole(temporary, self._content(self._size()), self._random.random() < 0.3)
        self._rename_path(temporary, path)

    def _append(self):
        path = self._some(self._files())
        if path is not None:
            old = self.ledger.state[path]
            self._write_at(path, old.size, self._content(self._size()), "ab")

    def _overwrite(self):
        path = self._some(self._files(least=2))
        if path is not None:
            offset = self._random.randrange(self.ledger.state[path].size)
            self._write_at(path, offset, self._content(self._size() // 4 + 1), "r+b")

    def _write_at(self, path, offset, content, mode, sync_every=None):
        old = self.ledger.state[path]
        write = self.ledger.begin(Write(path, old.written(offset, content), in_place=True))
        with open(self._path(path), mode, buffering=0) as file:
            if mode != "ab":
                file.seek(offset)
            for place, data in content.in_parts(_WRITE):
                _write_all(file, data)
                end = place + len(data)
                if sync_every and end % sync_every == 0:
                    _sync(file, write, offset + end)
        self.ledger.done(write)

    def _overwrite_while_sent(self):
        """The end of a file whose beginning is perhaps on its way."""
        path = "sent.bin"
        if self.ledger.state.get(path, EMPTY).size < MIB:  # a crash may leave less of it
            self._write_whole(path, self._content(6 * MIB))
        size = self.ledger.state[path].size
        self._write_at(path, size - 64 * KIB, self._content(self._random.randrange(1, 64 * KIB)), "r+b")

    def _large_append(self):
        path = "large.bin"
        if self.ledger.state.get(path, EMPTY).size < MIB:
            self._write_whole(path, self._content(MIB))
        size = self.ledger.state[path].size
        if size > self._large:
            self._write_whole(path, self._content(MIB))
            size = MIB
        self._write_at(path, size, self._content(self._large), "ab", _SYNC_EVERY)

    def _rename(self):
        old = self._some(self._files())
        new = self._file_path()
        if old is not None and not self._is_held(new):
            self._rename_path(old, new)

    def _rename_folder(self):
        old = self._some(self._folders())
        name = self._random.choice(_FOLDERS)
        if old is None or name in self.ledger.state or self._is_held(old):
            return
        self._rename_path(old, name)

    def _rename_path(self, old, new):
        rename = self.ledger.begin(Rename(old, new))
        os.rename(self._path(old), self._path(new))
        self.ledger.done(rename)

    def _make_folder(self):
        parent = self._random.choice(["", *self._folders()])
        path = os.path.join(parent, self._random.choice(_FOLDERS))
        if path not in self.ledger.state and path.count("/") < 3:
            operation = self.ledger.begin(MakeFolder(path))
            os.mkdir(self._path(path))
            self.ledger.done(operation)

    def _remove(self):
        path = self._some(self._files())
        if path is not None:
            self._remove_path(path)

    def _remove_path(self, path):
        operation = self.ledger.begin(Remove(path))
        os.unlink(self._path(path))
        self.ledger.done(operation)

    def _remove_folder(self):
        for path in sorted(self._folders(), reverse=True):
            if not any(other.startswith(f"{path}/") for other in self.ledger.state):
                operation = self.ledger.begin(Remove(path))
                os.rmdir(self._path(path))
                self.ledger.done(operation)
                return

    def _hold_open(self):
        """A file that stays open while others are written, with an fsync now and then."""
        if self._held is None:
            content = self._content(4 * MIB)
            write = self.ledger.begin(Write("held.log", content))
            self._held = (open(self._path("held.log"), "wb", buffering=0), write, 0)
            return
        file, write, place = self._held
        length = min(self._random.randrange(1, 64 * KIB), write.new.size - place)
        _write_all(file, write.new.read(place, length))
        place += length
        self._held = (file, write, place)
        if self._random.random() < 0.3:
            _sync(file, write, place)
        if self._random.random() < 0.1 or place == write.new.size:
            self._let_go()

    def _let_go(self):
        if self._held is None:
            return
        file, write, place = self._held
        write.new = write.new.part(0, place)  # no more has come
        file.close()
        self.ledger.done(write)
        self._held = None


class Reader:
    """One thread that lists and reads all that there is until the file system goes away."""

    def __init__(self, top):
        self.error = None  # an error that no crash explains
        self._top = top
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader")
        self._thread.start()

    def stop(self, timeout=None):
        """Whether it has ended."""
        self._end.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self):
        try:
            while not self._end.is_set():
                os.listdir(self._top)  # os.walk() hides that it has gone
                for folder, _, files in os.walk(self._top):
                    for name in files:
                        self._read(os.path.join(folder, name))
        except OSError as error:
            if error.errno not in GONE:
                self.error = error

    def _read(self, path):
        try:
            with open(path, "rb", buffering=0) as file:
                while not self._end.is_set() and file.read(MIB):
                    pass
        except OSError as error:
            # It was renamed, removed or replaced meanwhile.
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
                raise


def _write_all(file, data):
    """A file system that dies in the middle of a write lets it return a short count."""
    while data:
        data = data[file.write(data) :]


def _allocate(file, size):
    """The size stays: what is not written yet must not look like zeros that were."""
    if _LIBC.fallocate(file.fileno(), _KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(size)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _sync(file, write, place):
    """`place`: how much of the Write is in the file."""
    write.syncing = place
    os.fsync(file.fileno())
    write.synced = place


def _close_dead(file):
    try:
        file.close()
    except OSError:
        pass  # its file system has gone


def found_on_disk(top):
    """What Ledger.problems() takes, of a folder."""
    found = []
    for folder, folders, files in os.walk(top):
        for name in folders:
            found.append((os.path.relpath(os.path.join(folder, name), top), FOLDER))
        for name in files:
            path = os.path.join(folder, name)
            found.append((os.path.relpath(path, top), FileOnDisk(path)))
    return found


class FileOnDisk:
    def __init__(self, path):
        self._path = path
        self.size = os.stat(path).st_size

    def read(self, offset, length):
        with open(self._path, "rb", buffering=0) as file:
            return os.pread(file.fileno(), length, offset)


def found_in_drive(items, api, top):
    """What Ledger.problems() takes, of a folder of the simulator's dump; bytes come through the API."""
    found = []
    for item in items:
        if not item["path"].startswith(f"{top}/"):
            continue
        is_folder = item["mimeType"] == FOLDER_TYPE
        path = item["path"].removeprefix(f"{top}/")
        found.append((path, FOLDER if is_folder else FileInDrive(item, api)))
    return found


class FileInDrive:
    def __init__(self, item, api):
        self._id, self._api = item["id"], api
        self.size = item["size"]

    def read(self, offset, length):
        return self._api.read(self._id, offset, length) if length else b""
