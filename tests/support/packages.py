"""The packages under test: those that tools/package has made, in $DRIVEWAY_PACKAGES (default
build/packages)."""

import os
import pathlib
import re
import subprocess

from support.programs import ROOT

PACKAGES = pathlib.Path(os.environ.get("DRIVEWAY_PACKAGES", ROOT / "build/packages"))


class Package:
    """A .deb: its fields, and what is in it, unpacked."""

    def __init__(self, path, folder):
        self.path = path
        self.root = folder
        folder.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "-x", path, folder], check=True)

    def field(self, name):
        command = ["dpkg-deb", "-f", self.path, name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def programs(self):
        return [p for p in (self.root / "usr/bin").iterdir() if not p.is_symlink()]

    def files(self):
        return [path for path in self.root.rglob("*") if not path.is_dir()]


def version():
    return re.match(r"driveway \(([\d.]+)\)", (ROOT / "debian/changelog").read_text()).group(1)


def deb(name):
    found = list(PACKAGES.glob(f"{name}_{version()}_*.deb"))
    assert len(found) == 1, f"{found}: run tools/package first"
    return found[0]


def tarball():
    (path,) = PACKAGES.glob(f"driveway-{version()}-linux-*.tar.gz")
    return path
