"""The workloads of `tools/bench reads`: what is read, and the figures of it. Each is measured on a
mount with cold caches. (The timed reading itself is done by reader.cc.)"""

import dataclasses
import pathlib
import statistics
import time
from typing import Callable

from benchmarks import rows, subjects
from benchmarks.programs import run

_MIB = 1 << 20
_GB = 1e9
_SMALL = 110_000  # bytes of a small file
_BURST_2026 = 270  # files that quota 2026 grants at once
_FAST_READS = 10_000  # random reads within one second that do not wait for Drive any more
_WARM_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is read. `…_seconds`: a subject that has not read all by then is stopped."""

    big: int = 1024 * _MIB
    heads: int = 21
    rclone_heads: int = 7
    at_once: int = 512 * _MIB
    mapped: int = 2048 * _MIB
    mapped_seconds: float = 60
    small_files: int = 2000
    small_seconds: float = 150
    rclone_small_seconds: float = 20
    folders: int = 100
    warm_files: int = 400
    passes: int = 5
    rclone_passes: int = 2


FULL = Scale()
SHORT = Scale(
    big=256 * _MIB,
    heads=5,
    rclone_heads=2,
    at_once=128 * _MIB,
    mapped=512 * _MIB,
    mapped_seconds=10,
    small_files=300,
    small_seconds=30,
    rclone_small_seconds=10,
    folders=20,
    warm_files=100,
)


@dataclasses.dataclass(frozen=True)
class Workload:
    """`tree(scale, round)`: what simulator.seed() takes. `measure(bench, scale, round)`: a figure
    by its name; `main` is the one that tells rclone's better variant (more is better, unless it is
    "seconds"). `rounds`: of driveway and of rclone; after the first one only rclone's better
    variant is measured."""

    name: str
    main: str
    tree: Callable
    measure: Callable
    rounds: tuple
    quota: str = "2026"
    rclones: tuple = (subjects.RCLONE, subjects.RCLONE_TUNED)


def _seed(what, number):
    """No two rounds of a workload read the same content."""
    return what * 1000 + number


def _file(path, size, seed):
    return {"path": path, "size": size, "seed": seed}


# -- big files -------------------------------------------------------------------------------------


def _big_tree(scale, number):
    return {"items": [_file("big", scale.big, _seed(1, number))]}


def _gb_per_second(read):
    return read["bytes"] / _GB / read["seconds"]


def _big(bench, scale, number):
    """Cold; then with everything warm; then without the mount's pages in the kernel's cache."""
    path = bench.subject.drive / "big"
    bench.list()
    with bench.watched() as figures:
        read = bench.reader("sequential", path)
        bench.wait_until_quiet()
        bench.wait_until_verified(1)
    gigabytes = read["bytes"] / _GB
    without_md5 = figures["cpu_seconds"] - figures["md5_cpu_seconds"]
    figures["mb_per_second"] = read["bytes"] / 1e6 / read["seconds"]
    figures["cpu_per_gb"] = without_md5 / gigabytes
    figures["cpu_per_gb_with_md5"] = figures["cpu_seconds"] / gigabytes
    figures.update(_second_reads(bench, path, scale))
    if number == 0:
        bench.check_md5(["big"])
    return figures


def _second_reads(bench, path, scale):
    """Of a whole file whose contents are here; beside each the same read of plain disk."""
    passes = scale.passes if bench.is_driveway else scale.rclone_passes
    plain, paged = bench.plain_copy(path), bench.plain_copy(path, "paged")
    bench.reader("repage", paged)
    held = bench.reader("cached", path)
    names = ("warm", "plain", "plain_paged", "dropped", "plain_beside_dropped")
    speeds = {name: [] for name in names}
    for _ in range(passes):
        speeds["warm"].append(_gb_per_second(bench.reader("sequential", path)))
        speeds["plain"].append(_gb_per_second(bench.reader("sequential", plain)))
        speeds["plain_paged"].append(_gb_per_second(bench.reader("sequential", paged)))
    for _ in range(passes):
        bench.drop_kernel_pages(path)
        speeds["dropped"].append(_gb_per_second(bench.reader("sequential", path)))
        speeds["plain_beside_dropped"].append(_gb_per_second(bench.reader("sequential", plain)))
    figures = {f"{name}_gb_per_second": statistics.median(s) for name, s in speeds.items()}
    return {**figures, "cached_share": held["cached"] / held["bytes"]}


def _heads_tree(scale, number):
    heads = [_file(f"head{i:02}", scale.big, _seed(1, number) + i) for i in range(scale.heads)]
    return {"items": heads}


def _heads(bench, scale, _number):
    """The first 4 KiB of cold files, one after the other, each with nothing else under way."""
    count = scale.heads if bench.is_driveway else scale.rclone_heads
    names = [f"head{i:02}" for i in range(count)]
    bench.list()
    seconds, delays, heads = [], [], {}
    with bench.watched() as figures:
        for name in names:
            read = bench.reader("head", 4096, bench.subject.drive / name)
            bench.wait_until_quiet()
            seconds.append(read["seconds"])
            delays.append(bench.media_delay(name))
            heads[name] = bytes.fromhex(read["hex"])
    for name, head in heads.items():
        bench.check_ranges(name, {0: head})
    figures["seconds"] = statistics.median(seconds)
    ratios = [ours / delay for ours, delay in zip(seconds, delays)]
    figures["times_first_byte"] = statistics.median(ratios)
    figures["files"] = len(names)
    return figures


def _at_once_tree(scale, number):
    parts = [_file(f"part{i}", scale.at_once, _seed(2, 4 * number + i)) for i in range(4)]
    return {"items": parts}


def _at_once(bench, _scale, number):
    names = [f"part{i}" for i in range(4)]
    bench.list()
    with bench.watched() as figures:
        read = bench.reader("sequential", *(bench.subject.drive / name for name in names))
    figures["mb_per_second"] = read["bytes"] / 1e6 / read["seconds"]
    figures["cpu_per_gb"] = figures["cpu_seconds"] / (read["bytes"] / _GB)
    if number == 0:
        bench.check_md5(names)
    return figures


def _mapped_tree(scale, number):
    return {"items": [_file("tokens", scale.mapped, _seed(3, number))]}


def _mapped(bench, scale, number):
    path = bench.subject.drive / "tokens"
    bench.list()
    with bench.watched() as figures:
        read = bench.reader(
            "mmap", scale.mapped_seconds, number, path, timeout=scale.mapped_seconds + 120
        )
    figures["reads_per_second"] = read["reads"] / read["seconds"]
    figures["reads_each_second"] = read["each_second"]
    fast = [second for second, reads in enumerate(read["each_second"]) if reads >= _FAST_READS]
    if fast:
        figures["fast_after_seconds"] = fast[0]
    pages = {int(page) * 4096: bytes.fromhex(text) for page, text in read["pages"].items()}
    bench.check_ranges("tokens", pages)
    return figures


# -- small files -----------------------------------------------------------------------------------


def _small_tree(scale, number):
    tree = {"path": "small", "files": scale.small_files, "size": _SMALL}
    return {"trees": [{**tree, "seed": _seed(4, number)}]}


def _small(threads, order, burst=None):
    """`burst`: how many files the quota grants at once, where what comes after is the question."""

    def measure(bench, scale, number):
        limit = scale.small_seconds if bench.is_driveway else scale.rclone_small_seconds
        folder = bench.subject.drive / "small"
        with bench.watched() as figures:
            read = bench.reader("files", threads, limit, order, number, folder, timeout=limit + 60)
        names = read.pop("read")
        figures["files_per_second"] = rows.rate_of_all(
            read["files"], read["of"], read["seconds"], read["listed"]
        )
        if burst is not None and bench.is_driveway:  # (rclone reads too few in its time)
            figures["after_burst_per_second"] = (read["files"] - burst) / read["seconds"]
        figures["files"], figures["of_files"] = read["files"], read["of"]
        figures["seconds"] = read["seconds"]
        figures["cpu_per_gb"] = figures["cpu_seconds"] / (read["bytes"] / _GB)
        bench.check_md5([f"small/{name}" for name in names])
        return figures

    return measure


def _warm_tree(scale, number):
    tree = {"path": "small", "files": scale.warm_files, "size": _SMALL}
    return {"trees": [{**tree, "seed": _seed(5, number)}]}


def _warm(bench, scale, _number):
    """8 threads, everything in the kernel's cache; on plain disk in turn."""
    folder = bench.subject.drive / "small"
    bench.reader("files", 8, 150, "listing", 0, folder)
    names = [path.name for path in pathlib.Path(folder).iterdir()]
    bench.check_md5([f"small/{name}" for name in names])
    plain = bench.plain_copy(folder)
    for path in (folder, plain):  # what is read from here on was all read before, at least twice
        bench.reader("again", 8, _WARM_SECONDS, path)
    speeds = {"files_per_second": [], "plain_files_per_second": []}
    with bench.watched() as figures:
        for _ in range(scale.passes):
            for speed, path in zip(speeds.values(), (folder, plain)):
                read = bench.reader("again", 8, _WARM_SECONDS, path)
                speed.append(read["files"] / read["seconds"])
    figures.update({name: statistics.median(values) for name, values in speeds.items()})
    held = bench.reader("cached", *(folder / name for name in names))
    figures["cached_share"] = held["cached"] / held["bytes"]
    return figures


