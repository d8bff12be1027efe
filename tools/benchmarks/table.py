"""The tables of `tools/bench reads` and `writes`, and the same as JSON."""

from benchmarks import rows

_MIB = 1 << 20

# Name of a figure -> how it is shown. What is not named here stands in the JSON alone.
_SHOWN = {
    "mb_per_second": "{:.1f} MB/s",
    "files_per_second": "{:.1f} files/s",
    "after_burst_per_second": "{:.1f} files/s after the burst",
    "reads_per_second": "{:.1f} reads/s",
    "fast_after_seconds": "fast after {:.0f} s",
    "seconds": "{:.3f} s",
    "times_first_byte": "{:.3f} x first byte",
    "again_seconds": "{:.3f} s after a remount",
    "again_calls": "{:.0f} calls then",
    "dropped_gb_per_second": "{:.2f} GB/s pages dropped",
    "plain_beside_dropped_gb_per_second": "{:.2f} plain",
    "warm_gb_per_second": "{:.2f} GB/s warm",
    "plain_gb_per_second": "{:.2f} plain",
    "plain_paged_gb_per_second": "{:.2f} plain cached in single pages",
    "plain_files_per_second": "{:.1f} files/s plain",
    "null_files_per_second": "{:.1f} files/s on a FUSE that does nothing",
    "cached_share": "{:.0%} of it in the kernel's cache",
    "null_seconds": "{:.3f} s on a FUSE that does nothing",
    "drain_seconds": "{:.2f} s until in Drive",
    "in_drive_per_second": "{:.2f} files/s in Drive",
    "rename_changes": "{:.0f} changing calls for the rename",
    "remove_changes": "{:.0f} for rm -r",
    "longest_save_seconds": "{:.3f} s the longest save",
    "final_seconds": "{:.2f} s after the last one",
    "sent_again": "{:.0%} sent again",
    "ready_seconds": "{:.3f} s until mounted",
    "cpu_per_gb": "{:.2f} CPU s/GB",
    "cpu_per_gb_with_md5": "{:.2f} with md5",
}


def _number(value, unit):
    if value is None:
        return "-"
    if unit == "":  # a share, or a count
        return f"{value:.1%}" if value < 3 else f"{value:.0f}"
    return f"{value:.3g} {unit}"


def check_text(check):
    """"≥ 4 x times rclone": what must be reached."""
    if check.limit is None:
        return check.what
    return f"{'≥' if check.at_least else '≤'} {_number(check.limit, check.unit)} {check.what}"


def verdicts(wanted, results):
    """Lines: what each row must reach, what it reached, and whether that is enough."""
    lines = []
    for row in wanted:
        for index, check in enumerate(rows.judged(row, results)):
            name, title = (row.name, row.title) if index == 0 else ("", "")
            verdict = "ok" if check.passed else "MISSED"
            target, value = check_text(check), _number(check.value, check.unit)
            lines.append(f"{name:<11} {title:<62} {target:<40} {value:>10}  {verdict}")
    return lines


def figures_text(results, workload, subject):
    """Medians of one subject's figures in a line."""
    parts = []
    for figure, shown in _SHOWN.items():
        value = results.median(workload, figure, subject)
        if value is not None:
            parts.append(shown.format(value))
    peak = results.peak(workload, "peak_memory", subject)
    if peak is not None:
        parts.append(f"{peak / _MIB:.0f} MiB")
        parts.append(f"{results.median(workload, 'calls', subject):.0f} calls")
    refused = results.peak(workload, "refused", subject)
    if refused:
        parts.append(f"{refused:.1%} refused")
    files, of_files = (results.median(workload, f, subject) for f in ("files", "of_files"))
    if of_files is not None and files < of_files:
        parts.append(f"(rate of the first {files:.0f} of {of_files:.0f} files)")
    elif of_files is None and files is not None:
        parts.append(f"({files:.0f} files)")
    failures = results.failures(workload, subject)
    return ", ".join(parts + [f"FAILED: {reason}" for reason in failures])


def figures(results):
    """Lines: medians of each workload and subject, with the number of rounds."""
    lines = []
    for workload, measured in results.measured.items():
        for subject, rounds in measured.items():
            text = figures_text(results, workload, subject)
            lines.append(f"{workload:<11} {subject:<13} x{len(rounds)}  {text}")
    return lines


def as_json(wanted, results, about):
    """`about`: of the run and the machine."""
    judged = {}
    for row in wanted:
        checks = rows.judged(row, results)
        judged[row.name] = {
            "title": row.title,
            "workload": row.workload,
            "passed": all(check.passed for check in checks),
            "checks": [
                {
                    "target": check_text(check),
                    "value": check.value,
                    "limit": check.limit,
                    "passed": check.passed,
                }
                for check in checks
            ],
        }
    return {**about, "rows": judged, "rounds": results.measured}
