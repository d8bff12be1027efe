"""What `tools/bench writes` must show: the rows of its table, judged from the figures of the
workloads. No measuring here."""

from benchmarks.rows import Row, at_least, at_most, ratio

_WRITES_PER_SECOND = 3  # that Drive takes (drive-api reference 9)
_MIB = 1 << 20


def _close(results):
    ours = results.median("write", "seconds")
    null = results.median("write", "null_seconds")
    return [at_least("the speed of a null FUSE", ratio(null, ours), 0.8, "x")]


def _transfer_seconds(results, workload):
    size = results.median(workload, "bytes")
    return None if size is None else size / results.connection_bandwidth


def _drained(results):
    ours = results.median("write", "drain_seconds")
    rclone = results.best_rclone("write", "drain_seconds", min)
    transfer = _transfer_seconds(results, "write")
    return [
        at_most("size over a connection's bandwidth", ratio(ours, transfer), 1.1, "x"),
        at_most("rclone's time", ratio(ours, rclone), 0.5, "x"),
    ]


def _patched(results):
    ours = results.median("patch", "drain_seconds")
    downloaded = results.median("patch", "downloaded")
    share = ratio(ours, _transfer_seconds(results, "patch"))
    return [
        at_most("size over a connection's bandwidth", share, 1.1, "x"),
        at_most("downloaded", None if downloaded is None else downloaded / _MIB, 0, "MiB"),
    ]


def _many(results):
    ours = results.median("many", "files_per_second")
    plain = results.median("many", "plain_files_per_second")
    rclone = results.best_rclone("many", "files_per_second")
    return [
        at_least("plain disk", ratio(ours, plain), 0.2, "x"),
        at_least("rclone", ratio(ours, rclone), 3, "x"),
    ]


def _many_in_drive(results):
    share = ratio(results.median("many", "in_drive_per_second"), _WRITES_PER_SECOND)
    return [at_least("of 3 a second", share, 0.9)]


def _copied(results):
    moved = results.median("copy", "moved")
    return [
        at_most("", results.median("copy", "seconds"), 2, "s"),
        at_most("moved, requests and all", None if moved is None else moved / _MIB, 1, "MiB"),
    ]


def _folders(results):
    return [
        at_most("changing calls, rename", results.peak("folders", "rename_changes"), 1, "calls"),
        at_most("changing calls, rm -r", results.peak("folders", "remove_changes"), 1, "calls"),
    ]


def _saved(results):
    transfer = _transfer_seconds(results, "saves")
    limit = None if transfer is None else 5 + transfer
    return [
        at_most("times not whole in Drive", results.peak("saves", "not_whole"), 0, "times"),
        at_most("after the last rename", results.median("saves", "final_seconds"), limit, "s"),
    ]


def _killed(results):
    return [
        at_most("of the bytes sent again", results.peak("killed", "sent_again"), 0.6),
        at_most("mount ready", results.median("killed", "ready_seconds"), 1, "s"),
    ]


ALL = (
    Row("write", "a new 1 GiB file: until close returns", "write", _close),
    Row("write-drain", "the same: from close until it is wholly in Drive", "write", _drained),
    Row("patch", "4 KiB in the middle of a cached 1 GiB file, until in Drive", "patch", _patched),
    Row("many", "500 files of 10 KB: until close returns", "many", _many),
    Row("many-drain", "the same until in Drive", "many", _many_in_drive),
    Row("copy", "cp of a clean 1 GiB file inside the mount", "copy", _copied),
    Row("folders", "rename of a folder of 1,000 files, and rm -r of it", "folders", _folders),
    Row("saves", "100 MB saved over the last one, each 2 s for 60 s", "saves", _saved),
    Row("killed", "daemon killed at half of a 1 GiB upload, mounted again", "killed", _killed),
)
