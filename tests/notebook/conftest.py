"""What the tests of notebooks start from: a network in which Google's host names, and its certificates,
are the simulator's. This test program moves into it, so nothing has to be told to driveway."""

import itertools

import pytest

from support import google_hosts as google
from support.notebook import Notebook
from support.simulator import FIRST_ACCOUNT, Simulator
from support.temporary import temporary_folder


@pytest.fixture(scope="session", autouse=True)
def google_network(tmp_path_factory):
    google.enter_network(tmp_path_factory.mktemp("hosts"))


folder = pytest.fixture(temporary_folder, name="folder")


@pytest.fixture
def simulator(folder, google_network):
    """Under Google's names, trusted by all programs; with the first account, empty."""
    with Simulator(folder / "simulator", google.LISTEN) as running:
        running.add_account(FIRST_ACCOUNT, name="Ann", storage_limit=16 << 30)
        with google.trusted(running.ca_file, folder):
            yield running


@pytest.fixture
def make_notebook(folder, simulator):
    """make_notebook(): a fresh machine; closed when the test ends."""
    numbers = itertools.count(1)
    made = []

    def make():
        made.append(Notebook(folder / f"machine{next(numbers)}"))
        return made[-1]

    yield make
    for notebook in made:
        notebook.close()


@pytest.fixture
def notebook(make_notebook):
    return make_notebook()
