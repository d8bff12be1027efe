"""What tests of the packages start from."""

import pathlib
import shutil
import tempfile

import pytest

from support.chroot import Chroot, enter_mount_namespace
from support.packages import Package, deb

NAMES = ("driveway", "driveway-ocamlfuse", "driveway-sim")


@pytest.fixture(name="folder", scope="module")
def _folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="driveway-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


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
