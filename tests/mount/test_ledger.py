"""The ledger that the crash tests judge by: right outcomes pass, and each kind of wrong one is a problem."""

import pytest

from support.contents import EMPTY, Content
from support.write_ledger import FOLDER, Ledger, MakeFolder, Remove, Rename, Write

OLD, NEW = Content.of(1, 300_000), Content.of(2, 200_000)


@pytest.fixture
def ledger():
    return Ledger({"a": OLD, "d": FOLDER, "d/b": NEW})


def found(**changes):
    """What the ledger above has, but for `changes` (None: not there)."""
    entries = {"a": OLD, "d": FOLDER, "d/b": NEW, **changes}
    return [(path, content) for path, content in entries.items() if content is not None]


def beside(content, name="a (recovered 2026-01-31)", **changes):
    return found(**changes) + [(name, content)]


def test_what_was_acknowledged_must_be_there(ledger):
    assert not ledger.problems(found())
    for operation in (Write("a", NEW), Remove("d/b"), Rename("a", "c"), MakeFolder("e")):
        ledger.done(ledger.begin(operation))
    right = [("c", NEW), ("d", FOLDER), ("e", FOLDER)]
    assert not ledger.problems(right)
    assert ledger.problems(found()), "as if nothing of it had happened"
    for missing in right:
        assert ledger.problems([entry for entry in right if entry != missing]), missing


@pytest.mark.parametrize(
    "wrong",
    [
        found(a=None),
        found(d=None),
        found(d=NEW),
        found(a=FOLDER),
        found(a=NEW),
        found(a=OLD.part(0, 299_999)),
        found(a=OLD.resized(300_001)),
        found(a=Content([*OLD.pieces, *OLD.pieces])),
        found(a=OLD.written(150_000, Content.of(None, 4096))),
        found(a=EMPTY),
        found(x=NEW),
        found() + [("a", OLD)],
        beside(OLD),
    ],
    ids=[
        "lost file",
        "lost folder",
        "file for folder",
        "folder for file",
        "another content",
        "cut",
        "grown",
        "doubled content",
        "a hole of zeros",
        "emptied",
        "an unknown file",
        "two of one name",
        "recovered, though nothing was open",
    ],
)
def test_wrong_outcomes(ledger, wrong):
    problems = ledger.problems(wrong)
    print(problems)
    assert problems


def test_a_write_in_flight_is_old_or_new(ledger):
    ledger.begin(Write("a", NEW))
    assert not ledger.problems(found())
    assert not ledger.problems(found(a=NEW))
    assert not ledger.problems(beside(NEW.part(0, 1000)))
    assert not ledger.problems(beside(EMPTY))
    assert ledger.problems(found(a=NEW.part(0, 1000))), "torn"
    assert ledger.problems(found(a=EMPTY))
    assert ledger.problems(found(a=None))
    assert ledger.problems(beside(NEW.part(0, 1000).resized(2000))), "zeros for what was lost"
    assert ledger.problems(beside(OLD.part(0, 1000)))
    assert ledger.problems(beside(NEW, "d/b (recovered 2026-01-31)"))
    twice = beside(NEW) + [("a (recovered 2026-01-31 2)", NEW)]
    assert ledger.problems(twice)


def test_a_write_in_place_shows_the_old_bytes_behind_the_new(ledger):
    new = OLD.written(100_000, Content.of(3, 100_000))
    ledger.begin(Write("a", new, in_place=True))
    torn = Content([*new.part(0, 150_000).pieces, *OLD.part(150_000, 300_000).pieces])
    assert not ledger.problems(beside(torn))
    assert ledger.problems(beside(new.part(0, 150_000)))
    appended = Write("d/b", NEW.written(200_000, Content.of(4, 100_000)), in_place=True)
    ledger.begin(appended)
    name = "d/b (recovered 2026-01-31)"
    assert not ledger.problems(beside(appended.new.part(0, 250_000), name))
    assert ledger.problems(beside(appended.new.part(0, 150_000), name)), "shorter than the old one"


