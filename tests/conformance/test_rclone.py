"""Unmodified rclone (Debian's) on the simulated Drive."""

import hashlib
import json
import os
import pathlib
import subprocess

import pytest

_MIB = 1 << 20


class Rclone:
    """rclone with a configuration of its own: remote "d:" is a Drive with a user's own client."""

    def __init__(self, folder, simulator):
        self.folder = folder
        self.simulator = simulator
        self._config = folder / "rclone.conf"
        self._sections = {}
        login = simulator.authorized_user()
        token = simulator.token()
        self.add(
            "d",
            client_id=login["client_id"],
            client_secret=login["client_secret"],
            scope="drive",
            token=json.dumps(
                {
                    "access_token": token["access_token"],
                    "token_type": "Bearer",
                    "refresh_token": login["refresh_token"],
                    "expiry": "2099-01-01T00:00:00Z",
                }
            ),
        )

    def add(self, name, **settings):
        self._sections[name] = {"type": "drive", **settings}
        self._config.write_text(
            "".join(
                f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items())
                for section, values in self._sections.items()
            )
        )

    def __call__(self, *arguments, stdin=None):
        """stdout of a command that must succeed; `stdin` is a file's path."""
        done = self._run(arguments, stdin)
        assert done.returncode == 0, f"rclone {arguments}:\n{done.stderr}"
        return done.stdout

    def fail(self, *arguments):
        """What a command says that must fail."""
        done = self._run(("--retries", 1, *arguments), None)
        assert done.returncode != 0, f"rclone {arguments} succeeded:\n{done.stdout}"
        return done.stderr

    def _run(self, arguments, stdin):
        command = (
            "rclone",
            f"--config={self._config}",
            f"--ca-cert={self.simulator.ca_file}",
            # Its pauses are made for Google's quotas, not for a test's time.
            "--drive-pacer-min-sleep=1ms",
            "--drive-pacer-burst=1000",
            "--low-level-retries=20",
            *map(str, arguments),
        )
        with open(stdin or os.devnull, "rb") as source:
            return subprocess.run(
                command,
                stdin=source,
                capture_output=True,
                text=True,
                timeout=120,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            )


@pytest.fixture
def rclone(folder, simulator):
    return Rclone(folder, simulator)


