"""Makes the manual pages and the completions of a build.

    generate.py BIN OUT

BIN: the folder of the built programs. OUT gets man/ and completions/."""

import datetime
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import completions
import manual
from help_text import describe

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("driveway", "driveway-sim", "google-drive-ocamlfuse")


def release():
    """(version, its day) by debian/changelog, so that the same sources give the same pages."""
    text = (ROOT / "debian/changelog").read_text(encoding="utf-8")
    version = re.match(r"driveway \(([\d.]+)\)", text).group(1)
    day = re.search(r"^ -- .*>  \w+, (\d+ \w+ \d+) ", text, re.MULTILINE).group(1)
    return version, datetime.datetime.strptime(day, "%d %b %Y").date().isoformat()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main(programs, out):
    described = {name: describe(programs / name) for name in PROGRAMS}
    version, day = release()
    for template in sorted((ROOT / "docs/man").glob("*.in")):
        program = template.name.split(".")[0]
        program = program if program in described else "driveway"
        text = template.read_text(encoding="utf-8")
        page = manual.page(text, program, described[program], version, day)
        write(out / "man" / template.name.removesuffix(".in"), page)
    for name, top in described.items():
        write(out / "completions/bash" / name, completions.bash(name, top))
        write(out / "completions/zsh" / f"_{name}", completions.zsh(name, top))
        write(out / "completions/fish" / f"{name}.fish", completions.fish(name, top))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
