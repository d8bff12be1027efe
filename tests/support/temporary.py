"""Temporary folders of tests."""

import pathlib
import shutil
import tempfile


def temporary_folder():
    """The body of a fixture: a folder that ends with the test, however it ends."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="driveway-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
