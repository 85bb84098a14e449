#!/bin/sh
# A pass that cron starts runs what was copied into the spool, and says nothing: whatever it printed, cron would mail.
#   cron.sh ASTRO
set -eu
astro=$1
test "$(id -u)" = 0 || { echo "cron.sh: needs root, to place a file in /etc/cron.d" >&2; exit 1; }
command -v cron >/dev/null || { echo "cron.sh: cron is not installed" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d)
table=/etc/cron.d/astro-test-$$
daemon=
stop() {
  rm -f "$table"
  test -z "$daemon" || kill "$daemon" 2>/dev/null || true
  rm -rf "$home"
}
trap stop EXIT
"$astro" init "$home" 2>/dev/null
"$astro" validate "$here/../../workflows/disk-report.yaml"
cp "$here/../../workflows/disk-report.yaml" "$home/spool/"
printf 'SHELL=/bin/sh\n* * * * * root %s drain --home %s >>%s/mail 2>&1\n' "$astro" "$home" "$home" >"$table"
chmod 0644 "$table"
if ! pgrep -x cron >/dev/null; then
  cron -f &
  daemon=$!
fi
# cron looks at its tables once a minute.
tries=0
until ls "$home"/spool/done/*.receipt.json >/dev/null 2>&1; do
  tries=$((tries + 1))
  test "$tries" -lt 150 || { echo "cron.sh: no pass in 150 s; $(cat "$home/mail" 2>&1)" >&2; exit 1; }
  sleep 1
done
# The pass writes its last word after the receipt.
until "$astro" health live --home "$home" >/dev/null; do
  tries=$((tries + 1))
  test "$tries" -lt 200 || { echo "cron.sh: no health after the pass" >&2; exit 1; }
  sleep 0.1
done
test ! -s "$home/mail" || { echo "cron.sh: the pass would have sent mail:" >&2; cat "$home/mail" >&2; exit 1; }
test "$(ls "$home/spool/done" | wc -l)" = 2
test -z "$(ls "$home/spool/active")"
"$astro" list --home "$home" | grep -q 'disk-report.* succeeded'
echo "cron: a pass ran the file and was silent"
