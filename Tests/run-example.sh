#!/bin/sh
# Runs a real workflow in a fresh home, as a user would, and shows what comes out. The home stays for a look around.
#   run-example.sh ASTRO
set -eu
astro=$1
examples=$(cd "$(dirname "$0")/../workflows" && pwd)
home=$(mktemp -d "${TMPDIR:-/tmp}/astro-home-XXXXXX")

section() { printf '\n=== %s ===\n' "$1"; }
show() { printf '$ %s\n' "$*"; "$@"; }

section "a home"
show "$astro" init "$home"

section "a file in the spool, and a pass that runs it"
show cp "$examples/disk-report.yaml" "$home/spool/"
show "$astro" drain --home "$home"

section "what the workflow printed"
show "$astro" logs @latest report --home "$home"

section "the receipt, beside the file in spool/done"
for receipt in "$home"/spool/done/*.receipt.json; do show cat "$receipt"; done

section "the run"
show "$astro" status @latest --home "$home"

section "what happened"
show "$astro" events @latest --home "$home"

section "the log: JSON lines"
show tail -n 5 "$home/logs/astro.log"

section "metrics: counters and gauges that moved"
printf '$ %s metrics --home %s | grep ...\n' "$astro" "$home"
"$astro" metrics --home "$home" |
  grep -E '^astro_(tasks_total|workflows_total|spool_files|active_|rate_limit_granted|last_run|agent_reliability)'

section "health"
for probe in live ready startup; do show "$astro" health "$probe" --home "$home"; done

section "is this machine fit"
show "$astro" doctor --home "$home"

printf '\nThe home is %s\n' "$home"
printf 'Look around in it; when you are done: rm -r %s\n' "$home"
