PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib --product astro -Xlinker -s

.PHONY: run build test torture lint install packages bench

packages:
	@dpkg -s libsqlite3-dev libyaml-dev >/dev/null 2>&1 || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy libsqlite3-dev libyaml-dev; }

build: packages
	$(BUILD)

run: build
	Tests/run-example.sh "$$($(BUILD) --show-bin-path)/astro"

test: packages
	swift build --build-tests
	swift build --product astro
	ASTRO_BINARY="$$(swift build --show-bin-path)/astro" swift test --skip-build

# The tests of processes and crashes, twenty times as long.
torture: packages
	swift build --build-tests
	swift build --product astro
	ASTRO_TORTURE=1 ASTRO_BINARY="$$(swift build --show-bin-path)/astro" swift test --skip-build --filter AstroProcessTests

# Speed, as ratios to references measured beside it. BENCH="chain latency" for some, QUICK=1 for a short pass,
# JSON=FILE for every sample, MILLION=1 to validate a million tasks, too.
bench: build
	@dpkg -s gcc make ninja-build findutils python3 >/dev/null 2>&1 || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy gcc make ninja-build findutils python3; }
	$(MAKE) -C Tests/Benchmarks
	ASTRO_BINARY="$$($(BUILD) --show-bin-path)/astro" QUICK=$(QUICK) \
	  python3 Tests/Benchmarks/driver $(if $(JSON),--json $(JSON)) $(if $(MILLION),--million) $(BENCH)

lint:
	swift format lint -s -r Sources Tests Package.swift

install: build
	install -D "$$($(BUILD) --show-bin-path)/astro" "$(DESTDIR)$(PREFIX)/bin/astro"
