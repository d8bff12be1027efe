"""Trees to seed the simulator with (tools/sim/admin/state_admin.h says what the keys mean)."""

from support.simulator import FIRST_ACCOUNT, OTHER_ACCOUNT
from support.tree_check import Comparison, Report

LONG_NAME = "long " * 60 + ".tar.gz"  # 307 bytes
ODD_NAMES = [
    "slash/in the middle",
    "/",
    ".",
    "..",
    "...",
    LONG_NAME,
    "\u00fc" * 200 + ".txt",  # 404 bytes, but 204 characters
    "rocket \U0001f680 and family \U0001f468\u200d\U0001f469\u200d\U0001f467.txt",
    "tab\there, line\nfeed, bell\a.txt",
    " leading and trailing blanks ",
    "back\\slash.txt",
    "quote' and \"quotes\".txt",
    "-rf",
    "*?[glob]",
    "$(true) `true`",
    "100%",
    "caf\u00e9 composed",
    "cafe\u0301 decomposed",
    "\u2215 is no slash",
    "\u2400 is no NUL",
    "\u241b is no escape",
    "\u202eright to left",
    ".hidden",
    "MyDrive",
    "CON",
]


def odd_items(folder="odd"):
    return [{"path": [folder, name], "content": f"in {name!r}"} for name in ODD_NAMES]


def everything(small_files=200, folders=10, big_size=8 << 20):
    """What seed() takes for a Drive of the first account that has one of everything; and, apart, what
    the other account shares with it. REQUIRES both accounts."""
    items = [
        {"path": "readme.txt", "content": "hello\n", "modified": "2024-02-29T12:34:56.789Z"},
        {"path": "big.bin", "size": big_size, "seed": 7, "modified": "1999-12-31T23:59:59.001Z"},
        {"path": "empty.txt", "content": ""},
        {"path": "empties/none", "content": "", "copies": 3},
        {"path": "an empty folder", "type": "folder"},
        {"path": "a/b/c/d/e/f/g/h/deep.txt", "content": "deep\n"},
        *odd_items(),
        # Duplicates: files, folders, and a file and a folder of one name.
        {"path": "twins/same.txt", "content": "one", "created": "2020-01-01T00:00:00Z"},
        {"path": "twins/same.txt", "content": "two", "created": "2021-01-01T00:00:00Z"},
        {"path": "twins/same.txt", "content": "three", "created": "2022-01-01T00:00:00Z"},
        {"path": "twins/many", "size": 100, "seed": 3, "copies": 20},
        {"path": "twins/folder", "type": "folder", "copies": 2},
        {"path": "twins/folder", "content": "a file"},
        {"path": "twins/slash/es", "content": "in a folder"},
        {"path": ["twins", "slash/es"], "content": "a file with a slash"},
        {"path": "docs/report", "type": "document", "content": "text of the report"},
        {"path": "docs/table", "type": "spreadsheet", "content": "1,2\n3,4\n"},
        {"path": "docs/slides", "type": "presentation", "content": "slides"},
        {"path": "docs/drawing", "type": "drawing", "content": "drawn"},
        {"path": "docs/form", "type": "form"},
        {"path": "docs/report.gdoc", "content": "a file that is called so"},
        {"path": "shortcuts/to a file", "type": "shortcut", "target": "readme.txt"},
        {"path": "shortcuts/to a folder", "type": "shortcut", "target": "a/b"},
        {"path": "shortcuts/to a document", "type": "shortcut", "target": "docs/report"},
        {"path": "shortcuts/dangling", "type": "shortcut", "target_id": "1" + "x" * 32},
        {"path": "shortcuts/loop/up", "type": "shortcut", "target": "shortcuts"},
        {
            "path": "posix/script.sh",
            "content": "#!/bin/sh\necho it runs\n",
            "properties": {"driveway.mode": "755"},
        },
        {
            "path": "posix/private",
            "content": "x",
            "properties": {
                "driveway.mode": "600",
                "driveway.uid": "1234",
                "driveway.gid": "4321",
            },
        },
        {
            "path": "posix/link",
            "content": "../readme.txt",
            "properties": {"driveway.symlink": "1"},
        },
        {
            "path": "posix/broken link",
            "content": "nowhere/at all",
            "properties": {"driveway.symlink": "1"},
        },
        {"path": "thrown away.txt", "content": "trash", "trashed": True},
        {"path": "thrown away", "type": "folder", "trashed": True},
        {"path": "half thrown away/kept.txt", "content": "kept"},
        {"path": "half thrown away/gone.txt", "content": "gone", "trashed": True},
    ]
    sizes = {"min_size": 0, "max_size": 9000}
    trees = [
        {"path": "train", "folders": folders, "files": small_files // folders, "seed": 1, **sizes},
        {"path": "wide", "files": 100, "size": 300, "seed": 2},
    ]
    team = {
        "name": "Team A",
        "members": {OTHER_ACCOUNT: "writer"},
        "items": [
            {"path": "team/notes.txt", "content": "of the team"},
            {"path": "team/plan", "type": "document", "content": "the plan"},
            {"path": "team.bin", "size": 300_000, "seed": 11},
        ],
        "trees": [{"path": "shards", "folders": 2, "files": 10, "size": 2000, "seed": 12}],
    }
    empty = {"name": "Empty team / with a slash"}
    shared = {FIRST_ACCOUNT: "reader"}
    from_other = [
        {"path": "for ann.txt", "content": "for you", "share_with": shared},
        {"path": "project", "type": "folder", "share_with": shared},
        {"path": "project/part.bin", "size": 5000, "seed": 21},
        {"path": "project/below/deeper.bin", "size": 6000, "seed": 22},
        {"path": "private.txt", "content": "not for you"},
    ]
    mine = {
        "account": FIRST_ACCOUNT,
        "items": items,
        "trees": trees,
        "shared_drives": [team, empty],
    }
    return [mine, {"account": OTHER_ACCOUNT, "items": from_other}]


def seed_everything(simulator, **sizes):
    """Makes the accounts too."""
    simulator.add_account(FIRST_ACCOUNT, name="Ann", storage_limit=16 << 30)
    simulator.add_account(OTHER_ACCOUNT, name="Bob")
    for spec in everything(**sizes):
        simulator.seed(**spec)


def compare_everything(mount):
    """A tree_check.Report of all that the mount (layout colab) shows."""
    simulator = mount.machine.simulator
    mine = simulator.dump()
    trashed = [item for item in simulator.dump(trashed=1) if item["trashed"]]
    report = Report()
    report.add(Comparison(mount.my_drive, mine).run())
    report.add(Comparison(mount.path / ".Trash", trashed).run())
    report.add(Comparison(mount.path / ".shared", simulator.dump(shared=1)).run())
    for name in ("Team A", "Empty team / with a slash"):
        shown = name.replace("/", "\u2215")
        top = mount.path / "Shareddrives" / shown
        report.add(Comparison(top, simulator.dump(drive=name)).run())
    return report