# -- listings --------------------------------------------------------------------------------------


def _list_tree(scale, number):
    tree = {"path": "many", "folders": scale.folders, "files": 100, "size": 1000}
    return {"trees": [{**tree, "seed": _seed(6, number)}]}


def _timed_list(bench):
    begin = time.monotonic()
    text = run(["ls", "-lR", bench.subject.drive / "many"], timeout=300)
    seconds = time.monotonic() - begin
    bench.check_listing(text)
    return seconds


def _list(bench, _scale, _number):
    """Cold, and after a remount, the calls of which count too."""
    with bench.watched() as figures:
        figures["seconds"] = _timed_list(bench)
    bench.subject.unmount()
    bench.simulator.reset_stats()
    bench.subject.mount()
    figures["again_seconds"] = _timed_list(bench)
    figures["again_calls"] = bench.simulator.stats()["requests"]
    return figures


ALL = (
    Workload("big", "mb_per_second", _big_tree, _big, rounds=(3, 1)),
    Workload("heads", "seconds", _heads_tree, _heads, rounds=(1, 1)),
    Workload("at-once", "mb_per_second", _at_once_tree, _at_once, rounds=(2, 1)),
    Workload(
        "small-1",
        "files_per_second",
        _small_tree,
        _small(1, "listing"),
        rounds=(1, 1),
        quota="legacy",
    ),
    Workload(
        "small-8",
        "files_per_second",
        _small_tree,
        _small(8, "random"),
        rounds=(2, 1),
        quota="legacy",
    ),
    Workload(
        "small-2026",
        "files_per_second",
        _small_tree,
        _small(8, "random", burst=_BURST_2026),
        rounds=(1, 1),
        rclones=(subjects.RCLONE_TUNED,),
    ),
    Workload("mapped", "reads_per_second", _mapped_tree, _mapped, rounds=(1, 1)),
    Workload("list", "seconds", _list_tree, _list, rounds=(3, 1)),
    Workload(
        "warm-small",
        "files_per_second",
        _warm_tree,
        _warm,
        rounds=(1, 1),
        quota="unlimited",
        rclones=(subjects.RCLONE_TUNED,),
    ),
)
