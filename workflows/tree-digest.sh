#!/bin/sh
# An agent of type exec as a shell script: one digest for all files of a directory, whatever their order and their times.
#
# What it is told (one line on standard input) and what it says (lines on standard output) is version 1 of the exchange
# that `astro schema --exec` describes. It needs jq(1). In config/agents.yaml:
#
#   - id: digest_agent_001
#     type: exec
#     command: [sh, /path/to/workflows/tree-digest.sh]
#     capabilities: [digest]
set -eu

failed() {
  jq -cn --arg error "$1" '{type: "result", status: "failed", error: $error}'
  exit 0
}

request=$(cat)
asked() { printf '%s' "$request" | jq -r "$1"; }

test "$(asked .version)" = 1 || failed "version $(asked .version) of the exchange is not known"
directory=$(asked '.with.directory // empty')
test -n "$directory" || failed "with: 'directory' is missing"
cd "$(asked .run_dir)"
test -d "$directory" || failed "there is no directory $directory"

cd "$directory"
files=$(find . -type f | wc -l)
jq -cn --argjson files "$files" '{type: "progress", message: "\($files) files", fraction: 0}'
digest=$(find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1)
jq -cn --argjson files "$files" --arg digest "$digest" \
  '{type: "result", status: "succeeded", outputs: {files: $files, digest: $digest}}'
