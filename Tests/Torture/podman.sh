#!/bin/sh
# Code runs in containers of podman, over an image made here, and nothing of it is left, whoever is killed.
#   podman.sh ASTRO [CONTAINERS_CONF]
set -eu
astro=$1
test "$(id -u)" = 0 || { echo "podman.sh: needs root" >&2; exit 1; }
for program in podman busybox jq; do
  command -v $program >/dev/null || { echo "podman.sh: $program is not installed" >&2; exit 1; }
done
home=$(mktemp -d)
image=localhost/astro-test-$$:1
conf=${2:-$home/containers.conf}
watcher=
stop() {
  test -z "$watcher" || kill -KILL "$watcher" 2>/dev/null || true
  for name in $(podman ps -aq --filter "ancestor=$image"); do podman rm -f -t 0 "$name" >/dev/null; done
  podman rmi -f "$image" >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap stop EXIT
fail() {
  echo "podman.sh: $*" >&2
  CONTAINERS_CONF="$conf" podman ps -a >&2
  find "$home/data/runs" -name container -exec cat {} + >&2
  exit 1
}

# For machines with both versions of control groups, and for root without CAP_SYS_RESOURCE.
cat >"$home/containers.conf" <<'X'
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
X
export CONTAINERS_CONF="$conf"

mkdir -p "$home/root/bin" "$home/root/tmp" "$home/root/etc" "$home/root/proc" "$home/root/sys" "$home/root/dev"
cp "$(command -v busybox)" "$home/root/bin/"
for name in sh ls cat echo sleep id test kill wget mount dd head touch ln nc; do ln -s busybox "$home/root/bin/$name"; done
printf 'root:x:0:0::/:/bin/sh\n' >"$home/root/etc/passwd"
tar -C "$home/root" -c . | podman import -q - "$image" >/dev/null
unset CONTAINERS_CONF

"$astro" init "$home" >/dev/null 2>&1
cat >"$home/config/agents.yaml" <<X
agents:
  - {id: shell_agent_001, type: command}
  - id: code_agent_001
    type: code
    sandbox: {engine: podman, image: '$image', memory: 64MiB, pids: 16, tmp_size: 4MiB, containers_conf: '$conf'}
X
cd "$home"
"$astro" agents --probe >/dev/null || fail "the agent is not healthy: $("$astro" agents)"

containers() { CONTAINERS_CONF="$conf" podman ps -aq --filter "ancestor=$image" | wc -l; }
# The last line of run tells the run and its state.
run() { "$astro" run "$1" 2>"$home/errors" | tail -1; }
printed() { cat "$home/data/runs/$1/tasks/code/1/stdout"; }

cat >files.yaml <<'X'
tasks:
  make: {run: 'mkdir d; echo shown > d/in'}
  code:
    needs: [make]
    agent: code
    env: {TOKEN: given}
    outputs: [k]
    with:
      language: sh
      files: [d]
      args: [one]
      stdin: from input
      code: |
        echo "$1 $(cat) $(cat d/in) $TOKEN $(id -u | head -c 1)"
        echo k=v >> "$ASTRO_OUTPUT"
  then: {needs: [code], env: {K: '${{ tasks.code.outputs.k }}'}, run: 'test "$K" = v'}
X
result=$(run files.yaml)
case $result in *succeeded) ;; *) fail "files: $result $(cat "$home/errors" "$home"/data/runs/*/tasks/code/1/stderr)" ;; esac
test "$(printed "${result% *}")" = "one from input shown given 6" || fail "files: $(printed "${result% *}")"

echo 'tasks: {code: {agent: code, with: {language: sh, code: exit 9}}}' >code.yaml
result=$(run code.yaml)
test "$(jq -r '.tasks[0].attempts[0].exit_code' "data/runs/${result% *}/run.json")" = 9 || fail "the code is not 9: $result"

