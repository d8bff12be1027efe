"""File operations as plain data, and one who carries them out below a folder: what two folders answer to
the same operations can be compared.

An operation is a tuple, ("rename", "a/b", "c"): its kind, then what the method of Player with that name
takes. Paths are relative to the player's folder, slots are numbers of open files, bytes are named
by a seed. An operation on a slot that is not open is nothing, so every part of a list of operations
is one, too.

What an ext4 folder and a mount may answer differently is left out of what is observed: sizes, times,
links and blocks of folders, the blocks of files, all times but those that were set explicitly."""

import ctypes
import errno
import hashlib
import mmap
import os
import random
import stat

# Set times lie before this, all others after it.
LATEST_SET_TIME = 1_400_000_000
NOREPLACE, EXCHANGE = 1, 2
KEEP_SIZE, PUNCH_HOLE = 1, 3  # PUNCH_HOLE goes with KEEP_SIZE
_AT_FDCWD = -100
_SHOWN_ERROR = "error"
_FLAGS = {
    "read": os.O_RDONLY,
    "write": os.O_WRONLY,
    "both": os.O_RDWR,
    "create": os.O_CREAT,
    "exclusive": os.O_EXCL,
    "truncate": os.O_TRUNC,
    "append": os.O_APPEND,
    "nofollow": os.O_NOFOLLOW,
    "directory": os.O_DIRECTORY,
}
_libc = ctypes.CDLL(None, use_errno=True)


def random_bytes(seed, length):
    return random.Random(seed).randbytes(length)


def digest_of(data):
    """Short, and with the size: what a failing comparison prints."""
    return f"{len(data)} bytes, md5 {hashlib.md5(data).hexdigest()[:8]}"


