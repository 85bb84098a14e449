"""Runs the benchmarks and prints each against its reference, measured in the same invocation.

The exit code is 0 whatever the figures are, and 1 when something did not run or a result was wrong."""

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
import time

import report
from figures import Wrong
from machine import describe
from session import Session

BENCHMARKS = [
    "start-rate", "chain", "latency", "drain-empty", "validate", "grants", "log-lines", "idle", "backlog", "parked", "calls",
    "provider-limit"]


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    session = Session(options.astro, options.built, options.quick)
    session.million = options.million
    try:
        return measure(session, options)
    except Wrong as wrong:
        print(f"bench: {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        session.close()


def parse():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("benchmarks", nargs="*", metavar="BENCH", help=f"all, or of: {' '.join(BENCHMARKS)}")
    parser.add_argument("--json", metavar="FILE", help="write every sample to FILE; - prints it instead of tables")
    parser.add_argument("--quick", action="store_true", default=os.environ.get("QUICK", "") not in ("", "0"), help="fewer and smaller")
    parser.add_argument("--million", action="store_true", help="validate a million tasks, too")
    parser.add_argument("--built", default=os.path.join(here, ".build"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.benchmarks if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}'; there are: {' '.join(BENCHMARKS)}")
    options.astro = os.environ.get("ASTRO_BINARY", "")
    if not os.access(options.astro, os.X_OK):
        parser.error("ASTRO_BINARY must name the release binary; `make bench` sets it")
    return options


def measure(session, options):
    machine = describe(session)
    tells = options.json != "-"
    if tells:
        print("astro {astro}, {processors} x {processor}, Linux {kernel}, {file_system} in {temporary_directory}, "
              "load {load_average:.1f}".format(**machine))
        print("median [min-max]; a ratio is astro over its reference, round by round")
    failures, tables = [], []
    for name in options.benchmarks or BENCHMARKS:
        start = time.monotonic()
        try:
            table = importlib.import_module(name.replace("-", "_")).run(session)
        except (Wrong, OSError, ValueError, KeyError) as wrong:
            failures.append({"benchmark": name, "error": describe_error(wrong)})
            print(f"\n{name}: failed: {describe_error(wrong)}", file=sys.stderr, flush=True)
            continue
        seconds = time.monotonic() - start
        tables.append(report.plain(table, seconds))
        if tells:
            report.show(table, seconds)
            sys.stdout.flush()
    if tells:
        summarise(tables, failures)
    if options.json:
        raw = {"machine": machine, "quick": session.quick, "benchmarks": tables, "failures": failures}
        with open(options.json, "w") if tells else contextlib.nullcontext(sys.stdout) as file:
            json.dump(raw, file)
            file.write("\n")
    return 1 if failures else 0


def describe_error(error):
    return str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"


def summarise(tables, failures):
    verdicts = [row["met"] for table in tables for row in table["rows"] if row["met"] is not None]
    print(f"\n{sum(verdicts)} of {len(verdicts)} bars met, {len(failures)} benchmarks failed")


sys.exit(main())
