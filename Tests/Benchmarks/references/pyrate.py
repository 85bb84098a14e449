"""pyrate.py DATABASE DECISIONS MAX_REQUESTS WINDOW_SECONDS: pyrate-limiter's bucket in a file of SQLite, as its documentation
opens it for one process: a rollback journal, synchronous=FULL."""

import json
import sys
import time

from pyrate_limiter import Limiter, Rate, SQLiteBucket

path, decisions, most, window = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
bucket = SQLiteBucket.init_from_file([Rate(most, int(window * 1000))], db_path=path)
limiter = Limiter(bucket)
start = time.monotonic_ns()
granted = sum(bool(limiter.try_acquire("benchmark", blocking=False)) for _ in range(decisions))
end = time.monotonic_ns()
print(json.dumps({"decisions": decisions, "granted": granted, "start_ns": start, "end_ns": end}))
limiter.close()
