"""The workloads of `tools/bench writes`: what is written, and the figures of it. "until in Drive" is
by another client's eyes: the simulator's dump. (The timed writing itself is done by writer.cc.)"""

import dataclasses
import hashlib
import os
import subprocess
import threading
import time

from benchmarks import subjects
from benchmarks.failed import Failed
from benchmarks.programs import run
from benchmarks.workloads import Workload

_MIB = 1 << 20
_SMALL = 10_240
_POLL = 0.05  # seconds between looks at Drive


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is written. `drain_seconds`: a subject that has not brought all to Drive by then is
    given up."""

    big: int = 1024 * _MIB
    small_files: int = 500
    folder_files: int = 1000
    save: int = 100_000_000
    saves: int = 30
    save_period: float = 2
    drain_seconds: float = 400


FULL = Scale()
SHORT = Scale(
    big=64 * _MIB,
    small_files=30,
    folder_files=50,
    save=10_000_000,
    saves=5,
    drain_seconds=120,
)


def _empty(_scale, _number):
    return {"items": [{"path": "work", "type": "folder"}]}


def _one_big(scale, number):
    return {"items": [{"path": "big", "size": scale.big, "seed": 9000 + number}]}


def _folder(scale, number):
    tree = {"path": "many", "folders": 0, "files": scale.folder_files, "size": _SMALL}
    return {"trees": [{**tree, "seed": 9100 + number}]}


def _md5(path):
    digest = hashlib.md5()
    with open(path, "rb") as file:
        while block := file.read(4 * _MIB):
            digest.update(block)
    return digest.hexdigest()


# -- big files -------------------------------------------------------------------------------------


def _big(bench, scale, number):
    """A new file; beside it the same on a FUSE that does nothing."""
    bench.list()
    path = bench.subject.drive / "work" / "big"
    with bench.watched() as figures:
        wrote = bench.writer("whole", path, scale.big)
        closed = time.monotonic()
        bench.wait_in_drive({"work/big": scale.big}, scale.drain_seconds)
        figures["drain_seconds"] = time.monotonic() - closed
    figures["seconds"] = wrote["seconds"]
    figures["bytes"] = scale.big
    figures["cpu_per_gb"] = figures["cpu_seconds"] / (scale.big / 1e9)
    if bench.is_driveway:
        figures["null_seconds"] = bench.null_fuse(lambda at: bench.writer("whole", at / "x", scale.big))
    if number == 0 and bench.md5_in_drive("work/big") != _md5(path):
        raise Failed("Drive has other bytes than were written")
    return figures


def _patch(bench, scale, _number):
    """4 KiB in the middle of a file whose bytes are here."""
    bench.list()
    path = bench.subject.drive / "big"
    bench.reader("sequential", path)
    bench.wait_until_quiet()
    before = bench.md5_in_drive("big")
    with bench.watched() as figures:
        wrote = bench.writer("patch", path, scale.big // 2, 4096)
        closed = time.monotonic()
        bench.wait_for_drive(
            lambda: bench.md5_in_drive("big") not in (None, before), scale.drain_seconds
        )
        figures["drain_seconds"] = time.monotonic() - closed
    figures["seconds"] = wrote["seconds"]
    figures["bytes"] = scale.big
    figures["downloaded"] = bench.moved()["down"]
    return figures


def _copy(bench, scale, _number):
    """cp of a clean file."""
    bench.list()
    begin = time.monotonic()
    with bench.watched() as figures:
        run(["cp", bench.subject.drive / "big", bench.subject.drive / "copy"], timeout=300)
        figures["seconds"] = time.monotonic() - begin
        bench.wait_in_drive({"copy": scale.big}, scale.drain_seconds)
    figures["moved"] = bench.moved()["up"] + bench.moved()["down"]
    if bench.md5_in_drive("copy") != bench.md5_in_drive("big"):
        raise Failed("the copy is not equal")
    return figures


def _killed(bench, scale, _number):
    """The daemon killed when half of the upload has gone."""
    bench.list()
    path = bench.subject.drive / "work" / "big"
    bench.writer("whole", path, scale.big)
    bench.wait_for_drive(lambda: bench.moved()["up"] >= scale.big / 2, scale.drain_seconds)
    figures = {}
    bench.subject.kill()
    sent = bench.moved()["up"]
    begin = time.monotonic()
    bench.subject.mount()
    figures["ready_seconds"] = time.monotonic() - begin
    bench.wait_in_drive({"work/big": scale.big}, scale.drain_seconds)
    figures["sent_again"] = (bench.moved()["up"] - sent) / scale.big
    if bench.md5_in_drive("work/big") != _md5(path):
        raise Failed("Drive has other bytes than were written")
    return figures


# -- many files ------------------------------------------------------------------------------------


def _many(bench, scale, _number):
    bench.list()
    folder = bench.subject.drive / "work"
    with bench.watched() as figures:
        begin = time.monotonic()
        wrote = bench.writer("many", folder, scale.small_files, _SMALL)
        names = {f"work/file{i}": _SMALL for i in range(scale.small_files)}
        bench.wait_in_drive(names, scale.drain_seconds)
        took = time.monotonic() - begin
    figures["files"] = scale.small_files
    figures["files_per_second"] = wrote["files"] / wrote["seconds"]
    figures["in_drive_per_second"] = scale.small_files / took
    if bench.is_driveway:
        plain = bench.writer("many", bench.plain_folder("many"), scale.small_files, _SMALL)
        figures["plain_files_per_second"] = plain["files"] / plain["seconds"]
        null = bench.null_fuse(lambda at: bench.writer("many", at, scale.small_files, _SMALL))
        figures["null_files_per_second"] = scale.small_files / null
    return figures


def _folders(bench, scale, _number):
    """A folder of many files is renamed, then removed."""
    bench.list()
    drive = bench.subject.drive
    figures = {}
    with bench.watched() as renaming:
        begin = time.monotonic()
        os.rename(drive / "many", drive / "renamed")
        figures["rename_seconds"] = time.monotonic() - begin
        bench.wait_for_drive(lambda: bench.has("renamed"), scale.drain_seconds)
        figures["rename_changes"] = bench.changing_calls()
    with bench.watched() as removing:
        begin = time.monotonic()
        run(["rm", "-r", drive / "renamed"], timeout=300)
        figures["remove_seconds"] = time.monotonic() - begin
        bench.wait_for_drive(lambda: not bench.has("renamed"), scale.drain_seconds)
        figures["remove_changes"] = bench.changing_calls()
    figures["cpu_seconds"] = renaming["cpu_seconds"] + removing["cpu_seconds"]
    return figures


def _saves(bench, scale, _number):
    """A checkpoint over the last one, again and again; somebody looks at it in Drive meanwhile."""
    bench.list()
    path = bench.subject.drive / "work" / "model.pt"
    seen, done = [], threading.Event()

    def look():
        while not done.wait(0.5):
            seen.append(bench.size_in_drive("work/model.pt"))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        wrote = bench.writer(
            "saves", path, scale.save, scale.saves, scale.save_period, timeout=scale.drain_seconds
        )
        final = _md5(path)
        bench.wait_for_drive(
            lambda: bench.md5_in_drive("work/model.pt") == final, scale.drain_seconds
        )
        ended = time.monotonic()
    finally:
        done.set()
        watcher.join()
    figures = {"bytes": scale.save, "longest_save_seconds": wrote["longest"]}
    figures["final_seconds"] = ended - wrote["ended"]
    figures["not_whole"] = sum(1 for size in seen if size not in (None, scale.save))
    first = next((i for i, size in enumerate(seen) if size is not None), len(seen))
    figures["not_whole"] += sum(1 for size in seen[first:] if size is None)
    figures["looks"] = len(seen) - first
    return figures


_RCLONE = (subjects.RCLONE_WRITING,)

ALL = (
    Workload("write", "seconds", _empty, _big, rounds=(3, 1), rclones=_RCLONE),
    Workload("patch", "seconds", _one_big, _patch, rounds=(1, 1), rclones=()),
    Workload("many", "files_per_second", _empty, _many, rounds=(1, 1), rclones=_RCLONE),
    Workload("copy", "seconds", _one_big, _copy, rounds=(1, 1), rclones=()),
    Workload("folders", "seconds", _folder, _folders, rounds=(1, 1), rclones=()),
    Workload("saves", "seconds", _empty, _saves, rounds=(1, 1), rclones=()),
    Workload("killed", "seconds", _empty, _killed, rounds=(1, 1), rclones=()),
)
