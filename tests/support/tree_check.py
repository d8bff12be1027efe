"""Compares a mount with what the simulator says it holds: every item once, nothing else, every byte."""

import calendar
import concurrent.futures
import dataclasses
import errno
import hashlib
import json
import os
import stat
import time

from support.drive_api import FOLDER, SHORTCUT
from support.names import may_be_shown_as

NATIVE = "application/vnd.google-apps."
LINK_EXTENSIONS = {
    "document": ".gdoc",
    "spreadsheet": ".gsheet",
    "presentation": ".gslides",
    "drawing": ".gdraw",
    "form": ".gform",
}
_THREADS = 8
_PIECE = 1 << 20


def attribute(path, name):
    """The value of user.drive.NAME, or "" where the item has none."""
    try:
        return os.getxattr(path, f"user.drive.{name}", follow_symlinks=False).decode()
    except OSError as error:
        if error.errno == errno.ENODATA:
            return ""
        raise


def md5_of(path):
    digest = hashlib.md5()
    buffer = bytearray(_PIECE)
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


@dataclasses.dataclass
class Entry:
    path: str
    name: str
    parent: str  # path of the folder
    id: str
    shortcut_id: str
    status: os.stat_result

    @property
    def own_id(self):
        """The id of what lies here: a shortcut's own, not that of its target."""
        return self.shortcut_id or self.id


def walk(top):
    """All entries below `top`; folder shortcuts are shown, not entered."""
    found = []
    folders = [str(top)]
    while folders:
        folder = folders.pop()
        for name in sorted(os.listdir(folder)):
            path = f"{folder}/{name}"
            status = os.lstat(path)
            entry = Entry(
                path, name, folder, attribute(path, "id"), attribute(path, "shortcut_id"), status
            )
            found.append(entry)
            if stat.S_ISDIR(status.st_mode) and not entry.shortcut_id:
                folders.append(path)
    return found


@dataclasses.dataclass
class Report:
    problems: list = dataclasses.field(default_factory=list)
    items: int = 0
    files: int = 0
    bytes: int = 0

    def add(self, other):
        self.problems += other.problems
        self.items += other.items
        self.files += other.files
        self.bytes += other.bytes


