"""Random file operations on two folders at once: where do they answer differently, and what is the
shortest list of operations that shows it?"""

import dataclasses
import os
import random
import time

from support.file_operations import EXCHANGE, KEEP_SIZE, NOREPLACE, PUNCH_HOLE, paths_of

KIB = 1 << 10
MIB = 1 << 20
_SLOTS = range(4)
_NAMES = ("a", "b", "c.txt", "d e.bin", "f\u00fc", ".hidden")
_MOST_ENTRIES = 30
_LARGEST = 3 * MIB
# Where checksums, blocks and parts of uploads begin.
_EDGES = (0, 1, 4 * KIB, 64 * KIB, 128 * KIB, 256 * KIB, MIB, 2 * MIB)
_EVERY = 20  # steps between looks at everything
_ANSWER = "its answer"

_OPENS = (
    "read",
    "both",
    "write",
    "both create",
    "write create truncate",
    "both create truncate",
    "write create append",
    "both append",
    "write create exclusive",
    "both nofollow",
    "read directory",
)


class Chooser:
    """The next operation, drawn by a seed; where paths exist already, it looks below `root`."""

    _KINDS = {
        "write_file": 12,
        "append_file": 6,
        "overwrite_file": 6,
        "replace_file": 6,
        "truncate": 4,
        "rename": 14,
        "rename_with": 4,
        "unlink": 6,
        "mkdir": 8,
        "rmdir": 4,
        "symlink": 3,
        "chmod": 3,
        "chown": 2,
        "set_time": 4,
        "set_attribute": 4,
        "get_attribute": 1,
        "remove_attribute": 2,
        "open": 12,
        "close": 6,
        "write": 12,
        "append": 5,
        "read": 4,
        "set_size": 5,
        "sync": 3,
        "allocate": 4,
        "write_mapped": 4,
        "copy": 4,
    }

    def __init__(self, seed, root, settle=0.0, restart=0.0):
        """`settle`, `restart`: how often, 0…1, such an operation comes."""
        self._random = random.Random(seed)
        self._root = os.fspath(root)
        self._settle, self._restart = settle, restart
        self._kinds = list(self._KINDS)
        self._weights = list(self._KINDS.values())
        self._existing = []

    def next(self):
        number = self._random.random()
        if number < self._settle:
            return ("settle",)
        if number < self._settle + self._restart:
            return ("restart",)
        self._existing = self._all_paths()
        if len(self._existing) > _MOST_ENTRIES:
            kind = self._random.choice(("unlink", "rmdir", "rename"))
        else:
            kind = self._random.choices(self._kinds, self._weights)[0]
        return (kind, *getattr(self, f"_{kind}")())

    # -- parts of operations ---------------------------------------------------------------------

    def _all_paths(self):
        paths = []
        for folder, folders, files in os.walk(self._root):
            folders.sort()
            below = os.path.relpath(folder, self._root)
            for name in sorted(folders + files):
                paths.append(os.path.normpath(os.path.join(below, name)))
        return paths

    def _old(self):
        """A path that exists, mostly."""
        if self._existing and self._random.random() < 0.9:
            return self._random.choice(self._existing)
        return self._new()

    def _new(self):
        """A path in a folder that exists, mostly."""
        name = self._random.choice(_NAMES)
        folders = [p for p in self._existing if os.path.isdir(os.path.join(self._root, p))]
        if folders and self._random.random() < 0.6:
            folder = self._random.choice(folders)
            if folder.count("/") < 3:
                return f"{folder}/{name}"
        if self._existing and self._random.random() < 0.03:
            return f"{self._random.choice(self._existing)}/{name}"
        return name

    def _any(self):
        return self._old() if self._random.random() < 0.4 else self._new()

    def _slot(self):
        return self._random.choice(_SLOTS)

    def _seed(self):
        return self._random.randrange(1 << 30)

    def _size(self):
        if self._random.random() < 0.4:
            return min(max(0, self._edge()), _LARGEST)
        return int(2 ** self._random.uniform(0, 18))

    def _edge(self):
        return self._random.choice(_EDGES) + self._random.choice((-1, 0, 0, 1, 100))

    def _offset(self):
        if self._random.random() < 0.5:
            return max(0, self._edge())
        return self._random.randrange(_LARGEST if self._random.random() < 0.1 else 64 * KIB)

    # -- the arguments of each kind --------------------------------------------------------------

    def _write_file(self):
        return self._any(), self._size(), self._seed()

    def _append_file(self):
        return self._any(), self._size(), self._seed()

    def _overwrite_file(self):
        return self._old(), self._offset(), self._size(), self._seed()

    def _replace_file(self):
        return self._any(), self._size(), self._seed()

    def _truncate(self):
        return self._old(), self._size()

    def _rename(self):
        return self._old(), self._any()

    def _rename_with(self):
        flags = self._random.choice((NOREPLACE, EXCHANGE))
        return self._old(), self._old() if flags == EXCHANGE else self._any(), flags

    def _unlink(self):
        return (self._old(),)

    def _mkdir(self):
        return self._new(), self._random.choice((0o777, 0o755, 0o700))

    def _rmdir(self):
        return (self._old(),)

    def _symlink(self):
        target = self._random.choice((*_NAMES, "b/a", "nowhere/at all", "x" * 300))
        return target, self._new()

    def _chmod(self):
        return self._old(), self._random.choice((0o644, 0o600, 0o755, 0o777, 0o400))

    def _chown(self):
        return self._old(), self._random.randrange(3), self._random.randrange(3)

    def _set_time(self):
        return self._old(), self._random.randrange(1_000_000_000_000, 1_399_000_000_000)

    def _attribute(self):
        return self._random.choice(("colour", "of.two.parts"))

    def _set_attribute(self):
        value = self._random.choice(("", "red", "long " * 8))
        flags = self._random.choice((0, 0, os.XATTR_CREATE, os.XATTR_REPLACE))
        return self._old(), self._attribute(), value, flags

    def _get_attribute(self):
        return self._old(), self._attribute()

    def _remove_attribute(self):
        return self._old(), self._attribute()

    def _open(self):
        mode = self._random.choice((0o644, 0o666, 0o600))
        return self._slot(), self._any(), self._random.choice(_OPENS), mode

    def _close(self):
        return (self._slot(),)

    def _write(self):
        return self._slot(), self._offset(), self._size(), self._seed()

    def _append(self):
        return self._slot(), self._size(), self._seed()

    def _read(self):
        return self._slot(), self._offset(), self._size()

    def _set_size(self):
        return self._slot(), self._size()

    def _sync(self):
        return (self._slot(),)

    def _allocate(self):
        mode = self._random.choice((0, KEEP_SIZE, PUNCH_HOLE))
        return self._slot(), mode, self._offset(), self._size()

    def _write_mapped(self):
        return self._slot(), self._offset(), self._size(), self._seed()

    def _copy(self):
        return self._slot(), self._offset(), self._slot(), self._offset(), self._size()


