"""Names in the mount, as docs/SEMANTICS.md has them, written down a second time."""

import hashlib

ESCAPE = "\u241b"
_REPLACED = {"/": "\u2215", "\0": "\u2400"}
_OWN = (*_REPLACED.values(), ESCAPE)
MAX_BYTES = 255


def escaped(name):
    """A Drive name as it is shown as long as it is short enough and nobody else's."""
    if name == "":
        return ESCAPE + "0"
    if name in (".", ".."):
        return ESCAPE + name
    return "".join(_REPLACED.get(c, ESCAPE + c if c in _OWN else c) for c in name)


def id_mark(item_id, digits=8):
    """What tells twins and shortened names apart."""
    return f"({hashlib.md5(item_id.encode()).hexdigest()[:digits]})"


def may_be_shown_as(shown, drive_name, item_id, extension=""):
    """Whether `shown` is the item's plain name, or one with its mark."""
    plain = escaped(drive_name) + extension
    if len(plain.encode()) <= MAX_BYTES and shown == plain:
        return True
    mark = " " + id_mark(item_id)
    before, found, after = shown.rpartition(mark)
    return bool(found) and plain.startswith(before) and plain.endswith(after)
