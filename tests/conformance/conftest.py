"""The simulator against clients that were not written for it.

They speak to Google's host names on port 443. So this test program moves into a network and a mount
namespace of its own, in which only loopback exists and those names lie on it."""

import ctypes
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from support.simulator import FIRST_ACCOUNT, Simulator

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_GOOGLE_HOSTS = "www.googleapis.com oauth2.googleapis.com accounts.google.com"
# One request in ten. With this seed of the draws the second request of a test is answered 5xx and
# the fourth 429: no test is too short to have a refusal, and most have both kinds.
_REFUSALS = {"network": {"seed": 12741}, "faults": {"error_5xx": 0.05, "error_429": 0.05}}


def pytest_configure(config):
    config.addinivalue_line("markers", "no_refusals: counts calls, or is not about them")


def pytest_generate_tests(metafunc):
    """Every test runs on a Drive that answers all requests, and on one that refuses some."""
    if "simulator" in metafunc.fixturenames:
        calm = metafunc.definition.get_closest_marker("no_refusals")
        modes = ["calm"] if calm else ["calm", "refusing"]
        metafunc.parametrize("simulator", modes, indirect=True)


@pytest.fixture(scope="session", autouse=True)
def google_hosts(tmp_path_factory):
    """For the whole program: there is no way back out, and none is needed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare (root is needed)")
    hosts = tmp_path_factory.mktemp("hosts") / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {_GOOGLE_HOSTS}\n")
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "--bind", str(hosts), "/etc/hosts"],
        ["ip", "link", "set", "lo", "up"],
    ):
        subprocess.run(command, check=True)


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="driveway-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def simulator(request, folder, google_hosts):
    """Reachable under Google's names; with the first account, empty."""
    with Simulator(folder / "simulator", "--also-https", "127.0.0.1:443") as running:
        running.add_account(FIRST_ACCOUNT, name="Ann", storage_limit=16 << 30)
        if request.param == "refusing":
            running.set(**_REFUSALS)
        yield running
        if request.param == "refusing":
            struck = running.stats()["faults"]
            assert any(struck[kind] for kind in _REFUSALS["faults"]), struck
