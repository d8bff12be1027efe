"""Manual pages and completions: made from --help, so that they say all of it; and they work."""

import gzip
import subprocess
import sys

import pytest

from support.programs import ROOT

sys.path.insert(0, str(ROOT / "tools/packaging"))

from help_text import describe


def _output(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"{command}: {done.stderr}"
    return done.stdout


def _program(package):
    (path,) = package.programs()
    return path


def _page(package, name):
    with gzip.open(package.root / "usr/share/man" / name, "rt", encoding="utf-8") as file:
        return file.read()


def test_help_is_understood(driveway):
    """That the rest of this file checks something."""
    top = describe(driveway.root / "usr/bin/driveway")
    names = {command.path for command in top.all()}
    assert {("mount",), ("export-unsent",), ("cache", "trim")} <= names
    mount = next(command for command in top.commands if command.path == ("mount",))
    options = {name: option for option in mount.options for name in option.names}
    assert options["--layout"].choices == ["colab", "root"]
    assert options["--cache-dir"].value == "DIR"
    assert options["-o"].value == "OPT[,OPT…]"
    assert options["--foreground"].value == ""
    assert [(p.name, p.required) for p in mount.positionals] == [("MOUNTPOINT", True)]


def test_the_manual_says_all_that_help_says(package):
    name = _program(package).name
    page = _page(package, f"man1/{name}.1.gz").replace("\\-", "-")
    for command in describe(_program(package)).all():
        assert not command.path or command.commands or f".SS {' '.join(command.path)}\n" in page
        for option in command.options:
            if "--help" not in option.names and "--version" not in option.names:
                assert all(f"\\fB{n}\\fR" in page for n in option.names), option


def test_manual_pages_have_no_mistakes(package):
    for path in (package.root / "usr/share/man").rglob("*.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            _output("man", "--warnings", "-Tutf8", "-Z", "-l", "-", text=file.read())


def test_the_manual_of_the_helper_names_what_it_leaves_out(driveway):
    page = _page(driveway, "man8/mount.fuse.driveway.8.gz").replace("\\-", "-")
    for word in ("noauto", "user", "nofail", "_netdev", "x-systemd", "account=NAME", "32"):
        assert word in page


def _bash(package, *words):
    script = package.root / f"usr/share/bash-completion/completions/{words[0]}"
    code = (
        f'source "{script}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
        f'_{words[0].replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    return _output("bash", "-c", code, "bash", *words).split()


@pytest.mark.parametrize(
    "words, expected",
    [
        (["mo"], ["mount"]),
        (["mount", "--la"], ["--layout"]),
        (["mount", "--layout", ""], ["colab", "root"]),
        (["mount", "--layout", "=", "r"], ["root"]),
        (["mount", "--layout", "="], ["colab", "root"]),
        (["cache", ""], ["show", "trim", "clear"]),
        (["cache", "trim", "--t"], ["--to"]),
        (["mount", "--read-only", "/us"], ["/usr"]),
        (["ls", "/etc/fsta"], ["/etc/fstab"]),
        (["mount", "--cache-dir", "/us"], ["/usr"]),
        (["flush", "--timeout", ""], []),
    ],
)
def test_bash_completes(driveway, words, expected):
    assert _bash(driveway, "driveway", *words) == expected


@pytest.mark.parametrize(
    "words, expected",
    [
        (["-head"], ["-headless"]),
        (["/us"], ["/usr"]),
        (["drive", "-head"], ["-headless"]),  # options may stand behind the mountpoint
        (["-config", "/etc/fsta"], ["/etc/fstab"]),
        (["-label", ""], []),
    ],
)
def test_bash_completes_long_options_of_one_dash(ocamlfuse, words, expected):
    assert _bash(ocamlfuse, "google-drive-ocamlfuse", *words) == expected


def test_bash_completes_all_that_help_says(package):
    top = describe(_program(package))
    name = _program(package).name
    for command in top.all():
        options = [n for option in command.options for n in option.names]
        assert _bash(package, name, *command.path, "-") == options


@pytest.mark.parametrize(
    "line, expected",
    [
        ("driveway mo", ["mount"]),
        ("driveway mount --la", ["--layout"]),
        ("driveway mount --layout ", ["colab", "root"]),
        ("driveway cache ", ["clear", "show", "trim"]),
        ("driveway cache trim --t", ["--to"]),
        ("google-drive-ocamlfuse -head", ["-headless"]),
        ("google-drive-ocamlfuse drive -lo", ["-log_to"]),
    ],
)
def test_fish_completes(driveway, ocamlfuse, line, expected):
    program = line.split()[0]
    package = driveway if program == "driveway" else ocamlfuse
    script = package.root / f"usr/share/fish/vendor_completions.d/{program}.fish"
    code = f'source {script}; complete -C "{line}"'
    lines = _output("fish", "--no-config", "-c", code).splitlines()
    assert [line.split("\t")[0] for line in lines] == expected


def test_zsh_reads_its_completions_and_they_name_all(package):
    name = _program(package).name
    path = package.root / f"usr/share/zsh/vendor-completions/_{name}"
    _output("zsh", "-n", path)
    text = path.read_text()
    for command in describe(_program(package)).all():
        assert not command.path or f"'{command.path[-1]}:" in text
        for option in command.options:
            joined = "=" if option.value else ""
            for word in option.names:
                assert f"'{word}{joined if word.startswith('--') else ''}[" in text