def _check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Player:
    """Carries operations out below `root`. `hooks`: what the kinds "settle" and "restart" do here
    (nothing, unless told); all files are closed before a restart. close() it at the end."""

    def __init__(self, root, hooks=None):
        self.root = os.fspath(root)
        self.hooks = hooks or {}
        self.open_files = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        return [self._close(slot) for slot in sorted(self.open_files)]

    def play(self, operation):
        """What it answered: a value, or the name of an errno."""
        kind, *arguments = operation
        return _answer_of(getattr(self, f"_{kind}"), *arguments)

    def path(self, path):
        return os.path.join(self.root, path)

    # -- what is seen ----------------------------------------------------------------------------

    def observe(self, path):
        """All that can be said of one path, as a dict."""
        return _answer_of(self._seen, self.path(path))

    def observe_all(self):
        """{path: what is seen of it} for all below the root, and {slot: …} for the open files."""
        seen = {}
        inodes = {}
        folders = [""]
        while folders:
            folder = folders.pop()
            for name in sorted(os.listdir(self.path(folder))):
                path = os.path.join(folder, name)
                seen[path] = self.observe(path)
                status = os.lstat(self.path(path))
                inodes.setdefault(status.st_ino, []).append(path)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)
        for slot, file in self.open_files.items():
            seen[slot] = _answer_of(self._seen_open, file)
            seen[slot]["paths"] = sorted(inodes.get(os.fstat(file).st_ino, []))
        return seen

    def _seen(self, path):
        status = os.lstat(path)
        seen = _seen_of_status(status)
        if stat.S_ISDIR(status.st_mode):
            seen["names"] = sorted(os.listdir(path))
        elif stat.S_ISLNK(status.st_mode):
            seen["target"] = os.readlink(path)
        else:
            seen["content"] = _answer_of(_digest_of_file, path)
        if not stat.S_ISLNK(status.st_mode):
            seen["attributes"] = _attributes_of(path)
        return seen

    def _seen_open(self, file):
        status = os.fstat(file)
        seen = _seen_of_status(status)
        seen["content"] = _answer_of(lambda: digest_of(os.pread(file, status.st_size + 1, 0)))
        return seen

    # -- whole files and names -------------------------------------------------------------------

    def _write_file(self, path, size, seed):
        with open(self.path(path), "wb", buffering=0) as file:
            return file.write(random_bytes(seed, size))

    def _append_file(self, path, size, seed):
        with open(self.path(path), "ab", buffering=0) as file:
            return file.write(random_bytes(seed, size))

    def _overwrite_file(self, path, offset, size, seed):
        with open(self.path(path), "r+b", buffering=0) as file:
            return os.pwrite(file.fileno(), random_bytes(seed, size), offset)

    def _replace_file(self, path, size, seed):
        """As editors and checkpoint writers do it."""
        temporary = self.path(path) + ".tmp"
        with open(temporary, "wb", buffering=0) as file:
            count = file.write(random_bytes(seed, size))
            os.fsync(file.fileno())
        os.replace(temporary, self.path(path))
        return count

    def _truncate(self, path, size):
        os.truncate(self.path(path), size)

    def _rename(self, old, new):
        os.rename(self.path(old), self.path(new))

    def _rename_with(self, old, new, flags):
        """renameat2, with NOREPLACE or EXCHANGE."""
        paths = [os.fsencode(self.path(path)) for path in (old, new)]
        _check(_libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags))

    def _unlink(self, path):
        os.unlink(self.path(path))

    def _mkdir(self, path, mode):
        os.mkdir(self.path(path), mode)

    def _rmdir(self, path):
        os.rmdir(self.path(path))

    def _symlink(self, target, path):
        os.symlink(target, self.path(path))

    # -- attributes ------------------------------------------------------------------------------

    def _chmod(self, path, mode):
        os.chmod(self.path(path), mode)

    def _chown(self, path, uid, gid):
        os.chown(self.path(path), uid, gid, follow_symlinks=False)

    def _set_time(self, path, milliseconds):
        """Drive keeps milliseconds (E4)."""
        nanoseconds = milliseconds * 1_000_000
        os.utime(self.path(path), ns=(nanoseconds, nanoseconds), follow_symlinks=False)
        return os.lstat(self.path(path)).st_mtime_ns

    def _set_attribute(self, path, name, value, flags):
        os.setxattr(self.path(path), f"user.{name}", value.encode(), flags)

    def _get_attribute(self, path, name):
        return os.getxattr(self.path(path), f"user.{name}")

    def _remove_attribute(self, path, name):
        os.removexattr(self.path(path), f"user.{name}")

    # -- open files ------------------------------------------------------------------------------

    def _open(self, slot, path, flags, mode):
        """`flags`: words of _FLAGS."""
        self._close(slot)
        number = os.O_CLOEXEC
        for word in flags.split():
            number |= _FLAGS[word]
        self.open_files[slot] = os.open(self.path(path), number, mode)

    def _close(self, slot):
        if slot in self.open_files:
            os.close(self.open_files.pop(slot))

    def _write(self, slot, offset, size, seed):
        if slot in self.open_files:
            return os.pwrite(self.open_files[slot], random_bytes(seed, size), offset)
        return None

    def _append(self, slot, size, seed):
        """At the file's position, or at its end."""
        if slot in self.open_files:
            return os.write(self.open_files[slot], random_bytes(seed, size))
        return None

    def _read(self, slot, offset, size):
        if slot in self.open_files:
            return digest_of(os.pread(self.open_files[slot], size, offset))
        return None

    def _set_size(self, slot, size):
        if slot in self.open_files:
            os.ftruncate(self.open_files[slot], size)

    def _sync(self, slot):
        if slot in self.open_files:
            os.fsync(self.open_files[slot])

    def _allocate(self, slot, mode, offset, length):
        """fallocate: 0, KEEP_SIZE or PUNCH_HOLE."""
        if slot in self.open_files:
            file, longs = self.open_files[slot], (ctypes.c_long(offset), ctypes.c_long(length))
            _check(_libc.fallocate(file, mode, *longs))

    def _write_mapped(self, slot, offset, size, seed):
        """Through a shared memory map of the whole file, as far as the file goes."""
        if slot not in self.open_files:
            return None
        file = self.open_files[slot]
        status = os.fstat(file)
        length = status.st_size if stat.S_ISREG(status.st_mode) else 0
        end = min(length, offset + size)
        if offset >= end:
            return None
        with mmap.mmap(file, length) as view:
            view[offset:end] = random_bytes(seed, end - offset)
            view.flush()
        return end - offset

    def _copy(self, source, source_offset, target, target_offset, length):
        """copy_file_range, as often as it takes."""
        if not {source, target} <= set(self.open_files):
            return None
        files = self.open_files[source], self.open_files[target]
        copied = 0
        while copied < length:
            places = source_offset + copied, target_offset + copied
            count = os.copy_file_range(*files, length - copied, *places)
            if count == 0:
                break
            copied += count
        return copied

    # -- what happens to a mount meanwhile -------------------------------------------------------

    def _settle(self):
        """All goes to Drive."""
        self.hooks.get("settle", lambda: None)()

    def _restart(self):
        """The file system goes away, and comes back."""
        closed = self.close()
        self.hooks.get("restart", lambda: None)()
        return closed


def _answer_of(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return {_SHOWN_ERROR: errno.errorcode.get(error.errno, str(error.errno))}


def _seen_of_status(status):
    seen = {
        "type": stat.S_IFMT(status.st_mode),
        "mode": f"{stat.S_IMODE(status.st_mode):o}",
        "owner": (status.st_uid, status.st_gid),
    }
    if not stat.S_ISDIR(status.st_mode):
        was_set = status.st_mtime < LATEST_SET_TIME
        seen["size"] = status.st_size
        seen["links"] = status.st_nlink
        seen["time"] = status.st_mtime_ns if was_set else "some time"
    return seen


def _digest_of_file(path):
    with open(path, "rb", buffering=0) as file:
        return digest_of(file.readall())


def _attributes_of(path):
    """Those that a program has set."""
    names = [name for name in os.listxattr(path) if name.startswith("user.")]
    return {name: os.getxattr(path, name) for name in sorted(names) if not _is_own(name)}


def _is_own(name):
    return name.startswith("user.drive.")


def paths_of(operation):
    """The paths that an operation may change, and the folders that they lie in."""
    kind, *arguments = operation
    if kind == "symlink":
        arguments = arguments[1:]
    if kind == "rename" or kind == "rename_with":
        paths = arguments[:2]
    elif kind == "open":
        paths = [arguments[1]]
    else:
        paths = [argument for argument in arguments[:1] if isinstance(argument, str)]
    if kind == "replace_file":
        paths.append(paths[0] + ".tmp")
    return sorted({*paths, *(os.path.dirname(path) for path in paths)})
