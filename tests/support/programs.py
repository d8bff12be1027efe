"""The programs under test, and what sanitizers say of them."""

import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program(name):
    """The path of `driveway` or `driveway-sim`: in $DRIVEWAY_BIN, else the release build. (The
    sanitizer builds have no simulator.)"""
    release = ROOT / "build/release/bin"
    for folder in (pathlib.Path(os.environ.get("DRIVEWAY_BIN", release)), release):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is not built (or set DRIVEWAY_BIN)")


def program_with_fault_points():
    """A `driveway` that knows DRIVEWAY_FAULT (src/base/fault.h): release builds do not."""
    path = program("driveway") if is_sanitized() else ROOT / "build/asan/bin/driveway"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: fault points need it")
    return path


def fault_points():
    """The names of all fault points in the sources."""
    call = re.compile(r'(?:DRIVEWAY_FAULT_(?:POINT|STATUS)|fault::armed)\("([a-z_.]+)"\)')
    sources = [path for path in (ROOT / "src").rglob("*.cc") if path.parent.name != "base"]
    return sorted({name for path in sources for name in call.findall(path.read_text())})


def is_sanitized():
    """Whether the programs are built with a sanitizer: they are several times slower then."""
    return re.search(r"asan|tsan", str(program("driveway"))) is not None


def sanitizer_environment(folder):
    """Daemons have no stderr: reports go to files below `folder`, which must exist."""
    log = f'log_path="{folder}/sanitizer"'
    known = pathlib.Path(__file__).parent / "leaks_of_others.txt"
    return {
        "ASAN_OPTIONS": f"{log}:abort_on_error=0:exitcode=99:detect_stack_use_after_return=0",
        "LSAN_OPTIONS": f'{log}:suppressions="{known}":print_suppressions=0',
        "UBSAN_OPTIONS": f"{log}:print_stacktrace=1",
        "TSAN_OPTIONS": f"{log}:halt_on_error=0:second_deadlock_stack=1",
    }


def sanitizer_reports(folder):
    """The texts of the reports below `folder`."""
    return [path.read_text(errors="replace") for path in pathlib.Path(folder).glob("sanitizer.*")]
