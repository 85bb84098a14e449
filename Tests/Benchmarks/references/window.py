"""window.py DATABASE DECISIONS MAX_REQUESTS WINDOW_SECONDS: the sliding window most people would write: a row a grant,
one transaction a decision, synchronous=FULL."""

import json
import sqlite3
import sys
import time

path, decisions, most, window = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
database = sqlite3.connect(path, isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE grants(key TEXT, at REAL)")
database.execute("CREATE INDEX by_key ON grants(key, at)")
granted = 0
start = time.monotonic_ns()
for _ in range(decisions):
    now = time.time()
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM grants WHERE key = ? AND at <= ?", ("benchmark", now - window))
    (held,) = database.execute("SELECT count(*) FROM grants WHERE key = ?", ("benchmark",)).fetchone()
    if held < most:
        database.execute("INSERT INTO grants VALUES(?, ?)", ("benchmark", now))
        granted += 1
    database.execute("COMMIT")
end = time.monotonic_ns()
print(json.dumps({"decisions": decisions, "granted": granted, "start_ns": start, "end_ns": end}))
