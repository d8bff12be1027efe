"""What a user of a mount feels."""

import os
import pathlib
import random
import subprocess
import threading
import time

from support.driveway import Machine, memory_of
from support.simulator import Simulator, calls

_MIB = 1 << 20
_GIB = 1 << 30


def _cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
            memory, cpu = memory_of(mount.pid), _cpu_seconds(mount.pid)
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


def readers(folder):
    """64 readers of one cold 1 GiB file at random places; ls of a cached folder meanwhile."""
    with Simulator(folder / "sim", "--profile", "lan", "--quota", "unlimited") as simulator:
        simulator.seed(
            items=[{"path": "big", "size": _GIB, "seed": 1}],
            trees=[{"path": "t", "folders": 1, "files": 100, "size": 1000, "seed": 2}],
        )
        with Machine(folder / "machine", simulator, life=600) as machine:
            mount = machine.mount("--quota", "unlimited")
            listed = mount.my_drive / "t/d00000"
            os.listdir(listed)
            simulator.reset_stats()

            def read(seed):
                order = list(range(_GIB // _MIB))
                random.Random(seed).shuffle(order)
                with open(mount.my_drive / "big", "rb", buffering=0) as file:
                    for index in order:
                        os.preadv(file.fileno(), [bytearray(4096)], index * _MIB)

            threads = [threading.Thread(target=read, args=(seed,)) for seed in range(64)]
            worst = 0.0
            begin = time.monotonic()
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                done = subprocess.run
                seconds, _ = _timed(lambda: done(["ls", listed], check=True, capture_output=True))
                worst = max(worst, seconds)
            total = time.monotonic() - begin
            fetched = simulator.stats()["methods"]["files.get_media"]["bytes_out"]
            mount.unmount()
            return {
                "seconds until all have read": total,
                "bytes fetched / size": fetched / _GIB,
                "slowest ls meanwhile, ms": worst * 1000,
            }


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
            before = _cpu_seconds(mount.pid)
            cold, _ = _timed(lambda: _read_all(mount.my_drive / "big"))
            cpu = _cpu_seconds(mount.pid) - before
            result = {
                "driveway cold, MB/s": _GIB / 1e6 / cold,
                "driveway, CPU seconds per GB": cpu / (_GIB / 1e9),
                "driveway, anonymous memory, MiB": memory_of(mount.pid) / _MIB,
            }
            mount.unmount()
        return result
