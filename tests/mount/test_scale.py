"""100,000 files in 1,000 folders, as the network of Colab has them."""

import os
import subprocess
import time

import pytest

from support.driveway import memory_of
from support.simulator import calls_by_method

FOLDERS, FILES = 1000, 100
MIB = 1 << 20


def count_files(mount):
    """`find MOUNT -type f | wc -l`, and its seconds."""
    begin = time.monotonic()
    done = subprocess.run(
        f"find '{mount.path}' -type f | wc -l", shell=True, capture_output=True, timeout=200
    )
    assert done.returncode == 0 and not done.stderr
    return int(done.stdout), time.monotonic() - begin


@pytest.mark.heavy
def test_find_over_100_000_files(simulator, machine):
    simulator.seed(
        trees=[{"path": "train", "folders": FOLDERS, "files": FILES, "size": 1000, "seed": 1}]
    )
    simulator.set(profile="colab", quota="2026")
    mount = machine.mount()
    simulator.reset_stats()
    count, cold = count_files(mount)
    stats = simulator.stats()
    print(f"cold: {cold:.1f} s, {calls_by_method(stats)}, {stats['units']} units")
    assert count == FOLDERS * FILES and cold < 60
    assert calls_by_method(stats)["files.list"] < 400, "listings are grouped"
    print(f"memory: {memory_of(mount.pid) / MIB:.0f} MiB")
    assert memory_of(mount.pid) < 200 * MIB
    mount.unmount()
    simulator.reset_stats()
    mount = machine.mount()
    count, warm = count_files(mount)
    stats = simulator.stats()
    print(f"warm: {warm:.1f} s, {calls_by_method(stats)}")
    assert count == FOLDERS * FILES and warm < 20
    assert stats["requests"] <= 5, calls_by_method(stats)
    print(f"memory: {memory_of(mount.pid) / MIB:.0f} MiB")
    assert memory_of(mount.pid) < 200 * MIB
    mount.unmount()


def test_a_folder_of_5000_files(simulator, machine):
    simulator.seed(trees=[{"path": "wide", "files": 5000, "size": 10, "seed": 1}])
    mount = machine.mount()
    names = os.listdir(mount.my_drive / "wide")
    assert len(names) == len(set(names)) == 5000
    with os.scandir(mount.my_drive / "wide") as entries:
        assert sum(entry.stat().st_size for entry in entries) == 50_000
    assert calls_by_method(simulator.stats())["files.list"] <= 10
