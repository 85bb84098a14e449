"""A pass from cron that finds nothing: what every minute of every day costs."""

import workflows
from figures import Bar, Row, Samples, Table


def run(session):
    rounds = 10 if session.quick else 40
    home = session.home()
    home.drop(session.write("once.yaml", workflows.one("/bin/true")))
    home.drain()
    home.the_run(1)
    hello, true, astro = [], [], []
    for _ in range(rounds):
        hello.append(session.timed(session.reference("hello")))
        astro.append(home.drain())
        true.append(session.timed("/bin/true"))
    home.the_run(1)

    def milliseconds(timings):
        return Samples([timing.seconds * 1000 for timing in timings])

    def processor(timings):
        return Samples([timing.processor * 1000 for timing in timings])

    def memory(timings):
        return Samples([timing.peak_mib for timing in timings])

    return Table("drain-empty", f"`astro drain` on an empty spool of a used home, whole processes; {rounds} rounds", [
        Row("wall, static hello in C", "ms", milliseconds(astro), milliseconds(hello), Bar("astro", "under", 10)),
        Row("wall, /bin/true", "ms", milliseconds(astro), milliseconds(true)),
        Row("processor time, /bin/true", "ms", processor(astro), processor(true)),
        Row("peak memory, static hello in C", "MiB", memory(astro), memory(hello), Bar("astro", "under", 20)),
    ])
