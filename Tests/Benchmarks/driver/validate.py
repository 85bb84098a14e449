"""Parse, check and plan large files."""

import workflows
from figures import Bar, Row, Samples, Table, Wrong, interleave
from machine import available_gib, has_pyyaml


def run(session):
    sizes = [1_000, 10_000, 100_000]
    if session.million and available_gib() < 6:
        raise Wrong("a million tasks were asked for, but less than 6 GiB of memory are available")
    if session.million:
        sizes.append(1_000_000)
    smallest = measure(session, 1)
    found = {size: measure(session, size) for size in sizes}
    rows = [row for size in sizes for row in rows_of(size, found[size])]
    rows += python(session, 10_000, found)
    for size in sizes[1:]:
        each = per_task(found[size], smallest, size)
        few = per_task(found[1_000], smallest, 1_000)
        what = f"one of {size:,} tasks, against one of 1,000, processor"
        rows.append(Row(what, "us", each, few, Bar("ratio", "at most", 1.5)))
    return Table("validate", "`astro validate`, whole processes", rows, [
        "the reference is libyaml's bare events in C where no other is named; the rows of one task leave the start out"])


def measure(session, size):
    file = session.write("graph.yaml", workflows.graph(size))
    # What a small file takes is next to nothing: many rounds tell it from the noise of the start.
    rounds = 2 if size > 100_000 else 3 if size > 10_000 else 7 if session.quick else 15

    def astro():
        timing = session.timed(session.astro, "validate", file)
        if f"valid, {size} task" not in timing.output:
            raise Wrong(f"astro validate of {size} tasks said: {timing.output[-500:]}")
        return timing

    found = interleave(rounds, {"events": lambda: session.timed(session.reference("events"), file), "astro": astro})
    found["file"] = file
    return found


def seconds(samples):
    return samples.map(lambda timing: timing.seconds)


def rows_of(size, found):
    astro, events = found["astro"], found["events"]
    large = size == 100_000
    return [
        Row(
            f"{size:,} tasks", "ms", seconds(astro).map(lambda s: s * 1000),
            seconds(events).map(lambda s: s * 1000), Bar("ratio", "at most", 4) if large else None),
    ] + ([
        Row(f"{size:,} tasks, alone", "ms", seconds(astro).map(lambda s: s * 1000), bar=Bar("astro", "under", 1000)),
        Row(
            f"{size:,} tasks, peak memory", "MiB", astro.map(lambda t: t.peak_mib), events.map(lambda t: t.peak_mib),
            Bar("astro", "under", 200)),
    ] if large else [])


def python(session, size, found):
    if not has_pyyaml(session):
        return []
    load = [session.timed(*session.script("load.py"), found[size]["file"]) for _ in range(2)]
    return [
        Row(
            f"{size:,} tasks, PyYAML's CSafeLoader", "ms", Samples([seconds(found[size]["astro"]).center * 1000]),
            Samples([timing.seconds * 1000 for timing in load]))
    ]


def per_task(found, smallest, size):
    """Microseconds of the processor a task, without what a file of one task takes: against itself, not against a
    reference that the same disturbance would meet, wall time would say little."""

    def used(samples):
        return samples.map(lambda timing: timing.processor).center

    return Samples([max(0.0, (used(found["astro"]) - used(smallest["astro"])) / (size - 1) * 1e6)])