def test_a_write_in_place_may_have_come_to_some_of_the_old_bytes(ledger):
    new = OLD.written(100_000, Content.of(3, 250_000))
    ledger.begin(Write("a", new, in_place=True))
    some = OLD.written(120_000, new.part(120_000, 130_000)).written(290_000, new.part(290_000, 300_000))
    for right in (OLD, new, some, new.part(0, 300_000)):
        assert not ledger.problems(found(a=right)), right
    for wrong in (new.part(0, 320_000), some.part(0, 299_999), some.written(125_000, Content.of(None, 9))):
        assert ledger.problems(found(a=wrong)), wrong
    assert not ledger.settle(found(a=some))
    assert ledger.state["a"] == some
    ledger.begin(Write("d/b", NEW.written(0, OLD)))
    assert ledger.problems(found(**{"a": some, "d/b": NEW.written(0, OLD.part(0, 1000))})), "not in place"


def test_what_fsync_saw_is_acknowledged(ledger):
    write = ledger.begin(Write("a", NEW, synced=1000))
    assert not ledger.problems(found(a=NEW.part(0, 1000)))
    assert not ledger.problems(found(a=NEW.part(0, 5000)))
    assert not ledger.problems(found(a=NEW))
    assert ledger.problems(found()), "the old content"
    assert ledger.problems(found(a=NEW.part(0, 999)))
    write.synced = 2000
    assert ledger.problems(found(a=NEW.part(0, 1000)))
    assert ledger.problems(beside(NEW.part(0, 2000))), "in the recovered file alone"


def test_what_fsync_was_called_for_may_be_there(ledger):
    ledger.begin(Write("a", NEW, syncing=1000))
    assert not ledger.problems(found())
    assert not ledger.problems(found(a=NEW.part(0, 1000)))
    assert ledger.problems(found(a=NEW.part(0, 999)))


def test_a_new_file_in_flight_may_be_empty_or_missing():
    ledger = Ledger()
    ledger.begin(Write("n.txt", NEW))
    for right in ([], [("n.txt", EMPTY)], [("n.txt", NEW)]):
        assert not ledger.problems(right)
    assert not ledger.problems([("n (recovered 2026-01-31).txt", NEW.part(0, 77))])
    assert ledger.problems([("n.txt", NEW.part(0, 77))])


def test_a_rename_in_flight_happened_or_not(ledger):
    ledger.begin(Rename("d", "e"))
    moved = [("a", OLD), ("e", FOLDER), ("e/b", NEW)]
    assert not ledger.problems(found())
    assert not ledger.problems(moved)
    assert ledger.problems([("a", OLD), ("d", FOLDER), ("e", FOLDER), ("e/b", NEW)])
    assert ledger.problems(moved + [("d", FOLDER), ("d/b", NEW)]), "in both places"


def test_a_rename_over_a_file_in_flight(ledger):
    ledger.begin(Rename("d/b", "a"))
    assert not ledger.problems([("a", NEW), ("d", FOLDER)])
    assert ledger.problems([("d", FOLDER)]), "neither is left"
    assert ledger.problems(found(a=NEW)), "both have the new content"


def test_two_in_flight_are_independent(ledger):
    ledger.begin(Write("a", NEW))
    ledger.begin(Remove("d/b"))
    assert not ledger.problems([("a", NEW), ("d", FOLDER)])
    assert not ledger.problems([("a", OLD), ("d", FOLDER)])
    assert ledger.problems([("d", FOLDER)])


def test_it_goes_on_from_what_was_found(ledger):
    ledger.begin(Write("a", NEW, synced=0))
    assert not ledger.settle(beside(NEW.part(0, 10), a=NEW.part(0, 5000)))
    assert ledger.state["a"] == NEW.part(0, 5000)
    assert not ledger.in_flight
    assert not ledger.problems(beside(NEW.part(0, 10), a=NEW.part(0, 5000)))
    assert ledger.problems(found(a=NEW.part(0, 5000)))
    assert ledger.settle(found())
    assert ledger.state["a"] == NEW.part(0, 5000), "as it was"
