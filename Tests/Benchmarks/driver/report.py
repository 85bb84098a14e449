"""Tables for people, and the raw figures for programs."""

import math

SENSES = {"at least": ">=", "at most": "<=", "above": ">", "under": "<"}
HEAD = ["what", "unit", "reference", "astro", "ratio", "bar", ""]


def number(value):
    """Three digits that mean something."""
    if value == 0 or math.isinf(value):
        return f"{value:.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def figure(samples):
    if samples is None or not samples.values:
        return "-"
    text = number(samples.center)
    low, high = number(min(samples.values)), number(max(samples.values))
    spread = f" [{low}-{high}]" if len(samples.values) > 1 and low != high else ""
    return text + spread


def bar(row):
    if row.bar is None:
        return "-"
    subject = "ratio " if row.bar.subject == "ratio" else ""
    return f"{subject}{SENSES[row.bar.sense]} {row.bar.limit:,g}"


def cells(row):
    verdict = {None: "", True: "met", False: "not met"}[row.verdict]
    return [row.what, row.unit, figure(row.reference), figure(row.astro), figure(row.ratio), bar(row), verdict]


def show(table, seconds):
    lines = [HEAD] + [cells(row) for row in table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    print(f"\n{table.name}: {table.title} ({seconds:.0f} s)")
    for line in lines:
        texts = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
        figures = [cell.rjust(width) for cell, width in zip(line[2:-1], widths[2:])]
        print("  " + "  ".join([*texts, *figures, line[-1]]).rstrip())
    for note in table.notes:
        print(f"  {note}")


def plain(table, seconds):
    """The same as values for JSON: every sample, nothing rounded."""

    def samples(of):
        return None if of is None or not of.values else {
            "median": of.center, "min": min(of.values), "max": max(of.values), "samples": of.values}

    rows = [
        {
            "what": row.what, "unit": row.unit, "reference": samples(row.reference), "astro": samples(row.astro),
            "ratio": samples(row.ratio), "bar": None if row.bar is None else vars(row.bar), "met": row.verdict,
        }
        for row in table.rows
    ]
    return {"benchmark": table.name, "title": table.title, "seconds": seconds, "rows": rows, "notes": table.notes}
