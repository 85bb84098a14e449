PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib --product astro
PACKAGES = libsqlite3-dev libyaml-dev
# Independent judges of what astro writes.
TEST_PACKAGES = python3-jsonschema

.PHONY: run build test lint install packages test-packages

packages: NEEDED = $(PACKAGES)
test-packages: NEEDED = $(TEST_PACKAGES)
packages test-packages:
	@dpkg -s $(NEEDED) >/dev/null 2>&1 || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy $(NEEDED); }

build: packages
	$(BUILD)

run: build
	Tests/run-example.sh "$$($(BUILD) --show-bin-path)/astro"

test: packages test-packages
	swift build --build-tests
	swift build --product astro
	ASTRO_BINARY="$$(swift build --show-bin-path)/astro" swift test --skip-build

lint:
	swift format lint -s -r Sources Tests Package.swift

install: build
	install -D "$$($(BUILD) --show-bin-path)/astro" "$(DESTDIR)$(PREFIX)/bin/astro"
