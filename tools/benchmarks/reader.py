"""The program that reads what is measured (reader.cc)."""

import json
import pathlib
import subprocess

from benchmarks.failed import Failed

_SOURCE = pathlib.Path(__file__).with_name("reader.cc")
_FLAGS = ("-std=c++20", "-O2", "-pthread", "-Wall", "-Wextra", "-Werror")


def run(command, timeout, **options):
    """A child's stdout. One that does not end is killed: a mount that hangs must not hang the run.
    Raises Failed."""
    command = [str(word) for word in command]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    shown = " ".join(command[:4])
    try:
        out, error = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()  # it goes when its mount does, at the latest
        raise Failed(f"did not end within {timeout} s: {shown}") from None
    if process.returncode != 0:
        raise Failed(f"{shown}: exit status {process.returncode}: {error.strip()[-300:]}")
    return out


class Reader:
    def __init__(self, folder):
        """Compiles it into `folder`."""
        self._program = pathlib.Path(folder) / "reader"
        command = ["g++", *_FLAGS, "-o", self._program, _SOURCE]
        subprocess.run([str(word) for word in command], check=True, timeout=300)

    def __call__(self, *arguments, timeout=180):
        """reader("sequential", path): what it prints. Raises Failed."""
        return json.loads(run([self._program, *arguments], timeout))
