"""tools/bench: runs workloads and prints what they measured."""

import argparse
import json
import pathlib
import statistics
import tempfile

from benchmarks import mounts, simulator

WORKLOADS = {
    "sim-media": simulator.media,
    "sim-lists": simulator.lists,
    "walk": mounts.walk,
    "readers": mounts.readers,
    "sequential": mounts.sequential,
}


def main():
    parser = argparse.ArgumentParser(prog="tools/bench")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"unknown workload: {', '.join(sorted(unknown))}")
    results = {}
    for name in arguments.workloads or WORKLOADS:
        print(f"\n{name}", flush=True)
        rounds = []
        for _ in range(arguments.rounds):
            with tempfile.TemporaryDirectory(prefix="driveway-bench-") as folder:
                rounds.append(WORKLOADS[name](pathlib.Path(folder)))
        results[name] = {key: [r[key] for r in rounds] for key in rounds[0]}
        for key, values in results[name].items():
            shown = ", ".join(f"{value:g}" for value in values)
            print(f"  {key:<44} median {statistics.median(values):>10.4g}   ({shown})", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


main()