# Ways out: each line is what it must come to.
cat >escape.yaml <<'X'
tasks:
  code:
    agent: code
    with:
      language: sh
      code: |
        no() { "$@" 2>/dev/null && echo "ESCAPED $*" || true; }
        no touch /mark
        no touch /bin/mark
        no touch /etc/mark
        no ls "$ASTRO_HOME/config"
        no cat /etc/shadow
        no cat /proc/1/root/etc/shadow
        no mount -t tmpfs x /tmp
        no mount -o remount,rw /
        no sh -c 'echo x > /proc/sys/kernel/core_pattern'
        no sh -c 'echo b > /proc/sysrq-trigger'
        no nc -w 2 127.0.0.1 22
        no wget -T 2 -q http://192.0.2.1/
        no dd if=/dev/zero of=/work/fill bs=1M count=64
        no dd if=/dev/zero of=/tmp/fill bs=1M count=64
        no dd if=/dev/zero of=/dev/shm/fill bs=1M count=64
        no sh -c 'ln -s /etc/shadow l && cat l'
        no sh -c 'kill -9 1; test ! -d /proc/1'
        cat /proc/self/status | while read -r name value; do
          case $name in CapEff:|CapBnd:|NoNewPrivs:|Seccomp:) echo "$name $value" ;; esac
        done
X
result=$(run escape.yaml)
expected='CapEff: 0000000000000000
CapBnd: 0000000000000000
NoNewPrivs: 1
Seccomp: 2'
test "$(printed "${result% *}")" = "$expected" || fail "escapes: $(printed "${result% *}")"

# Too much memory and too many processes end the code, and nothing else.
echo 'tasks: {code: {agent: code, with: {language: sh, code: "a=x; while :; do a=$a$a; done"}}}' >memory.yaml
case $(run memory.yaml) in *failed) ;; *) fail "a memory bomb did not fail" ;; esac
echo 'tasks: {code: {agent: code, with: {language: sh, code: "n=0; while test $n -lt 100; do sleep 60 & n=$((n+1)); done"}}}' >forks.yaml
case $(run forks.yaml) in *failed) ;; *) fail "a fork bomb did not fail" ;; esac
test "$(containers)" = 0 || fail "$(containers) containers are left"

# Longer than the 30 s that a removal by the engine may take, which an end waits for.
# Whoever is killed: out of time, cancelled hard, the client, this program beside it, the runner, its warden.
until_true() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    test $tries -lt 900 || fail "never: $*"
    sleep 0.1
  done
}
# That of the run, and not one in which the engine is tried.
running() {
  container=$(sed -n 2p "$home/data/runs/$1"-*/tasks/code/*/container 2>/dev/null) && test -n "$container" || return 1
  CONTAINERS_CONF="$conf" podman ps -q --filter "name=^$container\$" | grep -q .
}
gone() { test "$(containers)" = 0; }
settled() { ls "$home/spool/$1/" | grep -q "^$2-.*receipt"; }
sleeping() { printf 'name: %s\ntasks: {code: {agent: code, with: {language: sh, code: "sleep 1000"}, %s}}\n' "$1" "$2"; }

sleeping late 'timeout: 2s, grace: 1s' >late.yaml
case $(run late.yaml) in *failed) ;; *) fail "the time was not up" ;; esac
until_true gone

# Its own trial of the engine is over when its health tells of it.
tried() { test "$(jq -r '"\(.pid) \(.checks.docker.message)"' data/health.json)" = "$watcher The sandbox engine works"; }
start() {
  "$astro" watch >/dev/null 2>&1 &
  watcher=$!
  until_true tried
}
begin() {
  sleeping "$1" 'grace: 1s' >.begun
  mv .begun "spool/$1.yaml"
  until_true running "$1"
}
start
begin client
pkill -KILL -f "podman run --name $container " || fail "there is no client"
until_true settled failed client
until_true gone

begin beside
pkill -KILL -f "^$(readlink -f "$astro") sandbox$" || fail "there is nobody beside the client"
until_true settled failed beside
until_true gone

begin runner
kill -KILL "$watcher"
start
"$astro" cancel @latest >/dev/null
until_true settled cancelled runner
until_true gone

begin warden
for file in data/runners/*.warden; do
  pid=$(tr -cs '0-9' '\n' <"$file" | awk '$1 > 1 {print; exit}')
  kill -KILL "$pid" 2>/dev/null || true
done
kill -KILL "$watcher" 2>/dev/null || true
until_true gone
start
until_true settled failed warden
kill -TERM "$watcher"
wait "$watcher" 2>/dev/null || true
watcher=
until_true gone
# Also of trials, which a watcher may have been in when it was killed.
tidy() { "$astro" agents --probe >/dev/null; ! ls data/engines | grep -qv 'engine$'; }
until_true tidy
echo "podman.sh: ok"
