"""What Drive and the network do wrong while files are written, renamed and deleted: the end state is exact,
and no folder has two items of one name (J1, J2, J12, E1, E2; design: test ladder 7)."""

import math
import os
import random

import pytest

from support.contents import Content
from support.drive_api import FOLDER
from support.simulator import FIRST_ACCOUNT
from support.waiting import Meanwhile, wait_for
from support.writing import (
    LONG,
    assert_same_tree,
    duplicates,
    flush,
    tree_in_drive,
    wipe_clean_state,
)

KIB, MIB = 1 << 10, 1 << 20
FILES = 1000 if LONG else 60
SMALLEST, LARGEST = 1000, 50_000_000
# Each kind of fault alone meets smaller files in the short form; all of them at once, the largest, too.
LARGEST_OF_ONE_KIND = LARGEST if LONG else 8_000_000
LIFE = 12 * 3600 if LONG else 600
OPTIONS = ("--settle", "100ms", "--poll", "1s")
SEED = int(os.environ.get("DRIVEWAY_TEST_SEED") or random.randrange(1 << 30))
TOP = "data"


class Changes:
    """Writes, rewrites, appends, renames and removes files in TOP; `expected` is what Drive must have."""

    def __init__(self, mount, largest, seed=SEED):
        self._top = mount.my_drive / TOP
        self._random = random.Random(seed)
        self._largest = largest
        self._seed = seed
        self._made = 0
        self.expected = {}  # path: "folder" or a Content
        print(f"seed {seed}")

    def run(self, count):
        self._top.mkdir()
        for folder in ("one", "two", "two/three"):
            (self._top / folder).mkdir()
            self.expected[folder] = "folder"
        for _ in range(count):
            self.make()
            kind = self._random.choice(
                ("rename", "rewrite", "append", "remove", "replace", "none", "none")
            )
            getattr(self, kind)()

    def tree(self):
        """As writing.tree_on_disk() has it."""
        return {
            path: content if content == "folder" else ("file", content.size, content.md5)
            for path, content in self.expected.items()
        }

    # -- what is done ----------------------------------------------------------------------------

    def make(self):
        self._made += 1
        folder = self._random.choice(("", "one", "two", "two/three"))
        self._write(os.path.join(folder, f"file{self._made:04}.bin"), self._content())

    def make_large(self):
        """One that goes up in a session."""
        self._made += 1
        content = Content.of((self._seed << 20) + self._made, 6_000_000 + self._made)
        self._write(f"large{self._made:04}.bin", content)

    def rename(self):
        old = self._any()
        new = os.path.join(self._random.choice(("", "one", "two/three")), f"to{self._made:04}.bin")
        os.rename(self._top / old, self._top / new)
        self.expected[new] = self.expected.pop(old)

    def rewrite(self):
        self._write(self._any(), self._content())

    def append(self):
        path = self._any()
        more = self._content(100 * KIB)
        with open(self._top / path, "ab") as file:
            file.write(more.bytes())
        self.expected[path] = self.expected[path].written(self.expected[path].size, more)

    def remove(self):
        path = self._any()
        (self._top / path).unlink()
        del self.expected[path]

    def replace(self):
        path = self._any()
        self._write(path + ".tmp", self._content())
        os.replace(self._top / (path + ".tmp"), self._top / path)
        self.expected[path] = self.expected.pop(path + ".tmp")

    def none(self):
        pass

    def _any(self):
        return self._random.choice([p for p, c in sorted(self.expected.items()) if c != "folder"])

    def _content(self, largest=None):
        low, high = math.log(SMALLEST), math.log(largest or self._largest)
        size = int(math.exp(self._random.uniform(low, high)))
        return Content.of((self._seed << 20) + self._random.randrange(1 << 20), size)

    def _write(self, path, content):
        with open(self._top / path, "wb") as file:
            for _, data in content.in_parts():
                file.write(data)
        self.expected[path] = content


