#!/bin/sh
# The metrics page of a real drain, before the programs it is written for: promtool, and node_exporter's textfile
# collector, run by another user. Usage: metrics.sh ASTRO
set -eu
astro=$1
promtool=$(command -v promtool) || { echo "promtool is missing: make packages-real" >&2; exit 1; }
exporter=$(command -v prometheus-node-exporter) || { echo "node_exporter is missing: make packages-real" >&2; exit 1; }
command -v curl >/dev/null || { echo "curl is missing: make packages-real" >&2; exit 1; }

home=$(mktemp -d)
pid=
finish() {
  code=$?
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || :; wait "$pid" 2>/dev/null || :; fi
  if [ $code -ne 0 ]; then cat "$home/exporter.log" 2>/dev/null >&2 || :; fi
  rm -rf "$home"
  exit $code
}
trap finish EXIT
fail() { echo "metrics: $1" >&2; exit 1; }

"$astro" init "$home" >/dev/null
chmod 755 "$home"
printf 'tasks: {a: {run: "true"}, b: {needs: a, run: "true"}}\n' >"$home/spool/good.yaml"
printf 'tasks: {a: {run: exit 3, retry: {attempts: 2, delay: 10ms}}}\n' >"$home/spool/bad.yaml"
printf 'tasks: {a: {run: x, runn: x}}\n' >"$home/spool/wrong.yaml"
code=0
"$astro" drain --home "$home" >/dev/null 2>&1 || code=$?
[ $code -eq 1 ] || fail "the drain left with $code, not with 1 for the run that failed"
page=$home/data/metrics/astro.prom

"$promtool" check metrics <"$page" >"$home/promtool.out" 2>&1 || { cat "$home/promtool.out" >&2; fail "promtool refuses the page"; }
[ ! -s "$home/promtool.out" ] || { cat "$home/promtool.out" >&2; fail "promtool has something to say"; }

# As on a real host, the exporter is nobody who may read our files by right.
drop=
if [ "$(id -u)" -eq 0 ]; then drop="setpriv --reuid=nobody --regid=nogroup --clear-groups"; fi
: >"$home/exporter.log"
$drop "$exporter" --web.listen-address=127.0.0.1:0 --collector.disable-defaults --collector.textfile \
  --collector.textfile.directory="$home/data/metrics" 2>"$home/exporter.log" &
pid=$!
address=
while [ -z "$address" ]; do
  kill -0 "$pid" 2>/dev/null || fail "node_exporter does not start"
  address=$(sed -n 's/.*msg="Listening on" address=\([0-9.:]*\).*/\1/p' "$home/exporter.log")
done
# Twice: a conflict between series shows in the exporter's own counter only at the next scrape.
curl -sSf "http://$address/metrics" >/dev/null
curl -sSf "http://$address/metrics" >"$home/scrape"

grep -qx 'node_textfile_scrape_error 0' "$home/scrape" || fail "node_exporter refuses the page"
grep -qx 'promhttp_metric_handler_errors_total{cause="gathering"} 0' "$home/scrape" || fail "series are in conflict"
# Every sample arrives, under the same name; the exporter only writes numbers its own way and labels by name.
names() { grep '^astro_' "$1" | sed 's/[{ ].*//' | sort; }
names "$page" >"$home/sent"
names "$home/scrape" >"$home/arrived"
diff "$home/sent" "$home/arrived" >&2 || fail "not every sample arrived"
for sample in 'astro_workflows_total{status="completed"} 1' 'astro_workflows_total{status="failed"} 1' \
  'astro_tasks_total{agent_id="shell_agent_001",status="success"} 2' 'astro_rejected_total{reason="unknown_key"} 1' \
  'astro_tasks_total{agent_id="shell_agent_001",status="failure"} 2' 'astro_retries_total{agent_id="shell_agent_001"} 1' \
  'astro_task_duration_seconds_count{agent_id="shell_agent_001"} 4' 'astro_workflow_duration_seconds_count 2' \
  'astro_spool_files{state="done"} 1' 'astro_spool_files{state="failed"} 1' 'astro_spool_files{state="rejected"} 1' \
  'astro_active_tasks 0' 'astro_queued_tasks 0' 'astro_active_workflows 0' 'astro_db_connections_active 1' \
  'astro_rate_limit_granted_total{limiter="task_submission"} 4' 'astro_rate_limit_granted_total{limiter="workflow_creation"} 2'
do
  grep -qxF "$sample" "$home/scrape" || fail "missing: $sample"
done
families=$(grep -c '^# TYPE astro_' "$page")
[ "$families" -eq 33 ] || fail "$families families on the page instead of 33"
echo "metrics: $(wc -l <"$home/arrived") samples of $families families reached node_exporter"
