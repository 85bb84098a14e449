"""Tasks that each need the one before: nothing can be amortised over tasks that are ready together."""

import workflows
from figures import Bar, Row, Table, interleave
from start_rate import with_fsync


def run(session):
    tasks = 150 if session.quick else 500
    rounds = 3 if session.quick else 5
    file = session.write("chain.yaml", workflows.chain(tasks))

    def astro():
        home = session.home()
        home.drop(file)
        seconds = home.drain().seconds
        home.the_run(tasks)
        return tasks / seconds

    rates = interleave(rounds, {
        "spawn": lambda: tasks / session.timed(session.reference("spawn"), str(tasks), "1").seconds,
        "astro": astro,
        "fsync": lambda: with_fsync(session, tasks, 1),
    })
    return Table("chain", f"{tasks:,} tasks, each needing the one before, whole processes; {rounds} rounds", [
        Row("posix_spawn and wait in C", "tasks/s", rates["astro"], rates["spawn"], Bar("ratio", "at least", 0.75)),
        Row("the C loop, one fsync a task", "tasks/s", rates["astro"], rates["fsync"]),
    ])
