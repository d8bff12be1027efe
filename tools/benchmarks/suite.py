"""tools/bench reads and writes: every row of what must be reached, on driveway, on rclone and on
plain disk, against one simulator in one run (network of Colab, TLS)."""

import dataclasses
import os
import pathlib
import subprocess
import tempfile
import time
from typing import Any

from benchmarks import rows, subjects, table, workloads, write_rows, write_workloads
from benchmarks.failed import Failed
from benchmarks.lab import PROFILE, Lab

# What a subject's failure may look like; anything else is a defect of this program.
_FAILURES = (Failed, AssertionError, OSError, RuntimeError, subprocess.SubprocessError)
_LONGEST_REASON = 300


@dataclasses.dataclass(frozen=True)
class Suite:
    """`rows`: what must be reached, from the figures of `workloads`, at the scale `full`; `short`
    is to try it."""

    name: str
    rows: tuple
    workloads: tuple
    full: Any
    short: Any

    def row_names(self):
        return [row.name for row in self.rows]


READS = Suite("reads", rows.ALL, workloads.ALL, workloads.FULL, workloads.SHORT)
WRITES = Suite(
    "writes", write_rows.ALL, write_workloads.ALL, write_workloads.FULL, write_workloads.SHORT
)


def _measure_once(lab, workload, kind, scale, number):
    """The figures of one round, or {"failed": reason}."""
    begin = time.monotonic()
    try:
        tree = workload.tree(scale, number)
        with lab.mounted(kind, workload.quota, **tree) as bench:
            figures = workload.measure(bench, scale, number)
    except _FAILURES as error:
        text = " ".join(f"{error}".split())[:_LONGEST_REASON]
        figures = {"failed": text or type(error).__name__}
    figures["took"] = time.monotonic() - begin
    return figures


def _kinds_of_round(workload, number, rounds, results):
    """Who is measured in a round: after the first one, only the better rclone."""
    ours, rclones = rounds or workload.rounds[0], rounds or workload.rounds[1]
    kinds = [subjects.DRIVEWAY] if number < ours else []
    if number == 0:
        return [*kinds, *workload.rclones]
    if number < rclones:
        best = min if workload.main == "seconds" else max
        medians = {
            kind: median
            for kind in workload.rclones
            if (median := results.median(workload.name, workload.main, kind.name)) is not None
        }
        kinds += [best(medians, key=medians.get)] if medians else []
    return kinds


def _measure(lab, workload, scale, rounds, results):
    measured = results.measured.setdefault(workload.name, {})
    for number in range(rounds or max(workload.rounds)):
        for kind in _kinds_of_round(workload, number, rounds, results):
            figures = _measure_once(lab, workload, kind, scale, number)
            measured.setdefault(kind.name, []).append(figures)
            only = rows.Results({workload.name: {kind.name: [figures]}}, lab.network)
            text = table.figures_text(only, workload.name, kind.name)
            head = f"{workload.name} round {number + 1}, {kind.name} ({figures['took']:.0f} s)"
            print(f"  {head}: {text}", flush=True)


def _about(lab, short):
    version = subprocess.run(["rclone", "version"], capture_output=True, text=True, check=True)
    return {
        "profile": PROFILE,
        "network": lab.network,
        "cpus": os.cpu_count(),
        "kernel": os.uname().release,
        "rclone": version.stdout.splitlines()[0],
        "short": short,
    }


def run(suite, only=(), rounds=None, short=False):
    """Measures the rows named in `only` (all without a name), prints the tables. Gives (whether all
    is reached, the same as JSON)."""
    begin = time.monotonic()
    wanted = [row for row in suite.rows if not only or row.name in only]
    scale = suite.short if short else suite.full
    needed = {row.workload for row in wanted}
    with tempfile.TemporaryDirectory(prefix="driveway-bench-") as folder:
        with Lab(pathlib.Path(folder)) as lab:
            results = rows.Results({}, lab.network)
            for workload in suite.workloads:
                if workload.name in needed:
                    _measure(lab, workload, scale, rounds, results)
            about = _about(lab, short)
    if short:
        print("\nThis was --short: less data than the rows say, so nothing is proved")
    print("\nMedians (memory: the peak)\n" + "\n".join(table.figures(results)))
    print("\nMust be reached\n" + "\n".join(table.verdicts(wanted, results)))
    print(f"\n{time.monotonic() - begin:.0f} s in all", flush=True)
    report = table.as_json(wanted, results, about)
    return all(row["passed"] for row in report["rows"].values()), report
