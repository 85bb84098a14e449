PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib --product astro

.PHONY: run build test torture lint install packages

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

lint:
	swift format lint -s -r Sources Tests Package.swift

install: build
	install -D "$$($(BUILD) --show-bin-path)/astro" "$(DESTDIR)$(PREFIX)/bin/astro"
