"""What a program says of itself with --help (CLI11's form, also with long options of one dash), as data.
Man pages and completions are made from it, so that they cannot say anything else."""

import dataclasses
import re
import subprocess


@dataclasses.dataclass
class Option:
    names: list  # ["-l", "--long"]
    value: str  # "DIR", "colab|root"; "" = a flag
    help: str

    @property
    def choices(self):
        """The values, where they are named; else []."""
        return self.value.split("|") if "|" in self.value else []


@dataclasses.dataclass
class Positional:
    name: str  # "MOUNTPOINT", "REMOTE…"
    required: bool
    help: str


@dataclasses.dataclass
class Command:
    path: tuple  # ("cache", "trim"); () = the program
    help: str
    options: list
    positionals: list
    commands: list

    def all(self):
        """This one, and all below it."""
        yield self
        for command in self.commands:
            yield from command.all()


def describe(program, path=()):
    """A Command, by asking `program`, a path. Errors: CalledProcessError, ValueError."""
    words = [program, *path, "--help"]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    head, sections = _sections(text)
    entries = {title: _entries(lines) for title, lines in sections.items()}
    unknown = set(entries) - {"Options", "Positionals", "Subcommands"}
    if unknown:
        raise ValueError(f"{' '.join(map(str, words))} has sections that nobody knows: {unknown}")
    return Command(
        path=tuple(path),
        help=head,
        options=[_option(*entry) for entry in entries.get("Options", [])],
        positionals=[_positional(*entry) for entry in entries.get("Positionals", [])],
        commands=[describe(program, (*path, left)) for left, _ in entries.get("Subcommands", [])],
    )


def _sections(text):
    """(the first line, lines by title)"""
    lines = text.splitlines()
    sections, title = {}, None
    for line in lines[1:]:
        if re.fullmatch(r"[A-Z]\w+:", line):
            title = line[:-1]
            sections[title] = []
        elif line.strip() and title:
            sections[title].append(line)
    return lines[0].strip(), sections


def _entries(lines):
    """[(what stands left, its help)]; the help may stand in the next line."""
    entries = []
    for line in lines:
        if re.match(r" {10}", line):
            entries[-1][1] = f"{entries[-1][1]} {line.strip()}".strip()
        else:
            left, _, right = line.strip().partition("  ")
            entries.append([left, right.strip()])
    return [tuple(entry) for entry in entries]


def _option(left, text):
    names, _, value = left.partition(" ")
    # A check's range ("INT:INT in [0 - 65535]"), and "..." for one that may be repeated.
    value = re.sub(r":[A-Z]+ in \[.*\]$|( \.\.\.| REQUIRED)+$", "", value)
    return Option(names.split(","), value, text)


def _positional(left, text):
    words = left.split()
    return Positional(words[1], "REQUIRED" in words, text)
