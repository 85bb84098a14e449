PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib --product astro -Xlinker -s
DEBUG = "$$(swift build --show-bin-path)/astro"
# What is needed to build, beyond that to test (independent judges of what astro writes), the programs that real-component
# tests run against, and what the benchmarks compare with.
PACKAGES = libsqlite3-dev libyaml-dev
TEST_PACKAGES = e2fsprogs faketime jq passwd procps python3-jsonschema rsync sqlite3 strace util-linux xfsprogs
REAL_PACKAGES = prometheus prometheus-node-exporter curl cron procps
BENCH_PACKAGES = gcc make ninja-build findutils python3

.PHONY: run build test test-real torture lint install packages packages-test packages-real packages-bench bench

install-missing = @dpkg -s $(1) >/dev/null 2>&1 || \
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $(1); }

packages:
	$(call install-missing,$(PACKAGES))

packages-test: packages
	$(call install-missing,$(TEST_PACKAGES))

packages-real: packages
	$(call install-missing,$(REAL_PACKAGES))

packages-bench:
	$(call install-missing,$(BENCH_PACKAGES))

build: packages
	$(BUILD)

run: build
	Tests/run-example.sh "$$($(BUILD) --show-bin-path)/astro"

test: packages-test
	swift build --build-tests
	swift build --product astro
	ASTRO_BINARY="$$(swift build --show-bin-path)/astro" swift test --skip-build

test-real: packages-real
	swift build --product astro
	@for test in Tests/RealComponentTests/*.sh; do \
	  echo "$$test"; "$$test" "$$(swift build --show-bin-path)/astro" || exit 1; done

# What takes longer than a test may: each line one harness, which says in a line what it found. `make test` plays a sample
# of each.
torture: packages-test
	swift build --build-tests
	swift build --product astro
	for seed in $$(seq 1 20); do Tests/Torture/kill-storm.py $(DEBUG) --seed $$seed || exit 1; done
	Tests/Torture/crash-points.py $(DEBUG)
	Tests/Torture/crash-points.py $(DEBUG) --warden
	Tests/Torture/crash-points.py $(DEBUG) --disk
	Tests/Torture/power-cuts.py $(DEBUG)
	Tests/Torture/faults.py $(DEBUG)
	Tests/Torture/limit-storm.py $(DEBUG)
	Tests/Torture/output-flood.py $(DEBUG) --latency
	Tests/Torture/confinement.py $(DEBUG) --control --share 0/20
	Tests/Torture/confinement.py $(DEBUG)
	Tests/Torture/injection.py $(DEBUG)
	Tests/Torture/journal-gate.py "$$(swift build --show-bin-path)/JournalPeer" --minutes 30
	Tests/Torture/journal-gate.py "$$(swift build --show-bin-path)/JournalPeer" --minutes 1 --without-gate --in /dev/shm
	ASTRO_TORTURE=1 ASTRO_BINARY=$(DEBUG) swift test --skip-build --filter AstroProcessTests

# Speed, as ratios to references measured beside it. BENCH="chain latency" for some, QUICK=1 for a short pass,
# JSON=FILE for every sample, MILLION=1 to validate a million tasks, too.
bench: build packages-bench
	$(MAKE) -C Tests/Benchmarks
	ASTRO_BINARY="$$($(BUILD) --show-bin-path)/astro" QUICK=$(QUICK) \
	  python3 Tests/Benchmarks/driver $(if $(JSON),--json $(JSON)) $(if $(MILLION),--million) $(BENCH)

lint:
	swift format lint -s -r Sources Tests Package.swift

install: build
	install -D "$$($(BUILD) --show-bin-path)/astro" "$(DESTDIR)$(PREFIX)/bin/astro"
