"""What a user of a mount feels."""

import os
import statistics
import subprocess
import sys
import time

from benchmarks.processes import cpu_seconds
from support.driveway import Machine, memory_of
from support.simulator import Simulator, calls

_MIB = 1 << 20
_GIB = 1 << 30


def _timed(work):
    begin = time.monotonic()
    result = work()
    return time.monotonic() - begin, result


def _count_files(path):
    done = subprocess.run(
        f"find {path} -type f | wc -l", shell=True, check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def walk(folder):
    """find MOUNT -type f | wc -l, cold and after a remount."""
    with Simulator(folder / "sim") as simulator:
        simulator.seed(trees=[{"path": "t", "folders": 1000, "files": 100, "size": 1024, "seed": 1}])
        simulator.set(profile="colab", quota="2026")
        with Machine(folder / "machine", simulator, life=600) as machine:
            options = ("--quota", "2026")
            mount = machine.mount(*options)
            simulator.reset_stats()
            cold, found = _timed(lambda: _count_files(mount.path))
            assert found == 100_000, found
            cold_calls = calls(simulator.stats())
            memory, cpu = memory_of(mount.pid), cpu_seconds(mount.pid)
            mount.unmount()
            simulator.reset_stats()
            begin = time.monotonic()
            mount = machine.mount(*options)
            ready = time.monotonic() - begin
            warm, found = _timed(lambda: _count_files(mount.path))
            assert found == 100_000, found
            result = {
                "cold find, seconds": cold,
                "cold find, API calls": cold_calls,
                "daemon's anonymous memory, MiB": memory / _MIB,
                "daemon's CPU seconds, cold": cpu,
                "remount, seconds": ready,
                "warm find, seconds": warm,
                "remount and warm find, API calls": calls(simulator.stats()),
            }
            mount.unmount()
            return result


# In a process of its own, so that it does not stand in the way of what measures it.
_READERS = """
import os, random, sys, threading
def read(seed):
    order = list(range(os.stat(sys.argv[1]).st_size >> 20))
    random.Random(seed).shuffle(order)
    with open(sys.argv[1], "rb", buffering=0) as file:
        for index in order:
            os.preadv(file.fileno(), [bytearray(4096)], index << 20)
threads = [threading.Thread(target=read, args=(seed,)) for seed in range(64)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def _ls_ms(path):
    return _timed(lambda: subprocess.run(["ls", path], check=True, capture_output=True))[0] * 1000


def _readers(folder, profile):
    with Simulator(folder / "sim", "--profile", profile, "--quota", "unlimited") as simulator:
        simulator.seed(
            items=[{"path": "big", "size": _GIB, "seed": 1}],
            trees=[{"path": "t", "folders": 1, "files": 100, "size": 1000, "seed": 2}],
        )
        with Machine(folder / "machine", simulator, life=600) as machine:
            mount = machine.mount("--quota", "unlimited")
            listed, plain = mount.my_drive / "t/d00000", folder / "plain"
            plain.mkdir()
            for name in os.listdir(listed):
                (plain / name).touch()
            simulator.reset_stats()
            times, plain_times = [], []
            begin = time.monotonic()
            reading = subprocess.Popen([sys.executable, "-c", _READERS, mount.my_drive / "big"])
            while reading.poll() is None:
                times.append(_ls_ms(listed))
                plain_times.append(_ls_ms(plain))
            total = time.monotonic() - begin
            fetched = simulator.stats()["methods"]["files.get_media"]["bytes_out"]
            mount.unmount()
            return {
                f"{profile}: seconds until all have read": total,
                f"{profile}: bytes fetched / size": fetched / _GIB,
                f"{profile}: ls meanwhile, ms, median": statistics.median(times),
                f"{profile}: ls meanwhile, ms, slowest": max(times),
                f"{profile}: ls of plain disk meanwhile, ms, median": statistics.median(plain_times),
                f"{profile}: ls of plain disk meanwhile, ms, slowest": max(plain_times),
            }


def readers(folder):
    """64 readers of one cold 1 GiB file at random places; ls of a cached folder meanwhile, and of one on
    plain disk. On the network of Colab, and on a local one, where the readers take all of the CPU."""
    return {**_readers(folder / "colab", "colab"), **_readers(folder / "lan", "lan")}


def _read_all(path):
    buffer = bytearray(_MIB)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def sequential(folder):
    """One cold 1 GiB file, read from front to back, over TLS."""
    with Simulator(folder / "sim") as simulator:
        simulator.seed(items=[{"path": "big", "size": _GIB, "seed": 1}])
        simulator.set(profile="colab", quota="2026")
        with Machine(folder / "machine", simulator, tls=True, life=600) as machine:
            mount = machine.mount("--quota", "2026")
            before = cpu_seconds(mount.pid)
            cold, _ = _timed(lambda: _read_all(mount.my_drive / "big"))
            cpu = cpu_seconds(mount.pid) - before
            result = {
                "driveway cold, MB/s": _GIB / 1e6 / cold,
                "driveway, CPU seconds per GB": cpu / (_GIB / 1e9),
                "driveway, anonymous memory, MiB": memory_of(mount.pid) / _MIB,
            }
            mount.unmount()
        return result
