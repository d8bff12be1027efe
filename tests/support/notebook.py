"""Notebook machines, the cells that are run on them (tests/notebook), and the person who logs in."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

from support.browser import approve, code_of, url_in
from support.driveway import daemons_with, send_signal
from support.programs import ROOT, program
from support.waiting import wait_for

CELLS = ROOT / "tests/notebook"
_SESSION = 300  # seconds
_SHARDS = {f"data/shard-{number}.bin": 300_000 + number for number in range(5)}


def person(simulator):
    """Who opens the URL, allows the access, and copies the code out of the address."""
    return lambda url: code_of(approve(url, simulator.ca_file))


def run_cells(command, reader=None, **options):
    """Runs a script of cells to its end: a CompletedProcess. It must show one URL, which `reader` gives
    the answer to; without a reader none, and there is just a Return where it asks."""
    running = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    with running:
        try:
            shown = running.stdout.readline() if reader else ""
            answer = reader(url_in(shown)) if shown else ""
            out, err = running.communicate(f"{answer}\n", timeout=_SESSION)
        except BaseException:
            running.kill()
            raise
    assert not reader or shown.count("URL") == 1, f"it shows no URL: {shown!r}{out}{err}"
    assert reader or "URL" not in out, out
    return subprocess.CompletedProcess(command, running.returncode, shown + out, err)


def put_training(simulator, folder, script):
    """The folder of a notebook's project on Drive: its script and its data."""
    items = [{"path": f"{folder}/{path}", "size": size} for path, size in _SHARDS.items()]
    text = (CELLS / "train.py").read_text(encoding="utf-8")
    items.append({"path": f"{folder}/{script}", "content": text})
    simulator.seed(items=items)


def outputs_of(done):
    """{path: md5} of what the training says that it wrote. It must have ended well."""
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


def _ids_below(simulator, folder):
    """{name: id} of the files of a folder of the Drive, in which no name may stand twice."""
    head = f"{folder}/"
    found = [item for item in simulator.dump() if item["path"].startswith(head)]
    ids = {item["path"].removeprefix(head): item["id"] for item in found}
    assert len(ids) == len(found), "a name stands twice"
    return ids


def wait_until_in_drive(simulator, folder, outputs):
    """Until all of `outputs` are there, whole, as another client of that Drive reads them, and what they
    were made of is the data that is there."""
    api = simulator.api()

    def md5_of(item_id):
        return hashlib.md5(api.read(item_id)).hexdigest()

    def all_there():
        ids = _ids_below(simulator, f"{folder}/output")
        there = {f"output/{name}": md5_of(item_id) for name, item_id in ids.items()}
        assert outputs.items() <= there.items(), outputs.items() - there.items()
        assert "model.part" not in ids
        return ids

    ids = wait_for(all_there, "the outputs in Drive", timeout=120, interval=0.5)
    used = json.loads(api.read(ids["data.json"]))
    data = _ids_below(simulator, f"{folder}/data")
    assert data and used == {name: md5_of(item_id) for name, item_id in data.items()}


class Notebook:
    """A machine where the programs are on the path, and know nothing but PATH and HOME: REQUIRES a
    network in which Google is the simulator (support/google_hosts.py). close() it."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self.home = self._folder / "root"
        self.content = self._folder / "content"  # where the notebook is
        for path in (self.home, self.content, self._folder / "run"):
            path.mkdir(parents=True, mode=0o700)
        programs = program("google-drive-ocamlfuse").parent
        self.environment = {
            "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self._folder / "run"),  # this machine has a /tmp for all of them
            "LANG": "C.UTF-8",
        }

    def run(self, script, *arguments, reader=None):
        """The cells of tests/notebook/`script`; see run_cells()."""
        command = ["bash", CELLS / script, *arguments]
        return run_cells(command, reader, cwd=self.content, env=self.environment)

    def shell(self, line):
        return subprocess.run(
            ["bash", "-c", line],
            env=self.environment,
            cwd=self.content,
            capture_output=True,
            text=True,
            timeout=_SESSION,
            stdin=subprocess.DEVNULL,
        )

    def unmount(self):
        done = self.shell("driveway unmount drive")
        assert done.returncode == 0, done.stderr

    def carry_over(self, other, name):
        """A folder of the home of another machine, such as ".config/driveway"."""
        shutil.copytree(other.home / name, self.home / name)

    def daemons(self):
        return daemons_with("HOME", self.home)

    def end(self):
        """As a machine that is taken away: nothing can be sent any more."""
        for pid in self.daemons():
            send_signal(pid, signal.SIGKILL)
        wait_for(lambda: not self.daemons(), "killed daemons to end")

    def close(self):
        """Ends it; fails where a daemon does not end."""
        for pid in self.daemons():
            send_signal(pid, signal.SIGTERM)
        try:
            wait_for(lambda: not self.daemons(), "daemons to end", timeout=60)
        finally:
            self.end()
            if os.path.ismount(self.content / "drive"):
                subprocess.run(["umount", "--lazy", self.content / "drive"], check=True)
