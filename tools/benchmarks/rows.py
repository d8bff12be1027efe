"""What `tools/bench reads` must show: the rows of its table, judged from the figures of the
workloads. No measuring here."""

import dataclasses
import statistics
from typing import Callable, Optional

_MIB = 1 << 20
_QUOTA_2026_PER_SECOND = 27.1  # files: 325,000 units a minute, 200 a download
OURS = "driveway"


class Results:
    """What was measured: workload -> subject -> a dict of figures for each round, or
    {"failed": reason}. `network`: the simulator's, with its bytes a second."""

    def __init__(self, measured, network):
        self.measured = measured
        self.total_mb_per_second = network.get("total_bandwidth", 0) / 1e6
        self.connection_bandwidth = network.get("connection_bandwidth", 0)

    def failures(self, workload, subject=OURS):
        rounds = self.measured.get(workload, {}).get(subject, [])
        return [figures["failed"] for figures in rounds if "failed" in figures]

    def values(self, workload, subject, figure):
        rounds = self.measured.get(workload, {}).get(subject, [])
        return [figures[figure] for figures in rounds if figure in figures]

    def median(self, workload, figure, subject=OURS):
        """None where it was not measured."""
        values = self.values(workload, subject, figure)
        return statistics.median(values) if values else None

    def peak(self, workload, figure, subject=OURS):
        values = self.values(workload, subject, figure)
        return max(values) if values else None

    def best_rclone(self, workload, figure, best=max):
        """The better variant's median; None if none was measured."""
        others = [name for name in self.measured.get(workload, {}) if name != OURS]
        medians = [self.median(workload, figure, name) for name in others]
        return best([m for m in medians if m is not None], default=None)


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that must be reached. `value` is None where something failed; `limit` is then not
    reached."""

    what: str
    value: Optional[float]
    limit: Optional[float]
    at_least: bool = True
    unit: str = ""

    @property
    def passed(self):
        if self.value is None or self.limit is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    workload: str
    checks: Callable  # (Results) -> [Check]


def rate_of_all(files, of_files, seconds, listed):
    """Files a second of reading a whole folder: the first `files` took `seconds`, with the listing,
    which took `listed`."""
    return of_files / (listed + (seconds - listed) * of_files / files)


def ratio(ours, others):
    return None if ours is None or not others else ours / others


def at_least(what, value, limit, unit=""):
    return Check(what, value, limit, True, unit)


def at_most(what, value, limit, unit=""):
    return Check(what, value, limit, False, unit)


def _faster(results, workload, figure, limit):
    """A rate against the better rclone's."""
    ours = results.median(workload, figure)
    return at_least("rclone", ratio(ours, results.best_rclone(workload, figure)), limit, "x")


def _sooner(results, workload, figure, limit):
    """Seconds against the better rclone's."""
    ours = results.median(workload, figure)
    rclone = results.best_rclone(workload, figure, min)
    return at_least("rclone", ratio(rclone, ours), limit, "x")


def _of_link(results, workload, limit):
    ours = results.median(workload, "mb_per_second")
    return at_least("of the link", ratio(ours, results.total_mb_per_second), limit)


def _sequential(results):
    return [_of_link(results, "big", 0.85), _faster(results, "big", "mb_per_second", 4)]


def _first_byte(results):
    ours = results.median("heads", "times_first_byte")
    return [at_most("Drive's first byte", ours, 1.15, "x")]


def _at_once(results):
    peak = results.peak("at-once", "peak_memory")
    memory = None if peak is None else peak / _MIB
    return [_of_link(results, "at-once", 0.9), at_most("anonymous memory", memory, 350, "MiB")]


def _dropped(results):
    ours = results.median("big", "dropped_gb_per_second")
    plain = results.median("big", "plain_beside_dropped_gb_per_second")
    limit = None if plain is None else min(1.5, 0.6 * plain)
    return [
        at_least("(1.5, or 0.6 x plain disk)", ours, limit, "GB/s"),
        _faster(results, "big", "dropped_gb_per_second", 1.3),
    ]


def _warm(results):
    plain = results.median("big", "plain_gb_per_second")
    share = ratio(results.median("big", "warm_gb_per_second"), plain)
    return [at_least("plain disk", share, 0.95, "x")]


def _small_2026(results):
    rate = results.median("small-2026", "after_burst_per_second")
    refused = results.peak("small-2026", "refused")
    return [
        at_least("of the quota's rate", ratio(rate, _QUOTA_2026_PER_SECOND), 0.9),
        at_most("refused", refused, 0.01),
    ]


def _list_again(results):
    calls = results.peak("list", "again_calls")
    return [_sooner(results, "list", "again_seconds", 50), at_most("API calls", calls, 5)]


def _cpu(results):
    rclone = results.best_rclone("big", "cpu_per_gb", min)
    without = ratio(results.median("big", "cpu_per_gb"), rclone)
    with_md5 = ratio(results.median("big", "cpu_per_gb_with_md5"), rclone)
    return [
        at_most("rclone, without the md5", without, 0.7, "x"),
        at_most("rclone, with the md5", with_md5, 1.0, "x"),
    ]


def _warm_small(results):
    ours = results.median("warm-small", "files_per_second")
    plain = results.median("warm-small", "plain_files_per_second")
    return [at_least("plain disk", ratio(ours, plain), 0.5, "x")]


ALL = (
    Row("sequential", "one cold 1 GiB file from front to back", "big", _sequential),
    Row("first-byte", "first 4 KiB of a cold 1 GiB file, listing known", "heads", _first_byte),
    Row("at-once", "4 cold 512 MiB files at once", "at-once", _at_once),
    Row("dropped", "second read, the mount's pages dropped from the kernel", "big", _dropped),
    Row("warm", "second read, everything warm", "big", _warm),
    Row(
        "small-1",
        "2,000 files of 110 KB, 1 reader in listing order, quota legacy",
        "small-1",
        lambda results: [_faster(results, "small-1", "files_per_second", 15)],
    ),
    Row(
        "small-8",
        "the same, 8 readers in random order",
        "small-8",
        lambda results: [_faster(results, "small-8", "files_per_second", 5)],
    ),
    Row("small-2026", "the same with quota 2026", "small-2026", _small_2026),
    Row(
        "mapped",
        "random 4 KiB of a cold, memory-mapped 2 GiB file for 60 s",
        "mapped",
        lambda results: [_faster(results, "mapped", "reads_per_second", 10)],
    ),
    Row(
        "list",
        "ls -lR of 10,000 files in 100 folders, cold",
        "list",
        lambda results: [_sooner(results, "list", "seconds", 10)],
    ),
    Row("list-again", "the same after a remount", "list", _list_again),
    Row("cpu", "CPU seconds per GB, cold sequential, TLS", "big", _cpu),
    Row("warm-small", "8 threads, open+read+close of warm 110 KB files", "warm-small", _warm_small),
)


def judged(row, results):
    """The row's checks; one that says so where driveway failed in any round."""
    failures = results.failures(row.workload)
    return [Check(f"FAILED: {failures[0]}", None, None)] if failures else row.checks(results)
