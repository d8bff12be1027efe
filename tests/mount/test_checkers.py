"""What the tests of writes check with: it finds what is wrong, and complains of nothing that is right."""

import itertools
import os

import pytest

from support.file_operations import Player
from support.random_operations import Pair, random_run, report_of, shrink


class Forgetful(Player):
    """Does one thing wrong, in each of several ways."""

    def __init__(self, root, fault):
        super().__init__(root)
        self._fault = fault

    def _truncate(self, path, size):
        if self._fault == "truncate leaves the size" and size == 0:
            os.stat(self.path(path))
            return
        super()._truncate(path, size)

    def _rename(self, old, new):
        super()._rename(old, new)
        if self._fault == "rename drops attributes":
            for name in os.listxattr(self.path(new), follow_symlinks=False):
                os.removexattr(self.path(new), name)

    def _append(self, slot, size, seed):
        count = super()._append(slot, size, seed)
        if self._fault == "append is lost" and count:
            end = os.lseek(self.open_files[slot], 0, os.SEEK_CUR)
            os.pwrite(self.open_files[slot], bytes(count), end - count)
        return count

    def _rmdir(self, path):
        if self._fault == "rmdir of what is not empty says another error" and (
            os.path.isdir(self.path(path)) and os.listdir(self.path(path))
        ):
            return {"error": "EEXIST"}
        return super()._rmdir(path)

    def _unlink(self, path):
        if self._fault == "unlink harms open files":
            for file in self.open_files.values():
                if os.fstat(file).st_nlink == 1 and os.path.samestat(
                    os.fstat(file), os.stat(self.path(path))
                ):
                    os.truncate(self.path(path), 0)
        return super()._unlink(path)


FAULTS = (
    "truncate leaves the size",
    "rename drops attributes",
    "append is lost",
    "rmdir of what is not empty says another error",
    "unlink harms open files",
)


def pairs_of_folders(folder, make_left=Player):
    """make_pair for random_run: two plain folders."""
    numbers = itertools.count()

    def make_pair():
        roots = [f"{folder}/{next(numbers)}" for _ in range(2)]
        for root in roots:
            os.mkdir(root)
        return Pair(make_left(roots[0]), Player(roots[1])), roots[1]

    return make_pair


def test_two_plain_folders_agree(folder):
    os.umask(0o022)
    make_pair = pairs_of_folders(folder)
    for seed in range(8):
        operations, difference = random_run(make_pair, seed, 200, settle=0.01, restart=0.01)
        assert not difference, report_of(seed, make_pair, operations, difference)
        assert len(operations) == 200


@pytest.mark.parametrize("fault", FAULTS)
def test_a_difference_of_folders_is_found_and_shrunk(folder, fault):
    make_pair = pairs_of_folders(folder, lambda root: Forgetful(root, fault))
    for seed in range(100):
        operations, difference = random_run(make_pair, seed, 200)
        if difference:
            break
    assert difference, "it was not found"
    shorter, again = shrink(make_pair, operations, difference, seconds=20)
    print(f"seed {seed}: {len(operations)} operations, shrunk to {shorter}\n{again}")
    assert len(shorter) <= 8
