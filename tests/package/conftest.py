"""What tests of the packages start from."""

import pytest

from support.chroot import Chroot, enter_mount_namespace
from support.packages import Package, deb
from support.temporary import temporary_folder

NAMES = ("driveway", "driveway-ocamlfuse", "driveway-sim")

folder = pytest.fixture(temporary_folder, name="folder", scope="module")


@pytest.fixture(scope="module")
def machine(folder):
    """A Debian 12 of the test file's own."""
    enter_mount_namespace()
    made = Chroot(folder / "bookworm")
    yield made
    made.close()


@pytest.fixture(scope="module")
def debs():
    return {name: deb(name) for name in NAMES}


@pytest.fixture(scope="module")
def driveway(debs, folder):
    return Package(debs["driveway"], folder / "driveway")


@pytest.fixture(scope="module")
def ocamlfuse(debs, folder):
    return Package(debs["driveway-ocamlfuse"], folder / "driveway-ocamlfuse")


@pytest.fixture(scope="module", params=NAMES)
def package(request, debs, folder):
    return Package(debs[request.param], folder / f"each/{request.param}")