def assert_exact(simulator, changes):
    """Drive has what was written and nothing else."""
    found = tree_in_drive(simulator, simulator.api(), TOP)
    assert_same_tree(found, changes.tree(), "in Drive")
    others = {item["names"][0] for item in simulator.dump()} - {TOP}
    assert not others, f"made beside it: {others}"


def assert_nothing_left(mount):
    assert mount.machine.run("flush", mount.path, "--timeout=10s").returncode == 0


def statuses(simulator):
    """{status: how often Drive answered it to changes and uploads}"""
    counts = {}
    for name, method in simulator.stats()["methods"].items():
        if "upload" in name or name.split(".")[-1] in ("create", "update", "copy", "delete"):
            for status, count in method["statuses"].items():
                counts[status] = counts.get(status, 0) + count
    return counts


# What is wrong, and of which kinds something must have happened.
FAULTS = {
    "5xx": ({"faults": {"error_5xx": 0.20}}, ["error_5xx"]),
    "5xx without JSON": (
        {"faults": {"error_5xx": 0.20, "plain_error_bodies": True}},
        ["error_5xx"],
    ),
    "resets in the middle of what is sent": (
        {"faults": {"upload_reset": 0.3, "budget": 40}},
        ["upload_reset"],
    ),
    "lost answers": ({"faults": {"lost_answer": 0.2, "budget": 60}}, ["lost_answer"]),
    "rate limits with 403": ({"faults": {"error_403_rate": 0.1}}, ["error_403_rate"]),
    "rate limits with 429": ({"faults": {"error_429": 0.1}}, ["error_429"]),
    "sessions that are gone": ({"drive": {"session_gone": 0.2}}, []),
    "lists that lag by 30 s": ({"drive": {"list_lag": 30_000, "change_lag": 30_000}}, []),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_one_kind_of_fault(simulator, make_machine, kind):
    settings, happening = FAULTS[kind]
    mount = make_machine(life=LIFE).mount(*OPTIONS)
    simulator.reset_stats()
    simulator.set(**settings)
    changes = Changes(mount, LARGEST_OF_ONE_KIND)
    changes.run(FILES)
    flush(mount, timeout=LIFE / 3)
    if "session_gone" in settings.get("drive", {}):
        # Few of the files are large enough for a session: whether each answer came is chance.
        for _ in range(50):
            if {"404", "410"} <= set(statuses(simulator)):
                break
            changes.make_large()
            flush(mount, timeout=LIFE / 3)
    counts = {name: count for name, count in simulator.stats()["faults"].items() if count}
    print(f"{kind}: {counts}, statuses {statuses(simulator)}")
    assert set(happening) <= set(counts), "no such fault happened"
    if "session_gone" in settings.get("drive", {}):
        assert {"404", "410"} <= set(statuses(simulator))
    assert_exact(simulator, changes)


def test_tokens_that_expire_in_the_middle_of_uploads(simulator, make_machine):
    mount = make_machine(life=LIFE).mount(*OPTIONS)
    simulator.set(network={"connection_bandwidth": 16 * MIB})
    simulator.reset_stats()
    with Meanwhile(simulator.expire_tokens, 0.5):
        changes = Changes(mount, LARGEST_OF_ONE_KIND)
        changes.run(FILES)
        flush(mount, timeout=LIFE / 3)
    assert statuses(simulator).get("401"), "no change came with an expired token"
    assert_exact(simulator, changes)


def test_all_faults_at_once(simulator, make_machine):
    machine = make_machine(life=LIFE)
    mount = machine.mount(*OPTIONS)
    simulator.set(
        faults={
            "error_5xx": 0.10,
            "error_429": 0.03,
            "error_403_rate": 0.03,
            "upload_reset": 0.03,
            "lost_answer": 0.05,
        },
        drive={"session_gone": 0.03, "list_lag": 30_000},
    )
    with Meanwhile(simulator.expire_tokens, 1):
        changes = Changes(mount, LARGEST)
        changes.run(FILES)
        flush(mount, timeout=LIFE / 2)
    counts = {name: count for name, count in simulator.stats()["faults"].items() if count}
    print(f"{len(changes.expected)} items, faults {counts}")
    assert_exact(simulator, changes)
    # And what another client sees.
    simulator.set(
        faults={"error_5xx": 0, "error_429": 0, "error_403_rate": 0, "lost_answer": 0},
        drive={"list_lag": 0},
    )
    mount.unmount()
    machine.wait_until_no_daemon()
    wipe_clean_state(machine)
    mount = machine.mount(*OPTIONS)
    for path, content in changes.expected.items():
        if content != "folder":
            assert os.stat(mount.my_drive / TOP / path).st_size == content.size


def test_storage_that_is_full_and_then_freed(simulator, make_machine):
    """E2: it sticks, is told by flush and to new writers, and a probe or `retry` ends it."""
    machine = make_machine(life=LIFE)
    mount = machine.mount(*OPTIONS)
    simulator.add_account(FIRST_ACCOUNT, storage_limit=4 * MIB)
    changes = Changes(mount, 100_000)
    changes.run(20)
    large = Content.of(SEED, 6 * MIB)
    (mount.my_drive / TOP / "large.bin").write_bytes(large.bytes())
    changes.expected["large.bin"] = large
    done = machine.run("flush", mount.path, "--timeout=60s")
    assert done.returncode == 5, done.stderr
    # It is the owner's trouble, not the file's: status says it once (E2).
    status = machine.output_of("status", mount.path)
    assert "storage quota has been exceeded" in status, status
    # What is here stays readable.
    assert (mount.my_drive / TOP / "large.bin").read_bytes() == large.bytes()
    simulator.add_account(FIRST_ACCOUNT, storage_limit=1024 * MIB)
    machine.output_of("retry", mount.path)
    flush(mount)
    assert "storage" not in machine.output_of("status", mount.path)
    assert_exact(simulator, changes)


def test_the_quota_of_the_day(simulator, make_machine):
    """J11: 403 "User rate limit exceeded." of 750 GB a day: a pause that status explains."""
    machine = make_machine(life=LIFE)
    mount = machine.mount(*OPTIONS)
    simulator.set(drive={"upload_cap_reached": True})
    changes = Changes(mount, 100_000)
    changes.run(5)
    wait_for(lambda: simulator.stats()["methods"], "something to be tried")
    done = machine.run("flush", mount.path, "--timeout=5s")
    assert done.returncode in (5, 8), done.stderr
    simulator.set(drive={"upload_cap_reached": False})
    machine.output_of("retry", mount.path)
    flush(mount)
    assert_exact(simulator, changes)


def test_a_lost_answer_to_each_kind_of_change(simulator, make_machine):
    """J2: each is recognised as our own, and done once."""
    machine = make_machine(life=LIFE)
    mount = machine.mount(*OPTIONS)
    top = mount.my_drive / TOP
    large = Content.of(SEED, 7 * MIB)
    changes = {
        "a folder": lambda: top.mkdir(),
        "a small file": lambda: (top / "small").write_bytes(b"small"),
        "a large file": lambda: (top / "large").write_bytes(large.bytes()),
        "a new content": lambda: (top / "small").write_bytes(b"new"),
        "a rename": lambda: os.rename(top / "small", top / "renamed"),
        "a folder in it": lambda: (top / "folder").mkdir(),
        "a move": lambda: os.rename(top / "renamed", top / "folder/moved"),
        "a removal": lambda: (top / "large").unlink(),
    }
    for name, change in changes.items():
        simulator.reset_stats()
        simulator.set(faults={"lost_answer": 1.0, "budget": 1})
        change()
        flush(mount)
        assert simulator.stats()["faults"]["lost_answer"] == 1, name
        assert not duplicates(simulator.dump()), name
    found = {item["path"]: item for item in simulator.dump()}
    assert set(found) == {TOP, f"{TOP}/folder", f"{TOP}/folder/moved"}
    assert found[f"{TOP}/folder"]["mimeType"] == FOLDER
    assert simulator.api().read(found[f"{TOP}/folder/moved"]["id"]) == b"new"
