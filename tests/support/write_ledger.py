"""What must be there after a crash: the ledger of one writer, and what is wrong with what was found.

A ledger keeps what a folder holds, by path: a Content, or FOLDER. The writer calls begin() before an
operation and done() after it returned; acknowledged is what is done. What had begun and was not done when
the crash came may have happened or not, and no third thing:

* names: the operation as a whole, or nothing of it;
* a file that was being written: the old content, the new one, or, once fsync was called, the new one as far
  as fsync saw it, or further; nothing less than that once it has returned; a new file also empty. Written in
  place, it may also be the old one, of its old size, with some bytes that are the new one's already: so it
  is where Drive did not have the old one yet, as on any local disk. What was written and never acknowledged may stand beside it as
  "NAME (recovered DATE)" (J4): the new content as far as it came, over the old one if it is written in
  place.

Everything else is a problem: what is missing, torn, doubled, or not ours. Pure: reads nothing but what it is
given. One thread at a time."""

import dataclasses
import itertools
import os
import re
from typing import Optional

from support.contents import EMPTY, Content

FOLDER = "folder"
_RECOVERED = re.compile(r"^(?P<stem>.*) \(recovered [^()]*\)(?P<extension>(\.[^./]*)?)$")
_PIECE = 1 << 20


@dataclasses.dataclass(eq=False)
class Write:
    """`new` is what the file will hold. `in_place`: written over the old content, which is not cut first.
    The writer moves `syncing` on before it calls fsync, and `synced` when that has returned: `new` may be,
    and is, safe up to there."""

    path: str
    new: Content
    in_place: bool = False
    synced: Optional[int] = None
    syncing: Optional[int] = None

    def apply(self, state):
        return {**state, self.path: self.new}

    def variants(self, state):
        old = state.get(self.path)
        if self.synced is not None:
            return [{**state, self.path: Partial(self.base(state), self.new, self.synced)}]
        variants = [state, self.apply(state)]
        if old is None:
            variants.append({**state, self.path: EMPTY})
        elif self.in_place:
            variants.append({**state, self.path: Mixture(old, self.new)})
        if self.syncing is not None:
            variants.append({**state, self.path: Partial(self.base(state), self.new, self.syncing)})
        return variants

    def base(self, state):
        """What is shown where the new bytes have not come to."""
        return state.get(self.path, EMPTY) if self.in_place else EMPTY


@dataclasses.dataclass(eq=False)
class Rename:
    """Of a file or a folder, to a free name or over a file."""

    old: str
    new: str

    def apply(self, state):
        if self.old == self.new:
            return state
        moved = {
            self.new + path[len(self.old) :]: content
            for path, content in state.items()
            if path == self.old or path.startswith(f"{self.old}/")
        }
        rest = {path: content for path, content in state.items() if not _is_at(path, self.old)}
        return {**rest, **moved}

    def variants(self, state):
        return [state, self.apply(state)]


@dataclasses.dataclass(eq=False)
class Remove:
    """Of a file, or of an empty folder."""

    path: str

    def apply(self, state):
        return {path: content for path, content in state.items() if path != self.path}

    def variants(self, state):
        return [state, self.apply(state)]


@dataclasses.dataclass(eq=False)
class MakeFolder:
    path: str

    def apply(self, state):
        return {**state, self.path: FOLDER}

    def variants(self, state):
        return [state, self.apply(state)]


@dataclasses.dataclass(frozen=True)
class Partial:
    """`new` up to some place from `least` on, then what `base` has behind that place."""

    base: Content
    new: Content
    least: int = 0


@dataclasses.dataclass(frozen=True)
class Mixture:
    """`old`, with bytes of `new` at some of their places."""

    old: Content
    new: Content


def _is_at(path, top):
    return path == top or path.startswith(f"{top}/")


