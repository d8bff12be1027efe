"""What the packages hold and ask for."""

import pathlib
import re
import resource
import stat
import subprocess

import pytest

from support.packages import PACKAGES, tarball, version
from support.programs import ROOT

# Ubuntu 22.04 (design: the environment contract).
_NEWEST = {"GLIBC": (2, 35), "GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13), "OPENSSL": (3, 0, 2)}
_NEWEST_GCC = (12, 0, 0)
# All that a program may be linked with, and what Ubuntu 22.04 has of the packages.
_LIBRARIES = {
    "libcurl.so.4", "libssl.so.3", "libcrypto.so.3", "libz.so.1", "libarchive.so.13",
    "libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libc.so.6",
}  # fmt: skip
_UBUNTU_2204 = {
    "ca-certificates": "20211016", "libc6": "2.35", "libcurl4": "7.81.0", "libssl3": "3.0.2",
    "libarchive13": "3.6.0", "libgcc-s1": "12", "libstdc++6": "12", "zlib1g": "1:1.2.11",
}  # fmt: skip
_RENAMED = {"libcurl4": "libcurl4t64", "libssl3": "libssl3t64"}  # in Ubuntu 24.04
# What libcurl's headers of Debian 12 (7.88.1) have and 7.81 lacks, by its docs/symbols-in-versions.
_NEWER_CURL = re.compile(
    r"CURLE_UNRECOVERABLE_POLL|CURLINFO_(CAINFO|CAPATH)\b|CURLH_\w+|curl_easy_(next)?header"
    r"|CURLOPT_(SSH_HOSTKEY(DATA|FUNCTION)|(REDIR_)?PROTOCOLS_STR|WS_OPTIONS|CA_CACHE_TIMEOUT)"
    r"|CURLWS_\w+|curl_ws_\w+|CURLKHMATCH_\w+"
)  # CURLOPT_QUICK_EXIT, too: it may be ignored
_OURS = f"driveway (= {version()})"
_START_MS = 20
_MAX_INSTALLED_KB = 10_000


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _number(text):
    return tuple(int(part) for part in text.split("."))


def test_symbols_are_no_newer_than_ubuntu_2204(package):
    for program in package.programs():
        table = _output("objdump", "-T", program)
        found = re.findall(r"\((GLIBC|GLIBCXX|CXXABI|GCC|OPENSSL|CURL_OPENSSL)_([\d.]+)\)", table)
        assert found, program
        for name, number in sorted(set(found)):
            newest = {**_NEWEST, "GCC": _NEWEST_GCC, "CURL_OPENSSL": (4,)}[name]
            assert _number(number) <= newest, f"{program.name} needs {name}_{number}"


def test_only_libraries_that_all_machines_have_are_linked(package):
    for program in package.programs():
        needed = set(re.findall(r"NEEDED\s+(\S+)", _output("objdump", "-p", program)))
        assert needed <= _LIBRARIES
        assert "RUNPATH" not in _output("objdump", "-p", program)


def test_no_option_of_libcurl_is_newer_than_ubuntu_2204():
    for path in (ROOT / "src").rglob("*.cc"):
        code = re.sub(r"//.*", "", path.read_text())
        found = _NEWER_CURL.search(code)
        assert not found, f"{path}: {found.group()} came after libcurl 7.81"


def test_dependencies_are_met_by_ubuntu_and_debian(package):
    """Each by its name in Debian 12 and Ubuntu 22.04, with the other name of Ubuntu 24.04."""
    depends = [d for d in package.field("Depends").split(", ") if d != _OURS]
    assert len(depends) >= 4
    for alternatives in depends:
        parsed = [re.fullmatch(r"(\S+)(?: \(>= (\S+)\))?", a).groups() for a in alternatives.split(" | ")]
        name, least = parsed[0]
        assert name in _UBUNTU_2204
        if least:
            compared = ["dpkg", "--compare-versions", _UBUNTU_2204[name], "ge", least]
            assert subprocess.run(compared).returncode == 0, alternatives
        expected = [(name, least)] + ([(_RENAMED[name], least)] if name in _RENAMED else [])
        assert parsed == expected


def test_what_is_not_linked_is_asked_for(driveway):
    assert "ca-certificates" in driveway.field("Depends")
    assert driveway.field("Recommends") == "fuse3"  # for others than root


def test_what_is_linked_statically_is_named(driveway, ocamlfuse):
    for package in (driveway, ocamlfuse):
        named = r"fuse3 \(= \S+\), lmdb \(= \S+\), sqlite3 \(= \S+\)"
        assert re.search(named, package.field("Built-Using"))


def test_the_front_takes_the_old_programs_place(ocamlfuse):
    for field in ("Provides", "Conflicts", "Replaces"):
        assert ocamlfuse.field(field) == "google-drive-ocamlfuse"
    assert _OURS in ocamlfuse.field("Depends").split(", ")  # status, flush, unmount
    for path in (
        "usr/share/man/man1/google-drive-ocamlfuse.1.gz",
        "usr/share/bash-completion/completions/google-drive-ocamlfuse",
        "usr/share/zsh/vendor-completions/_google-drive-ocamlfuse",
        "usr/share/fish/vendor_completions.d/google-drive-ocamlfuse.fish",
    ):
        assert (ocamlfuse.root / path).is_file(), path
    assert [path.name for path in ocamlfuse.programs()] == ["google-drive-ocamlfuse"]


def test_licenses_of_what_is_linked_statically_are_told(package):
    text = (package.root / f"usr/share/doc/{package.field('Package')}/copyright").read_text()
    for words in ("LGPL-2.1", "OpenLDAP Public License", "public-domain", "Boost Software License", "Expat"):
        assert words in text


def test_lintian_has_no_complaint():
    assert (PACKAGES / "lintian.txt").read_text() == ""


def test_size(package):
    installed = int(package.field("Installed-Size"))
    print(f"installed: {installed} kB, the package: {package.path.stat().st_size // 1000} kB")
    assert installed <= _MAX_INSTALLED_KB


def test_version_is_told_at_once(driveway):
    """The CPU time, which a busy machine does not change: on an idle one it is the time itself."""
    program = driveway.root / "usr/bin/driveway"
    times = []
    for _ in range(30):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert _output(program, "--version") == f"driveway {version()}\n"
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    milliseconds = sorted(times)[len(times) // 2] * 1000
    print(f"--version: {milliseconds:.1f} ms of CPU")
    assert milliseconds <= _START_MS


def test_files_are_roots_and_writable_by_root_alone(package):
    listing = _output("dpkg-deb", "-c", package.path)
    assert {line.split()[1] for line in listing.splitlines()} == {"root/root"}
    for path in package.files():
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        expected = 0o755 if path.parent.name == "bin" else 0o644
        assert mode == expected, f"{path}: {mode:o}"


def test_no_path_of_the_machine_that_built_is_told(package):
    for path in package.files():
        if not path.is_symlink():
            assert str(ROOT).encode() not in path.read_bytes(), path


def test_what_a_system_is_told_of_is_there(driveway):
    helper = driveway.root / "usr/sbin/mount.fuse.driveway"
    assert helper.readlink() == pathlib.Path("../bin/driveway")
    for path in (
        "usr/lib/systemd/user/driveway@.service",
        "usr/share/man/man1/driveway.1.gz",
        "usr/share/man/man8/mount.fuse.driveway.8.gz",
        "usr/share/bash-completion/completions/driveway",
        "usr/share/zsh/vendor-completions/_driveway",
        "usr/share/fish/vendor_completions.d/driveway.fish",
    ):
        assert (driveway.root / path).is_file(), path


def test_documents_are_there_with_all_that_they_link_to(driveway):
    documents = [path for path in driveway.files() if path.suffix == ".md"]
    assert "README.md" in [path.name for path in documents]
    for document in documents:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            assert link.startswith("https://") or (document.parent / link).is_file(), f"{document}: {link}"


def test_the_readme_names_this_version():
    text = (ROOT / "README.md").read_text()
    named = re.findall(r"driveway(?:-sim|-ocamlfuse)?[-_](\d[\d.]*\d)[-_]", text)
    assert named and set(named) == {version()}


def test_no_script_runs_when_it_is_installed(package):
    """So nothing can fail, and nothing is left."""
    control = package.root.parent / f"{package.root.name}.control"
    _output("dpkg-deb", "-e", package.path, control)
    assert {path.name for path in control.iterdir()} == {"control", "md5sums"}


@pytest.mark.parametrize("place", ["a", "another place/below"])
def test_the_tarball_runs_from_any_folder(folder, place):
    target = folder / place
    target.mkdir(parents=True)
    _output("tar", "-C", target, "-xf", tarball())
    (top,) = target.iterdir()
    assert _output(top / "bin/driveway", "--version") == f"driveway {version()}\n"
    front = _output(top / "bin/google-drive-ocamlfuse", "-version")
    assert front.startswith("google-drive-ocamlfuse, version ") and version() in front
    assert {path.name for path in top.iterdir()} == {"bin", "share"}
    assert (top / "share/doc/driveway/copyright").is_file()