@dataclasses.dataclass
class Difference:
    step: int  # of the operation after which it was seen
    operation: tuple
    where: str
    left: object
    right: object

    def __str__(self):
        lines = [f"after step {self.step}, {self.operation}: {self.where}"]
        lines += [f"  first:  {self.left}", f"  second: {self.right}"]
        return "\n".join(lines)

    def is_like(self, other):
        """Whether it is probably the same fault."""
        if other is None or (self.where == _ANSWER) != (other.where == _ANSWER):
            return False
        return self.where != _ANSWER or self.operation[0] == other.operation[0]


class Pair:
    """Two players that do the same. Use as a context manager."""

    def __init__(self, left, right):
        self._left, self._right = left, right
        self._step = 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._left.close()
        self._right.close()

    def play(self, operation):
        """The first Difference after `operation`, or None."""
        self._step += 1
        left, right = self._left.play(operation), self._right.play(operation)
        if left != right:
            return Difference(self._step, operation, _ANSWER, left, right)
        for path in paths_of(operation):
            left, right = self._left.observe(path), self._right.observe(path)
            if left != right:
                return self._difference(operation, path, left, right)
        looks_at_all = self._step % _EVERY == 0 or operation[0] in ("settle", "restart")
        return self.compare_all(operation) if looks_at_all else None

    def compare_all(self, operation=("end",)):
        left, right = self._left.observe_all(), self._right.observe_all()
        for where in sorted({*left, *right}, key=str):
            if left.get(where) != right.get(where):
                return self._difference(operation, where, left.get(where), right.get(where))
        return None

    def _difference(self, operation, where, left, right):
        if isinstance(left, dict) and isinstance(right, dict):
            keys = [key for key in {*left, *right} if left.get(key) != right.get(key)]
            left = {key: left.get(key) for key in sorted(keys)}
            right = {key: right.get(key) for key in sorted(keys)}
        return Difference(self._step, operation, repr(where), left, right)


def run(pair, operations):
    """The first Difference, or None; `operations` may be endless, and is drawn one by one."""
    for operation in operations:
        difference = pair.play(operation)
        if difference:
            return difference
    return pair.compare_all()


def random_run(make_pair, seed, steps, **chances):
    """A run of `steps` operations drawn by `seed`: (the operations, the Difference or None).
    `make_pair` gives a Pair on two new folders, and the path of one that does everything right."""
    operations = []

    def draw(chooser):
        for _ in range(steps):
            operations.append(chooser.next())
            yield operations[-1]

    pair, root = make_pair()
    with pair:
        return operations, run(pair, draw(Chooser(seed, root, **chances)))


def shrink(make_pair, operations, difference, seconds=30):
    """The shortest list found within the time of which the difference still comes, as far as it does:
    (operations, Difference), or None where it does not come again."""
    deadline = time.monotonic() + seconds

    def replay(candidate):
        pair, _ = make_pair()
        with pair:
            found = run(pair, candidate)
        return found if difference.is_like(found) else None

    best = list(operations[: difference.step])
    found = replay(best)
    if found is None:
        return None
    part = max(1, len(best) // 2)
    while time.monotonic() < deadline:
        before = len(best)
        begin = 0
        while begin < len(best) and time.monotonic() < deadline:
            candidate = best[:begin] + best[begin + part :]
            again = replay(candidate) if candidate else None
            if again:
                best, found = candidate[: again.step], again
            else:
                begin += part
        if part == 1 and len(best) == before:
            break
        part = max(1, part // 2)
    return best, found


def report_of(seed, make_pair, operations, difference):
    """What to print of a run that failed."""
    lines = [f"seed {seed}: {difference}"]
    shorter = shrink(make_pair, operations, difference)
    if shorter is None:
        lines.append("It does not come again with the same operations:")
        operations = operations[: difference.step]
    else:
        operations, difference = shorter
        lines.append(f"shortest list with it: {difference}")
    lines += [f"  {operation!r}," for operation in operations]
    return "\n".join(lines)