def _write_tree(root, count=20):
    """Small files in folders, one of 100 MiB; gives path → md5."""
    sums = {}
    for index in range(count):
        content = hashlib.sha256(bytes([index])).digest() * (index * 37)
        sums[f"d{index % 3}/file {index}.bin"] = content
    sums["big.bin"] = bytes(range(256)) * (100 * _MIB // 256)
    for name, content in sums.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {name: hashlib.md5(content).hexdigest() for name, content in sums.items()}


def _md5_of_drive(simulator, below=""):
    return {
        item["path"].removeprefix(below): item["md5Checksum"]
        for item in simulator.dump()
        if "md5Checksum" in item and item["path"].startswith(below)
    }


@pytest.mark.no_refusals
def test_lists_a_tree_recursively(rclone, simulator):
    folders = 60
    simulator.seed(
        items=[
            {"path": "a/it's/b\\c.txt", "content": ""},
            {"path": "gone.txt", "content": "x", "trashed": True},
        ],
        trees=[{"path": "t", "folders": folders, "files": 30, "size": 100, "seed": 1}],
    )
    expected = {item["path"] for item in simulator.dump() if "size" in item}
    for options in ([], ["--fast-list"]):
        simulator.reset_stats()
        listed = rclone("lsf", "-R", "--files-only", *options, "d:")
        assert set(listed.splitlines()) == expected
        # Several folders in one query (drive-api reference 3.4).
        assert simulator.stats()["methods"]["files.list"]["count"] < folders
    assert rclone("lsf", "--files-only", "--drive-trashed-only", "d:").split() == ["gone.txt"]


def test_shows_times_and_hashes(rclone, simulator):
    modified = "2024-02-29T12:34:56.789Z"
    simulator.seed(items=[{"path": "a", "content": "hello", "modified": modified}])
    entry = json.loads(rclone("lsjson", "--hash", "d:a"))[0]
    assert (entry["Size"], entry["ModTime"]) == (5, modified)
    assert entry["Hashes"]["md5"] == hashlib.md5(b"hello").hexdigest()


def test_copies_up_checks_and_copies_down(rclone, simulator, folder):
    sums = _write_tree(folder / "up")
    rclone("copy", folder / "up", "d:backup")
    assert _md5_of_drive(simulator, "backup/") == sums
    assert simulator.stats()["methods"]["upload.data"]["count"] > 1  # 100 MiB went up resumably
    rclone("check", folder / "up", "d:backup")
    rclone("copy", "d:backup", folder / "down")
    assert {
        str(path.relative_to(folder / "down")): hashlib.md5(path.read_bytes()).hexdigest()
        for path in (folder / "down").rglob("*")
        if path.is_file()
    } == sums


def test_overwrites_moves_makes_and_purges(rclone, simulator, folder):
    (folder / "a.txt").write_text("one")
    rclone("copyto", folder / "a.txt", "d:x/a.txt")
    before = next(item for item in simulator.dump() if item["path"] == "x/a.txt")
    (folder / "a.txt").write_text("another one")
    rclone("copyto", folder / "a.txt", "d:x/a.txt")
    after = next(item for item in simulator.dump() if item["path"] == "x/a.txt")
    assert after["id"] == before["id"]  # a new revision, not a second file
    assert after["headRevisionId"] != before["headRevisionId"]
    rclone("moveto", "d:x/a.txt", "d:y/b.txt")
    moved = next(item for item in simulator.dump() if item["path"] == "y/b.txt")
    assert (moved["id"], moved["headRevisionId"]) == (after["id"], after["headRevisionId"])
    rclone("mkdir", "d:made/inside")
    assert "made/inside" in {item["path"] for item in simulator.dump()}
    rclone("purge", "d:y")
    assert not any(item["path"].startswith("y") for item in simulator.dump())
    trashed = simulator.dump(trashed="true")
    assert any(item["id"] == moved["id"] and item["trashed"] for item in trashed)


def test_uploads_what_has_no_length_yet(rclone, simulator, folder):
    content = os.urandom(20 * _MIB + 5)
    (folder / "in").write_bytes(content)
    rclone("rcat", "d:piped.bin", stdin=folder / "in")
    assert _md5_of_drive(simulator) == {"piped.bin": hashlib.md5(content).hexdigest()}
    assert simulator.stats()["methods"]["upload.data"]["count"] > 1


def test_moves_folders_copies_in_the_drive_and_cleans_up(rclone, simulator):
    simulator.seed(items=[{"path": f"from/f{i}", "content": str(i)} for i in range(3)])
    ids = {item["path"]: item["id"] for item in simulator.dump()}
    rclone("moveto", "d:from", "d:to/deep")
    now = {item["path"]: item["id"] for item in simulator.dump()}
    assert now["to/deep"] == ids["from"] and now["to/deep/f0"] == ids["from/f0"]
    rclone("copyto", "d:to/deep/f1", "d:copy")
    assert simulator.stats()["methods"]["files.copy"]["count"] >= 1
    assert rclone("cat", "d:copy") == "1"
    rclone("deletefile", "d:copy")
    rclone("mkdir", "d:empty/inside")
    rclone("rmdirs", "d:empty")
    assert "empty" not in {item["path"] for item in simulator.dump()}
    rclone("--drive-use-trash=false", "purge", "d:to")
    assert simulator.dump() == []
    assert ids["from/f0"] not in {item["id"] for item in simulator.dump(trashed="true")}
    rclone("cleanup", "d:")
    assert simulator.dump(trashed="true") == []


def test_about_says_what_is_used(rclone, simulator):
    simulator.seed(items=[{"path": "a", "size": 5 * _MIB, "seed": 1}])
    about = json.loads(rclone("about", "--json", "d:"))
    assert about["total"] == 16 << 30
    assert about["used"] == 5 * _MIB


def test_makes_and_follows_a_shortcut(rclone, simulator):
    simulator.seed(items=[{"path": "dir/a.txt", "content": "alpha"}])
    rclone("backend", "shortcut", "d:", "dir/a.txt", "link.txt")
    link = next(item for item in simulator.dump() if item["path"] == "link.txt")
    target = next(item for item in simulator.dump() if item["path"] == "dir/a.txt")
    assert link["targetId"] == target["id"]
    assert rclone("cat", "d:link.txt") == "alpha"
    rclone("backend", "shortcut", "d:", "dir", "link")
    listed = rclone("lsf", "-R", "--files-only", "d:").split()
    assert sorted(listed) == ["dir/a.txt", "link.txt", "link/a.txt"]


def test_exports_a_doc(rclone, simulator, folder):
    simulator.seed(items=[{"path": "report", "type": "document", "content": "the text"}])
    assert rclone("lsf", "d:").split() == ["report.docx"]
    rclone("copy", "--drive-export-formats", "txt", "d:", folder / "down")
    assert "the text" in (folder / "down/report.txt").read_text(encoding="utf-8-sig")


def test_logs_in_as_a_service_account(rclone, simulator, folder):
    key = simulator.service_account(
        "robot@project.iam.gserviceaccount.com", "https://oauth2.googleapis.com/token"
    )
    (folder / "key.json").write_text(json.dumps(key))
    simulator.seed(
        items=[
            {
                "path": "shared/a.txt",
                "content": "for the robot",
                "share_with": {key["client_email"]: "reader"},
            }
        ]
    )
    rclone.add("robot", service_account_file=folder / "key.json", scope="drive")
    listed = rclone("lsf", "-R", "--drive-shared-with-me", "robot:")
    assert listed.split() == ["a.txt"]
    assert rclone("cat", "--drive-shared-with-me", "robot:a.txt") == "for the robot"
    # It has no storage of its own: folders, and files in shared drives.
    (folder / "b.txt").write_text("by the robot")
    rclone("mkdir", "robot:own")
    refused = rclone.fail("copy", folder / "b.txt", "robot:own")
    assert "Service Accounts do not have storage quota" in refused
    made = simulator.seed(
        shared_drives=[{"name": "Team", "members": {key["client_email"]: "writer"}}]
    )
    team = f"robot,team_drive={made['drives']['Team']}:"
    rclone("copy", folder / "b.txt", team)
    assert rclone("cat", team + "b.txt") == "by the robot"


@pytest.mark.no_refusals
def test_a_service_account_must_sign_with_its_own_key(rclone, simulator, folder):
    uri = "https://oauth2.googleapis.com/token"
    key = simulator.service_account("robot@project.iam.gserviceaccount.com", uri)
    other = simulator.service_account("other@project.iam.gserviceaccount.com", uri)
    key["private_key"] = other["private_key"]
    (folder / "key.json").write_text(json.dumps(key))
    rclone.add("robot", service_account_file=folder / "key.json", scope="drive")
    assert "Invalid JWT Signature" in rclone.fail("lsf", "robot:")


def test_works_in_a_shared_drive(rclone, simulator, folder):
    made = simulator.seed(
        shared_drives=[{"name": "Team", "items": [{"path": "in/a.txt", "content": "alpha"}]}]
    )
    rclone("lsf", "d:")  # refreshes nothing, but proves that My Drive is another place
    team = dict(rclone._sections["d"], team_drive=made["drives"]["Team"], root_folder_id="")
    team.pop("type")
    rclone.add("team", **team)
    assert rclone("lsf", "-R", "--files-only", "team:").split() == ["in/a.txt"]
    (folder / "b.txt").write_text("beta")
    rclone("copy", folder / "b.txt", "team:in")
    assert rclone("cat", "team:in/b.txt") == "beta"
    paths = {item["path"] for item in simulator.dump(drive="Team")}
    assert {"in", "in/a.txt", "in/b.txt"} <= paths
    rclone("moveto", "team:in/b.txt", "team:moved/c.txt")
    drives = json.loads(rclone("backend", "drives", "d:"))
    assert [drive["name"] for drive in drives] == ["Team"]
    rclone("purge", "team:in")
    assert rclone("lsf", "-R", "--files-only", "team:").split() == ["moved/c.txt"]
    assert rclone("lsf", "d:") == ""


def test_copies_many_files(rclone, simulator, folder):
    root = folder / "up"
    root.mkdir()
    for index in range(24):
        (root / f"f{index}").write_bytes(os.urandom(1000 + index))
    rclone("copy", root, "d:up")
    rclone("copy", "d:up", folder / "down")
    for path in root.iterdir():
        assert (folder / "down" / path.name).read_bytes() == path.read_bytes()
    names = [item["path"] for item in simulator.dump() if "size" in item]
    assert len(names) == len(set(names)) == 24


@pytest.mark.no_refusals
def test_the_simulator_is_reached_under_googles_names(simulator):
    hosts = pathlib.Path("/etc/hosts").read_text()
    assert "127.0.0.1" in hosts and "www.googleapis.com" in hosts
    assert simulator.stats()
