#!/bin/sh
# Agents of type llm before servers that none of us wrote: LiteLLM's proxy in all its dialects, llama.cpp's server with a
# model of random weights, mocklimit for true refusals; and what is sent checked by the providers' own packages.
#   llm.sh ASTRO
set -eu
astro=$(realpath "$1")
cd "$(dirname "$0")/../.."
here=$PWD/Tests/RealComponentTests/llm
bin=$PWD/.build/llm/bin
command -v python3 >/dev/null || { echo "python3 is missing: make packages-real" >&2; exit 1; }

work=$(mktemp -d)
peers=
finish() {
  code=$?
  for pid in $peers; do kill "$pid" 2>/dev/null || :; done
  for pid in $peers; do wait "$pid" 2>/dev/null || :; done
  if [ $code -ne 0 ]; then tail -n 30 "$work"/*.log 2>/dev/null >&2 || :; fi
  rm -rf "$work"
  exit $code
}
trap finish EXIT
fail() { echo "llm: $1" >&2; exit 1; }

if [ ! -e "$bin/../installed" ]; then
  python3 -m venv "$bin/.."
  "$bin/pip" install -q 'litellm[proxy]' openai anthropic mocklimit || fail "the packages cannot be installed"
  "$bin/pip" install -q --only-binary=:all: xllamacpp gguf numpy || fail "llama.cpp cannot be installed"
  touch "$bin/../installed"
fi

port() { "$bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# until_ready NAME PATH PID PORT
until_ready() {
  tries=0
  until "$bin/python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$4$2')" 2>/dev/null; do
    kill -0 "$3" 2>/dev/null || fail "$1 does not start"
    tries=$((tries + 1))
    [ $tries -lt 240 ] || fail "$1 is not ready after $tries looks"
    sleep 0.5
  done
}

cp "$here/litellm.yaml" "$here/peers.py" "$work"
litellm=$(port)
(cd "$work" && LITELLM_MASTER_KEY=sk-master-$$-0123456789 LITELLM_LOCAL_MODEL_COST_MAP=True LEDGER="$work/ledger" \
  exec "$bin/litellm" --config litellm.yaml --host 127.0.0.1 --port "$litellm" --num_workers 1 >litellm.log 2>&1) &
litellm_pid=$!
peers="$peers $litellm_pid"
mocklimit=$(port)
"$bin/mocklimit" serve --spec "$here/mocklimit_paths.yaml" --rate-config "$here/mocklimit_limits.yaml" \
  --port "$mocklimit" >"$work/mocklimit.log" 2>&1 &
mocklimit_pid=$!
peers="$peers $mocklimit_pid"
"$bin/python" "$here/tiny_model.py" "$work/tiny.gguf" 2>"$work/model.log" || fail "the model cannot be made"
llama=$(port)
llama_key=sk-llama-0123456789
"$bin/python" "$here/llama.py" "$work/tiny.gguf" "$llama" $llama_key >"$work/llama.log" 2>&1 &
llama_pid=$!
peers="$peers $llama_pid"
until_ready llama.cpp /health $llama_pid "$llama"
until_ready mocklimit /mocklimit/stats $mocklimit_pid "$mocklimit"
until_ready LiteLLM /health/liveliness $litellm_pid "$litellm"

mkdir "$work/wire"
table=$("$bin/python" -c 'import importlib.util as i, os
print(os.path.join(os.path.dirname(i.find_spec("litellm").origin), "model_prices_and_context_window_backup.json"))')
ASTRO_LITELLM="http://127.0.0.1:$litellm/v1" ASTRO_LLAMA="http://127.0.0.1:$llama/v1" ASTRO_LLAMA_KEY=$llama_key \
  ASTRO_WIRE_DIRECTORY="$work/wire" ASTRO_PRICE_TABLE="$table" \
  swift test ${ASTRO_TEST_OPTIONS:-} --filter 'LLMPeerTests|WireTests|PriceTests' >"$work/test.log" 2>&1 ||
  { grep -E 'error:|✘|recorded an issue' "$work/test.log" >&2; fail "the tests fail"; }
"$bin/python" "$here/wire.py" "$work/wire" || fail "a request is not what its provider takes"
"$bin/python" "$here/runs.py" "$astro" "$work/ledger" "http://127.0.0.1:$litellm" "http://127.0.0.1:$mocklimit" \
  "http://127.0.0.1:$llama" || fail "a run is not what it must be"
