"""tools/bench: runs workloads and prints what they measured."""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

from benchmarks import mounts, namespaces, reads, simulator

WORKLOADS = {
    "sim-media": simulator.media,
    "sim-lists": simulator.lists,
    "walk": mounts.walk,
    "readers": mounts.readers,
    "sequential": mounts.sequential,
}
_ROUNDS = 3
_READS = "reads"


def _arguments():
    parser = argparse.ArgumentParser(prog="tools/bench")
    known = [_READS, *WORKLOADS]
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(known))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", type=pathlib.Path)
    rows = f"rows of `{_READS}`, separated by commas: {', '.join(reads.names())}"
    parser.add_argument("--only", default="", help=rows)
    parser.add_argument("--short", action="store_true", help=f"`{_READS}` of little data")
    arguments = parser.parse_args()
    arguments.only = [name for name in arguments.only.split(",") if name]
    arguments.workloads = arguments.workloads or known
    unknown = set(arguments.workloads) - set(known)
    unknown |= set(arguments.only) - set(reads.names())
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return arguments


def _measured(name, count):
    """Figure -> its values, a round each; printed as well."""
    rounds = []
    for _ in range(count):
        with tempfile.TemporaryDirectory(prefix="driveway-bench-") as folder:
            rounds.append(WORKLOADS[name](pathlib.Path(folder)))
    result = {key: [r[key] for r in rounds] for key in rounds[0]}
    for key, values in result.items():
        shown = ", ".join(f"{value:g}" for value in values)
        print(f"  {key:<44} median {statistics.median(values):>10.4g}   ({shown})", flush=True)
    return result


def main():
    arguments = _arguments()
    namespaces.enter()
    results, reached = {}, True
    for name in arguments.workloads:
        print(f"\n{name}", flush=True)
        if name == _READS:
            reached, results[name] = reads.run(arguments.only, arguments.rounds, arguments.short)
        else:
            results[name] = _measured(name, arguments.rounds or _ROUNDS)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if reached else 1


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