class Ledger:
    def __init__(self, state=None):
        self.state = dict(state or {})
        self.history = []  # of all that was done, for who has to find a fault
        self._begun = []

    def begin(self, operation):
        """Gives it, for done(). Operations that have begun and are not done touch different paths."""
        self._begun.append(operation)
        return operation

    def done(self, operation):
        """It has returned without an error: it is acknowledged."""
        self._begun.remove(operation)
        self.state = operation.apply(self.state)
        self.history.append(operation)

    @property
    def in_flight(self):
        return list(self._begun)

    def problems(self, found):
        """What is wrong with `found`, a list of (path, FOLDER or a reader): a reader has `size` and
        read(offset, length), as Content has. Empty: nothing acknowledged is lost, torn or doubled."""
        return self._judge(found)[0]

    def settle(self, found):
        """As problems(); where there are none, it goes on from what was found: the next crash is another
        one."""
        problems, state = self._judge(found)
        if not problems:
            self.state = state
            self._begun = []
        return problems

    def _judge(self, found):
        """(problems, the state that was found): those of the variant that fits best."""
        paths = [path for path, _ in found]
        doubled = sorted({path for path in paths if paths.count(path) > 1})
        if doubled:
            return [f"{path!r} is there {paths.count(path)} times" for path in doubled], None
        verdicts = [_compare(variant, dict(found)) for variant in self._variants()]
        return min(verdicts, key=lambda verdict: len(verdict[0]))

    def _variants(self):
        """Each a state, with Partial or Mixture where more than one content will do, and what may lie
        beside it: [(state, {path of a file that was written: Partial})]."""
        writes = [operation for operation in self._begun if isinstance(operation, Write)]
        beside = {w.path: Partial(w.base(self.state), w.new) for w in writes}
        states = [self.state]
        for operation in self._begun:
            states = list(itertools.chain(*(operation.variants(state) for state in states)))
        return [(state, beside) for state in states]


def _compare(variant, found):
    """(problems, state that was found)"""
    state, beside = variant
    problems, seen = [], {}
    for path, expected in state.items():
        if path not in found:
            problems.append(f"{path!r} is lost: {expected}")
        else:
            seen[path] = _match(expected, found[path])
            if seen[path] is None:
                problems.append(f"{path!r}: {_describe(found[path], expected)}")
    recovered = {}
    for path in sorted(set(found) - set(state)):
        original = recovered_name(path)
        if original not in beside:
            problems.append(f"{path!r} was never made")
            continue
        seen[path] = _match(beside[original], found[path])
        if seen[path] is None:
            problems.append(f"{path!r}: {_describe(found[path], beside[original])}")
        recovered.setdefault(original, []).append(path)
    problems += [f"{paths} are twice the same" for paths in recovered.values() if len(paths) > 1]
    return problems, seen


def recovered_name(path):
    """The path that a recovered file stands beside, or None."""
    folder, name = os.path.split(path)
    match = _RECOVERED.match(name)
    return os.path.join(folder, match["stem"] + match["extension"]) if match else None


def _match(expected, found):
    """What `found` holds, as a Content or FOLDER; None where that is not as expected."""
    if expected == FOLDER or found == FOLDER:
        return FOLDER if expected == found else None
    if isinstance(expected, Partial):
        place = _common(found, expected.new)
        actual = Content(
            [*expected.new.part(0, place).pieces, *expected.base.part(place, expected.base.size).pieces]
        )
        return actual if place >= expected.least and _same(found, actual) else None
    if isinstance(expected, Mixture):
        return _unmixed(expected, found)
    return expected if _same(found, expected) else None


def _unmixed(mixture, found):
    """Of which pieces it is, as a Content; None where it has others."""
    if found.size != mixture.old.size:
        return None
    pieces, place = [], 0
    while place < found.size:
        end, content = max(
            ((_common(found, content, place), content) for content in (mixture.old, mixture.new)),
            key=lambda run: run[0],
        )
        if end == place:
            return None
        pieces += content.part(place, end).pieces
        place = end
    return Content(pieces)


def _common(found, content, begin=0):
    """Up to where the bytes from `begin` on are the same."""
    end = min(found.size, content.size)
    for offset in range(begin, end, _PIECE):
        length = min(_PIECE, end - offset)
        left, right = found.read(offset, length), content.read(offset, length)
        if left != right:
            return offset + len(os.path.commonprefix([left, right]))
    return max(begin, end)


def _same(found, content):
    return found.size == content.size and _common(found, content) == content.size


def _describe(found, expected):
    if found == FOLDER or expected == FOLDER:
        return "a file and a folder are no longer what they were"
    content = expected if isinstance(expected, Content) else expected.new
    return f"{found.size} bytes, right up to {_common(found, content)}, instead of {expected}"
