#!/bin/sh
# Runs a real workflow in a fresh home, as a user would, and shows what comes out.
set -eu
astro=$1
home=$(mktemp -d)
"$astro" init "$home"
cp "$(dirname "$0")/../workflows/disk-report.yaml" "$home/spool/"
"$astro" drain --home "$home"
echo "--- receipt"; cat "$home"/spool/done/*.receipt.json
echo "--- log"; cat "$home/logs/astro.log"
echo "--- metrics"; grep -v '^#' "$home/data/metrics/astro.prom" | head -n 20
echo "--- health"; cat "$home/data/health.json"
echo "home: $home"
