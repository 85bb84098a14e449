"""logging_lines.py FILE COUNT: Python's logging with a JSON formatter and a FileHandler, which writes and flushes once a
line."""

import json
import logging
import sys
import time


class JSONFormatter(logging.Formatter):
    FIELDS = ("user_id", "workflow_id", "task_id", "agent_id", "attempt", "duration_ms", "success", "status")

    def format(self, record):
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
            "thread": record.thread,
            "process": record.process,
            "environment": "development",
            "request_id": "req-07cc87e3",
        }
        for field in self.FIELDS:
            line[field] = getattr(record, field)
        return json.dumps(line)


def measure(path, count):
    log = logging.getLogger("astro")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(path)
    handler.setFormatter(JSONFormatter())
    log.addHandler(handler)
    start = time.monotonic_ns()
    for index in range(count):
        log.info(
            "Task execution completed",
            extra={
                "user_id": "alice", "workflow_id": "nightly-report-20261124T020000Z-k3v9qa", "task_id": "summarise",
                "agent_id": "shell_agent_001", "attempt": index & 3, "duration_ms": 12.345, "success": True,
                "status": "succeeded",
            })
    end = time.monotonic_ns()
    print(json.dumps({"lines": count, "start_ns": start, "end_ns": end}))


measure(sys.argv[1], int(sys.argv[2]))
