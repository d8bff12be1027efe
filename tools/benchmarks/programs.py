"""The programs that are timed (reader.cc, writer.cc), and the FUSE that does nothing (null_fuse.cc)."""

import contextlib
import json
import os
import pathlib
import subprocess

from benchmarks.failed import Failed
from support.waiting import wait_for

_SOURCES = pathlib.Path(__file__).parent
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


def _compiled(name, folder, *libraries):
    """The program NAME.cc, made in `folder`."""
    program = pathlib.Path(folder) / name
    command = ["g++", *_FLAGS, "-o", program, _SOURCES / f"{name}.cc", *libraries]
    subprocess.run([str(word) for word in command], check=True, timeout=300)
    return program


class _JsonProgram:
    name = None

    def __init__(self, folder):
        """Compiles it into `folder`."""
        self._program = _compiled(self.name, folder)

    def __call__(self, *arguments, timeout=180):
        """What it prints. Raises Failed."""
        return json.loads(run([self._program, *arguments], timeout))


class Reader(_JsonProgram):
    """reader("sequential", path)"""

    name = "reader"


class Writer(_JsonProgram):
    """writer("whole", path, size)"""

    name = "writer"


class NullFuse:
    def __init__(self, folder):
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "fuse3"], check=True, capture_output=True, text=True
        )
        self._program = _compiled("null_fuse", folder, *flags.stdout.split())

    @contextlib.contextmanager
    def mounted(self, folder):
        """A mountpoint whose files lie beside it in `folder`."""
        mountpoint, files = folder / "mnt", folder / "files"
        mountpoint.mkdir()
        files.mkdir()
        process = subprocess.Popen([self._program, mountpoint, files])
        try:
            wait_for(lambda: os.path.ismount(mountpoint) or process.poll() is not None, "a mount")
            if process.poll() is not None:
                raise Failed("the null FUSE did not mount")
            yield mountpoint
        finally:
            subprocess.run(["umount", "--lazy", str(mountpoint)], check=False)
            process.terminate()
            process.wait(30)