class Comparison:
    """One folder of the mount (its entries are `top`'s) with the dump of what must lie in it.

    `others`: items by id that shortcuts in it may point to, besides those of the dump."""

    def __init__(self, top, dump, others=()):
        self.top = str(top)
        self.items = {item["id"]: item for item in dump}
        self.targets = {item["id"]: item for item in others} | self.items
        self.report = Report()

    def run(self, exclude=()):
        """`exclude`: names in `top` that are no items."""
        paths = {}
        entries = [
            entry
            for entry in walk(self.top)
            if not (entry.parent == self.top and entry.name in exclude)
            and not any(entry.path.startswith(f"{self.top}/{name}/") for name in exclude)
        ]
        self._identify_symlinks(entries)
        for entry in entries:
            if entry.own_id not in self.items:
                self._problem(entry.path, f"nothing in Drive has its id {entry.own_id!r}")
            elif entry.own_id in paths:
                self._problem(entry.path, f"is the item of {paths[entry.own_id].path} too")
            else:
                paths[entry.own_id] = entry
        for item_id, item in self.items.items():
            if item_id not in paths:
                self._problem(item["path"], "is in Drive, but not in the mount")
        with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
            jobs = [pool.submit(self._check, paths[i], self.items[i], paths) for i in paths]
            for job in jobs:
                self.report.add(job.result())
        return self.report

    def _identify_symlinks(self, entries):
        """Linux lets no symlink have attributes of users: by its folder and name."""
        folders = {entry.path: entry.own_id for entry in entries}
        below = {}
        for item in self.items.values():
            below.setdefault(item["parent"], []).append(item)
        for entry in entries:
            if stat.S_ISLNK(entry.status.st_mode):
                for item in below.get(folders.get(entry.parent), ()):
                    if may_be_shown_as(entry.name, item["names"][-1], item["id"]):
                        entry.id = item["id"]

    def _problem(self, where, what):
        self.report.problems.append(f"{where!r}: {what}")

    def _check(self, entry, item, paths):
        report = Report(items=1)
        try:
            problems = list(self._problems(entry, item, paths, report))
        except OSError as error:
            problems = [str(error)]
        report.problems += [f"{entry.path!r}: {problem}" for problem in problems]
        return report

    def _problems(self, entry, item, paths, report):
        mime = item["mimeType"]
        extension = ""
        if mime == SHORTCUT:
            extension = _link_extension(item["targetMimeType"])
            yield from self._shortcut_problems(entry, item, report)
        elif mime == FOLDER:
            if not stat.S_ISDIR(entry.status.st_mode):
                yield "is no folder"
        elif mime.startswith(NATIVE):
            extension = _link_extension(mime)
            yield from _link_problems(entry.path, item)
        else:
            yield from _file_problems(entry.path, entry.status, item, report)
        if not may_be_shown_as(entry.name, item["names"][-1], item["id"], extension):
            yield f"a name that is not that of {item['names'][-1]!r}"
        parent = paths.get(item["parent"])
        expected = parent.path if parent else self.top
        if entry.parent != expected:
            yield f"belongs into {expected!r}"

    def _shortcut_problems(self, entry, item, report):
        target = self.targets.get(item["targetId"])
        if stat.S_ISLNK(entry.status.st_mode):
            # To a folder that it lies in itself.
            if attribute(os.path.realpath(entry.path), "id") != item["targetId"]:
                yield "a symlink to another folder than its target"
        elif target is None:
            with open(entry.path, encoding="utf-8") as file:
                if item["targetId"] not in file.read():
                    yield "a dangling shortcut does not name its target"
        elif entry.id != target["id"]:
            yield f"leads to {entry.id}, not to {target['id']}"
        elif target["mimeType"] == FOLDER:
            children = {i["id"] for i in self.targets.values() if i["parent"] == target["id"]}
            seen = set()
            for name in os.listdir(entry.path):
                path = f"{entry.path}/{name}"
                seen.add(attribute(path, "shortcut_id") or attribute(path, "id"))
            if seen != children:
                yield f"shows {sorted(seen ^ children)} wrongly"
        elif target["mimeType"].startswith(NATIVE):
            yield from _link_problems(entry.path, target)
        else:
            yield from _file_problems(entry.path, os.stat(entry.path), target, report)


def _link_extension(mime):
    if not mime.startswith(NATIVE) or mime in (FOLDER, SHORTCUT):
        return ""
    return LINK_EXTENSIONS[mime.removeprefix(NATIVE)]


def _link_problems(path, item):
    with open(path, "rb") as file:
        text = file.read()
    if os.stat(path).st_size != len(text):
        yield f"size {os.stat(path).st_size}, but {len(text)} bytes"
    if json.loads(text)["doc_id"] != item["id"]:
        yield "is a link to another document"


def _file_problems(path, status, item, report):
    if item.get("properties", {}).get("driveway.symlink") == "1":
        if not stat.S_ISLNK(status.st_mode):
            yield "is no symlink"
        return
    if not stat.S_ISREG(status.st_mode):
        yield "is no regular file"
        return
    report.files += 1
    report.bytes += status.st_size
    if status.st_size != item["size"]:
        yield f"{status.st_size} bytes instead of {item['size']}"
    if attribute(path, "md5") != item["md5Checksum"]:
        yield f"user.drive.md5 is {attribute(path, 'md5')}"
    milliseconds = status.st_mtime_ns // 1_000_000
    if milliseconds != _milliseconds(item["modifiedTime"]):
        yield f"mtime {status.st_mtime_ns} instead of {item['modifiedTime']}"
    digest = md5_of(path)
    if digest != item["md5Checksum"]:
        yield f"its bytes have md5 {digest} instead of {item['md5Checksum']}"


def _milliseconds(text):
    """RFC 3339 in UTC with milliseconds, since 1970."""
    seconds = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    return seconds * 1000 + int(text[20:23])


def assert_same(report):
    """Fails with the first problems."""
    shown = "\n".join(report.problems[:20])
    assert not report.problems, f"{len(report.problems)} problems:\n{shown}"
