PREFIX ?= /usr/local
BUILD = swift build -c release --static-swift-stdlib --product astro

# What is needed to build, beyond that to test, and the programs that real-component tests run against.
PACKAGES = libsqlite3-dev libyaml-dev
TEST_PACKAGES = jq
REAL_PACKAGES = prometheus prometheus-node-exporter curl

.PHONY: run build test test-real lint install packages packages-test packages-real

install-missing = @dpkg -s $(1) >/dev/null 2>&1 || \
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $(1); }

packages:
	$(call install-missing,$(PACKAGES))

packages-test: packages-test
	$(call install-missing,$(TEST_PACKAGES))

packages-real: packages
	$(call install-missing,$(REAL_PACKAGES))

build: packages
	$(BUILD)

run: build
	Tests/run-example.sh "$$($(BUILD) --show-bin-path)/astro"

test: packages
	swift build --build-tests
	swift build --product astro
	ASTRO_BINARY="$$(swift build --show-bin-path)/astro" swift test --skip-build

test-real: packages-real
	swift build --product astro
	@for test in Tests/RealComponentTests/*.sh; do \
	  echo "$$test"; "$$test" "$$(swift build --show-bin-path)/astro" || exit 1; done

lint:
	swift format lint -s -r Sources Tests Package.swift

install: build
	install -D "$$($(BUILD) --show-bin-path)/astro" "$(DESTDIR)$(PREFIX)/bin/astro"
