"""The workloads of tools/bench."""
