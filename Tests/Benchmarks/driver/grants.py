"""Decisions of a rate limiter, durable in the journal, by one process and by four on one key."""

import array
import os
import shutil

from figures import Bar, Row, Samples, Table, Wrong, interleave
from session import finish

NEVER_FULL = 1_000_000_000
MINUTE = 60_000


def run(session):
    rounds = 2 if session.quick else 4
    single = 200 if session.quick else 600
    batched = 64 * (60 if session.quick else 200)
    rates = interleave(rounds, {
        "c single": lambda: in_c(session, single, 1),
        "astro single": lambda: astro(session, 1, single, 1),
        "astro single by 4": lambda: astro(session, 4, single, 1),
        "python": lambda: in_python(session, single),
        "pyrate": lambda: in_pyrate(session, single),
        "c batch": lambda: in_c(session, batched, 64),
        "astro batch": lambda: astro(session, 1, batched, 64),
        "astro batch by 4": lambda: astro(session, 4, batched, 64),
    })
    most, share, fairness = exactness(session)
    unit = "decisions/s"
    limit = Samples([WINDOW_LIMIT])
    return Table("grants", f"limiter decisions through the journal, all granted and durable; {rounds} rounds", [
        Row("SQLite in C, one a commit", unit, rates["astro single"], rates["c single"]),
        Row("the same; astro by 4 processes", unit, rates["astro single by 4"], rates["c single"]),
        Row("a sliding window in Python, one a commit", unit, rates["astro single"], rates["python"]),
        Row("pyrate-limiter's bucket in SQLite; astro one a commit", unit, rates["astro single"], rates["pyrate"]),
        Row("the same; astro 64 a commit, as a runner decides", unit, rates["astro batch"], rates["pyrate"],
            Bar("ratio", "at least", 5)),
        Row("SQLite in C, 64 a commit", unit, rates["astro batch"], rates["c batch"], Bar("astro", "at least", 15_000)),
        Row("the same; astro by 4 processes", unit, rates["astro batch by 4"], rates["c batch"],
            Bar("astro", "at least", 15_000)),
        Row(f"most in any window, limit {WINDOW_LIMIT}, 4 processes", "", Samples([most]), limit, Bar("ratio", "at most", 1)),
        Row("share of the limit that was used", "", Samples([share]), Samples([1]), Bar("ratio", "at least", 0.995)),
        Row("Jain's index of what the 4 got", "", Samples([fairness]), Samples([1]), Bar("ratio", "at least", 0.99)),
    ])


def rate(results):
    start = min(result["start_ns"] for result in results)
    end = max(result["end_ns"] for result in results)
    return sum(result["decisions"] for result in results) / (end - start) * 1e9


def in_c(session, decisions, batch):
    database = session.path("commits.sqlite")
    result = session.told(session.reference("commits"), database, str(decisions), str(batch))
    remove_database(database)
    return rate([result])


def in_python(session, decisions):
    database = session.path("window.sqlite")
    result = session.told(*session.script("window.py"), database, str(decisions), str(NEVER_FULL), "60")
    remove_database(database)
    if result["granted"] != decisions:
        raise Wrong(f"the window in Python granted {result['granted']} of {decisions}")
    return rate([result])


def in_pyrate(session, decisions):
    database = session.path("pyrate.sqlite")
    result = session.told(
        session.python, os.path.join(session.scripts, "pyrate.py"), database, str(decisions), str(NEVER_FULL), "60")
    remove_database(database)
    if result["granted"] != decisions:
        raise Wrong(f"pyrate-limiter granted {result['granted']} of {decisions}")
    return rate([result])


def astro(session, processes, decisions, batch):
    results, grants = decide(session, processes, decisions // processes, batch, NEVER_FULL, MINUTE)
    expected = decisions // processes * processes
    if len(grants) != expected:
        raise Wrong(f"{len(grants)} of {expected} decisions were granted below a limit of {NEVER_FULL}")
    return rate(results)


WINDOW_LIMIT = 300
WINDOW_MS = 500


def exactness(session):
    """Four processes ask far more often than the limit allows. The most that any window held, the share of the limit that
    was granted over whole windows, and how evenly the four got it (Jain's index: 1 is evenly, a quarter is all to one)."""
    # Turns enough, two grants each, that among four with equal chances chance alone takes 0.003 from the index.
    milliseconds = 1200 if session.quick else 3200
    results, grants = decide(session, 4, 0, 2, WINDOW_LIMIT, WINDOW_MS, least_ms=milliseconds)
    width = WINDOW_MS * 1000
    most, first = 0, 0
    for last, at in enumerate(grants):
        while at - grants[first] >= width:
            first += 1
        most = max(most, last - first + 1)
    if most > WINDOW_LIMIT:
        raise Wrong(f"a window held {most} grants, the limit is {WINDOW_LIMIT}")
    # Whole windows in which all four asked.
    asked = (min(result["end_ns"] for result in results) - max(result["start_ns"] for result in results)) / 1000
    windows = int(asked / width)
    if windows < 2:
        raise Wrong(f"the processes asked for {asked / 1e6:.2f} s, too short for windows of {WINDOW_MS} ms")
    used = sum(1 for at in grants if at < grants[0] + windows * width)
    shares = [result["granted"] for result in results]
    fairness = sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))
    return most, used / (windows * WINDOW_LIMIT), fairness


def decide(session, processes, decisions, batch, most, window_ms, least_ms=0):
    """Runs `processes` at once in one journal. What each says, and the times of all grants in order."""
    directory = session.path("data")
    os.mkdir(directory)
    # The journal is made before the clock starts.
    session.told(session.rooms, "grants", directory, "0", "0", "1", "1", "1", session.path("times"))
    files = [session.path("times") for _ in range(processes)]
    running = [
        session.start(
            session.rooms, "grants", directory, str(decisions), str(least_ms), str(batch), str(most), str(window_ms),
            file)
        for file in files
    ]
    results = [finish(process) for process in running]
    grants = array.array("q")
    for file, result in zip(files, results):
        with open(file, "rb") as times:
            held = array.array("q", times.read())
        if len(held) != result["granted"]:
            raise Wrong(f"{file} holds {len(held)} grants, its process says {result['granted']}")
        grants.extend(held)
    shutil.rmtree(directory)
    return results, sorted(grants)


def remove_database(path):
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
