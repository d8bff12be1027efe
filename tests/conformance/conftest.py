"""The simulator against clients that were not written for it.

They speak to Google's host names on port 443. So this test program moves into a network and a mount
namespace of its own, in which only loopback exists and those names lie on it."""

import pytest

from support import google_hosts as google
from support.simulator import FIRST_ACCOUNT, Simulator
from support.temporary import temporary_folder

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
    google.enter_network(tmp_path_factory.mktemp("hosts"))


folder = pytest.fixture(temporary_folder, name="folder")


@pytest.fixture
def simulator(request, folder, google_hosts):
    """Reachable under Google's names; with the first account, empty."""
    with Simulator(folder / "simulator", google.LISTEN) as running:
        running.add_account(FIRST_ACCOUNT, name="Ann", storage_limit=16 << 30)
        if request.param == "refusing":
            running.set(**_REFUSALS)
        yield running
        if request.param == "refusing":
            struck = running.stats()["faults"]
            assert any(struck[kind] for kind in _REFUSALS["faults"]), struck
