PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib --product astro -Xlinker -s
# What is needed to build, beyond that to test (independent judges of what astro writes), the programs that real-component
# tests run against, and what the benchmarks compare with.
PACKAGES = libsqlite3-dev libyaml-dev
TEST_PACKAGES = faketime jq passwd procps python3-jsonschema rsync sqlite3 strace util-linux
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

# The tests of processes and crashes, twenty times as long, twenty storms of killed runners, and every case of the harnesses
# of which `make test` plays a sample.
torture: packages-test
	swift build --build-tests
	swift build --product astro
	for seed in $$(seq 1 20); do \
	  Tests/Torture/kill-storm.py "$$(swift build --show-bin-path)/astro" --seed $$seed || exit 1; done
	Tests/Torture/output-flood.py "$$(swift build --show-bin-path)/astro" --latency
	Tests/Torture/confinement.py "$$(swift build --show-bin-path)/astro" --control --share 0/20
	Tests/Torture/confinement.py "$$(swift build --show-bin-path)/astro"
	Tests/Torture/injection.py "$$(swift build --show-bin-path)/astro"
	Tests/Torture/faults.py "$$(swift build --show-bin-path)/astro"
	Tests/Torture/limit-storm.py "$$(swift build --show-bin-path)/astro"
	Tests/Torture/journal-gate.py "$$(swift build --show-bin-path)/JournalPeer" --minutes 30
	Tests/Torture/journal-gate.py "$$(swift build --show-bin-path)/JournalPeer" --minutes 1 --without-gate --in /dev/shm
	ASTRO_TORTURE=1 ASTRO_BINARY="$$(swift build --show-bin-path)/astro" swift test --skip-build --filter AstroProcessTests

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
