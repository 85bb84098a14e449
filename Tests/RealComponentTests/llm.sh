#!/bin/sh
# Agents of type llm before servers that none of us wrote: LiteLLM's proxy in all its dialects, and what is sent checked by
# the providers' own packages. ASTRO_LLAMA may name a server of llama.cpp (http://127.0.0.1:8080/v1) to be tried too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v python3 >/dev/null || { echo "python3 is missing: make packages-real" >&2; exit 1; }

work=$(mktemp -d)
pid=
finish() {
  code=$?
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || :; wait "$pid" 2>/dev/null || :; fi
  if [ $code -ne 0 ]; then tail -50 "$work/litellm.log" 2>/dev/null >&2 || :; fi
  rm -rf "$work"
  exit $code
}
trap finish EXIT
fail() { echo "llm: $1" >&2; exit 1; }

python=${ASTRO_PYTHON:-}
if [ -z "$python" ]; then
  python3 -m venv "$work/venv"
  python=$work/venv/bin/python
  "$python" -m pip install -q 'litellm[proxy]' openai anthropic || fail "the packages cannot be installed"
fi

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cp "$here/llm/litellm.yaml" "$here/llm/peers.py" "$work"
(cd "$work" && LITELLM_MASTER_KEY=sk-master-$$-0123456789 LITELLM_LOCAL_MODEL_COST_MAP=True \
  exec "$(dirname "$python")/litellm" --config litellm.yaml --host 127.0.0.1 --port "$port" --num_workers 1 \
  >litellm.log 2>&1) &
pid=$!
tries=0
until "$python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health/liveliness')" 2>/dev/null; do
  kill -0 "$pid" 2>/dev/null || fail "LiteLLM does not start"
  tries=$((tries + 1))
  [ $tries -lt 240 ] || fail "LiteLLM is not ready after $tries looks"
  sleep 0.5
done

mkdir "$work/wire"
table=$("$python" -c 'import importlib.util as i, os
print(os.path.join(os.path.dirname(i.find_spec("litellm").origin), "model_prices_and_context_window_backup.json"))')
ASTRO_LITELLM="http://127.0.0.1:$port/v1" ASTRO_WIRE_DIRECTORY="$work/wire" ASTRO_PRICE_TABLE="$table" \
  swift test ${ASTRO_TEST_OPTIONS:-} --filter 'LLMPeerTests|WireTests|PriceTests' >"$work/test.log" 2>&1 ||
  { grep -E 'error:|✘|recorded an issue' "$work/test.log" >&2; fail "the tests fail"; }
"$python" "$here/llm/wire.py" "$work/wire" || fail "a request is not what its provider takes"
