"""What tests of real mounts start from: a simulator of their own and a machine to mount it on.

Both lie in a temporary folder and end with the test, however it ends."""

import itertools
import shutil
import signal
import tempfile

import pytest

from support.driveway import Machine
from support.simulator import FIRST_ACCOUNT, Simulator


# A shell gives its background jobs a SIGINT that is ignored, and so would their children be: those
# that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _folder():
    path = tempfile.mkdtemp(prefix="driveway-test-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


folder = pytest.fixture(_folder, name="folder")
module_folder = pytest.fixture(_folder, name="module_folder", scope="module")


@pytest.fixture
def simulator(folder):
    """Empty, with the first account; profile lan, quota unlimited."""
    with Simulator(f"{folder}/simulator") as running:
        running.add_account(FIRST_ACCOUNT, name="Ann", storage_limit=16 << 30)
        yield running


@pytest.fixture
def make_machine(folder, simulator):
    """make_machine(…): as Machine, with the test's simulator unless told; closed when the test ends."""
    numbers = itertools.count(1)
    machines = []

    def make(**options):
        options = {"simulator": simulator, **options}
        machine = Machine(f"{folder}/machine{next(numbers)}", **options)
        machines.append(machine)
        return machine

    yield make
    errors = []
    for machine in machines:
        try:
            machine.close()
        except AssertionError as error:
            errors.append(error)
    if errors:
        raise errors[0]


@pytest.fixture
def machine(make_machine):
    """Logged in by a file of Application Default Credentials."""
    return make_machine()
