"""tools/bench: runs workloads and prints what they measured."""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

from benchmarks import mounts, namespaces, simulator, suite

WORKLOADS = {
    "sim-media": simulator.media,
    "sim-lists": simulator.lists,
    "walk": mounts.walk,
    "readers": mounts.readers,
    "sequential": mounts.sequential,
}
_ROUNDS = 3
_SUITES = {each.name: each for each in (suite.READS, suite.WRITES)}


def _arguments():
    parser = argparse.ArgumentParser(prog="tools/bench")
    known = [*_SUITES, *WORKLOADS]
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(known))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", type=pathlib.Path)
    rows = [name for each in _SUITES.values() for name in each.row_names()]
    suites = " and ".join(f"`{name}`" for name in _SUITES)
    parser.add_argument("--only", default="", help=f"rows, separated by commas: {', '.join(rows)}")
    parser.add_argument("--short", action="store_true", help=f"{suites} of little data")
    arguments = parser.parse_args()
    arguments.only = [name for name in arguments.only.split(",") if name]
    arguments.workloads = arguments.workloads or known
    unknown = set(arguments.workloads) - set(known)
    unknown |= set(arguments.only) - set(rows)
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
        if name in _SUITES:
            passed, results[name] = suite.run(
                _SUITES[name], arguments.only, arguments.rounds, arguments.short
            )
            reached = reached and passed
        else:
            results[name] = _measured(name, arguments.rounds or _ROUNDS)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if reached else 1


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
