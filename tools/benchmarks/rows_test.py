"""What rows.py and table.py make of figures: PYTHONPATH=tools python3 -m pytest tools/benchmarks"""

import json

from benchmarks import rows, table, write_rows
from benchmarks.rows import Check, Results

NETWORK = {"total_bandwidth": 200_000_000, "connection_bandwidth": 40_000_000}


def big(mb_per_second, **figures):
    return {"mb_per_second": mb_per_second, **figures}


def row(name):
    return next(row for row in rows.ALL if row.name == name)


def results(**measured):
    return Results(measured, NETWORK)


def test_the_median_of_the_rounds_counts():
    measured = results(big={"driveway": [big(160), big(190), big(172)]})
    assert measured.median("big", "mb_per_second") == 172


def test_the_better_rclone_counts():
    measured = results(
        big={
            "driveway": [big(180)],
            "rclone": [big(40, cpu_per_gb=2.0)],
            "rclone tuned": [big(30), big(34)],
        }
    )
    assert measured.best_rclone("big", "mb_per_second") == 40
    assert measured.best_rclone("big", "cpu_per_gb", min) == 2.0
    link, rclone = rows.judged(row("sequential"), measured)
    assert link.passed and link.value == 0.9
    assert rclone.passed and rclone.value == 4.5


def test_seconds_are_compared_the_other_way_round():
    seconds = {"driveway": 2.0, "rclone": 30.0, "rclone tuned": 18.0}
    measured = results(list={name: [{"seconds": value}] for name, value in seconds.items()})
    (check,) = rows.judged(row("list"), measured)
    assert check.value == 9 and not check.passed


def test_less_than_rclone_s_cpu_is_asked_for():
    ours = {"cpu_per_gb": 1.0, "cpu_per_gb_with_md5": 2.1}
    measured = results(big={"driveway": [ours], "rclone": [{"cpu_per_gb": 2.0}]})
    without, with_md5 = rows.judged(row("cpu"), measured)
    assert without.passed and not with_md5.passed


def test_the_lesser_of_two_limits():
    def dropped(ours, plain):
        figures = {"dropped_gb_per_second": ours, "plain_beside_dropped_gb_per_second": plain}
        other = [{"dropped_gb_per_second": 0.5}]
        return rows.judged(row("dropped"), results(big={"driveway": [figures], "rclone": other}))[0]

    assert dropped(1.5, 7.0).passed and not dropped(1.4, 7.0).passed
    assert dropped(1.2, 2.0).passed and not dropped(1.1, 2.0).passed


def test_the_highest_memory_counts():
    rounds = [big(190, peak_memory=100 << 20), big(190, peak_memory=400 << 20)]
    link, memory = rows.judged(row("at-once"), results(**{"at-once": {"driveway": rounds}}))
    assert link.passed and not memory.passed and memory.value == 400


def test_what_was_not_measured_is_missed():
    assert not any(check.passed for r in rows.ALL for check in rows.judged(r, results()))


def test_one_failed_round_fails_the_row():
    measured = results(big={"driveway": [big(190), {"failed": "wrong bytes"}], "rclone": [big(40)]})
    (check,) = rows.judged(row("sequential"), measured)
    assert not check.passed and "wrong bytes" in check.what


def test_a_rclone_that_failed_is_left_out():
    measured = results(
        big={"driveway": [big(190)], "rclone": [{"failed": "?"}], "rclone tuned": [big(40)]}
    )
    assert all(check.passed for check in rows.judged(row("sequential"), measured))


def test_limits_are_reached_by_what_equals_them():
    assert Check("", 1.0, 1.0).passed and Check("", 1.0, 1.0, at_least=False).passed
    assert not Check("", 0.99, 1.0).passed and not Check("", 1.01, 1.0, at_least=False).passed


def test_the_listing_counts_once_however_few_files_were_read():
    assert rows.rate_of_all(2000, 2000, 50.0, 1.0) == 40
    assert rows.rate_of_all(20, 2000, 11.0, 1.0) == 2000 / 1001


def test_a_subset_of_the_files_is_told():
    figures = {"files_per_second": 2.7, "files": 67, "of_files": 2000}
    measured = results(**{"small-1": {"rclone": [figures]}})
    text = table.figures_text(measured, "small-1", "rclone")
    assert "first 67 of 2000 files" in text
    all_read = results(**{"small-1": {"rclone": [{**figures, "files": 2000}]}})
    assert "first" not in table.figures_text(all_read, "small-1", "rclone")


def test_the_json_says_what_was_reached():
    measured = results(big={"driveway": [big(190)], "rclone": [big(100)]})
    report = json.loads(json.dumps(table.as_json([row("sequential")], measured, {"cpus": 2})))
    sequential = report["rows"]["sequential"]
    assert not sequential["passed"] and report["cpus"] == 2
    assert [check["passed"] for check in sequential["checks"]] == [True, False]
    assert report["rounds"]["big"]["rclone"] == [big(100)]


def written(name, **measured):
    return next(row for row in write_rows.ALL if row.name == name).checks(results(**measured))


def test_a_write_is_measured_against_a_fuse_that_does_nothing():
    measured = {"driveway": [{"seconds": 5, "null_seconds": 4}]}
    assert [c.passed for c in written("write", write=measured)] == [True]
    measured = {"driveway": [{"seconds": 5.1, "null_seconds": 4}]}
    assert [c.passed for c in written("write", write=measured)] == [False]


def test_an_upload_is_measured_against_the_link_and_rclone():
    figures = {"drain_seconds": 27, "bytes": 1_000_000_000}
    measured = {"driveway": [figures], "rclone": [{"drain_seconds": 53}]}
    assert [c.passed for c in written("write-drain", write=measured)] == [True, False]


def test_one_look_at_half_a_file_is_one_too_many():
    figures = {"bytes": 100_000_000, "not_whole": 1, "final_seconds": 7.4}
    assert [c.passed for c in written("saves", saves={"driveway": [figures]})] == [False, True]
