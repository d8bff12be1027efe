"""A notebook's cells (tests/notebook) in a Debian 12 that has the packages, and a CA of its own: from the
login to what was trained."""

import subprocess

import pytest

from support.google_hosts import hosts_file, leading_to
from support.notebook import CELLS, outputs_of, person, put_training, run_cells, wait_until_in_drive
from support.packages import tarball
from support.simulator import FIRST_ACCOUNT, Simulator

# Of loopback; nobody else uses it.
_ADDRESS = "127.83.77.2"
_CERTIFICATES = "/usr/local/share/ca-certificates"
_PROJECT = "deeplearning"


@pytest.fixture(scope="module")
def simulator(folder):
    with Simulator(
        folder / "simulator", f"--also-https={_ADDRESS}:443", accounts=(FIRST_ACCOUNT,)
    ) as running:
        put_training(running, _PROJECT, "train_google.py")
        yield running


@pytest.fixture(scope="module", autouse=True)
def _content(machine, debs, simulator):
    """What a notebook's machine has."""
    packages = [machine.put(debs[name]) for name in ("driveway", "driveway-ocamlfuse")]
    machine.apt("install", "--no-install-recommends", *packages, "python3")
    certificate = machine.path(f"{_CERTIFICATES}/simulator.crt")
    certificate.write_bytes(open(simulator.ca_file, "rb").read())
    machine.output_of("update-ca-certificates")
    machine.path("/etc/hosts").write_text(hosts_file(_ADDRESS))
    machine.path("/content").mkdir()


def _run(machine, simulator, script, path, reader=None):
    """The cells, with `path` before PATH. Gives {path: md5} of what the training wrote."""
    credentials = simulator.authorized_user()
    words = machine.put(CELLS / script), credentials["client_id"], credentials["client_secret"]
    line = f'PATH={path}:$PATH; cd /content && exec bash "$0" "$@"'
    with leading_to(_ADDRESS, machine.root.parent):  # for the reader
        done = run_cells(machine.command("sh", "-c", line, *words), reader)
    assert not done.stderr
    return outputs_of(done)


def test_from_the_packages(machine, simulator):
    try:
        outputs = _run(machine, simulator, "opam.sh", "/usr/bin", person(simulator))
        wait_until_in_drive(simulator, _PROJECT, outputs)
    finally:
        unmounted = machine.run("driveway", "unmount", "/content/drive")
    assert unmounted.returncode == 0, unmounted.stderr


def test_from_the_tarball(machine, simulator):
    """The login is there; the programs lie in a folder, with the libraries that apt has brought."""
    machine.apt("purge", "driveway", "driveway-ocamlfuse")
    folder = machine.path("/content/programs")
    folder.mkdir()
    subprocess.run(["tar", "-C", folder, "--strip-components=1", "-xf", tarball()], check=True)
    programs = "/content/programs/bin"
    try:
        outputs = _run(machine, simulator, "opam.sh", programs)
        wait_until_in_drive(simulator, _PROJECT, outputs)
    finally:
        unmounted = machine.run(f"{programs}/driveway", "unmount", "/content/drive")
    assert unmounted.returncode == 0, unmounted.stderr
