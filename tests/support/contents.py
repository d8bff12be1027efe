"""Contents of files that need no room: parts of endless random streams, each named by a seed. Bytes of
different seeds, or of different places of one, differ: what is torn, lost or doubled shows."""

import functools
import hashlib
import random

_BLOCK = 64 << 10
_PIECE = 1 << 20


@functools.lru_cache(maxsize=256)
def _block(seed, number):
    return random.Random((seed << 32) + number).randbytes(_BLOCK)


def _stream(seed, start, length):
    """Bytes of a stream; of the stream None, zeros."""
    if seed is None:
        return bytes(length)
    parts = []
    while length > 0:
        number, skipped = divmod(start, _BLOCK)
        part = _block(seed, number)[skipped : skipped + length]
        parts.append(part)
        start += len(part)
        length -= len(part)
    return b"".join(parts)


class Content:
    """Immutable. Made with Content.of(seed, size), and from others; equal ones have the same bytes, but
    for pieces of another origin that happen to be alike."""

    def __init__(self, pieces=()):
        joined = []
        for seed, start, length in pieces:
            if length == 0:
                continue
            last = joined[-1] if joined else None
            if last and last[0] == seed and (seed is None or last[1] + last[2] == start):
                joined[-1] = (seed, last[1], last[2] + length)
            else:
                joined.append((seed, 0 if seed is None else start, length))
        self.pieces = tuple(joined)
        self.size = sum(length for _, _, length in joined)

    @classmethod
    def of(cls, seed, size):
        return cls([(seed, 0, size)])

    def __eq__(self, other):
        return isinstance(other, Content) and self.pieces == other.pieces

    def __hash__(self):
        return hash(self.pieces)

    def __repr__(self):
        parts = ", ".join(f"{length} of {seed} from {start}" for seed, start, length in self.pieces)
        return f"<{self.size} bytes: {parts}>"

    def part(self, begin, end):
        """A Content: what lies there, as far as this one goes."""
        pieces, place = [], 0
        for seed, start, length in self.pieces:
            first, last = max(begin, place), min(end, place + length)
            if first < last:
                pieces.append((seed, start + first - place, last - first))
            place += length
        return Content(pieces)

    def resized(self, size):
        """Cut, or with zeros at its end."""
        zeros = max(0, size - self.size)
        return Content([*self.part(0, size).pieces, (None, 0, zeros)])

    def written(self, offset, data):
        """With the Content `data` written over it from `offset` on."""
        before, after = self.resized(offset), self.part(offset + data.size, self.size)
        return Content([*before.pieces, *data.pieces, *after.pieces])

    def read(self, offset, length):
        """bytes"""
        return b"".join(_stream(*piece) for piece in self.part(offset, offset + length).pieces)

    def bytes(self):
        return self.read(0, self.size)

    def in_parts(self, length=_PIECE, begin=0):
        """(offset, bytes) of all of it from `begin` on."""
        for offset in range(begin, self.size, length):
            yield offset, self.read(offset, length)

    @functools.cached_property
    def md5(self):
        digest = hashlib.md5()
        for _, data in self.in_parts():
            digest.update(data)
        return digest.hexdigest()


EMPTY = Content()
