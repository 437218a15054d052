# The front door. `make help` lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
DESTDIR ?=
BUILD := .build/release
NOPAL := $(BUILD)/nopal
SWIFT_SOURCES = $(shell git ls-files '*.swift' | grep -v '\.pb\.swift$$')
SHELL_SCRIPTS = $(shell find scripts .ci IntegrationTests IntegrationTests/System Benchmarks -maxdepth 1 -type f | \
    xargs awk 'FNR == 1 { if (/^.!.*[ \/](ba|da)?sh$$/) print FILENAME; nextfile }')

.PHONY: help setup build demo test unit-tests integration-tests arm-test arm-system-test check-ui real-programs bench fuzz stress \
        format lint install clean

help:  ## Lists these targets
	@sed -n -E 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	    while IFS='|' read -r name text; do printf '  make %-20s %s\n' "$$name" "$$text"; done

setup:  ## Installs the packages that the build needs, if any is missing
	@scripts/setup build

build: setup  ## Builds the release: .build/release/nopal, the agents beside it
	swift build -c release --product nopal
	swift build -c release --product nopal-agent
	@scripts/build-arm-agents

demo: build  ## Traces a sample with threads and a real program; shows the graph and the report
	@scripts/demo

test:  ## Sets up, builds, and runs every test but check-ui; a stage ends with 'N passed, N failed'
	@scripts/test

unit-tests:  ## Runs the Swift tests of the modules only
	@scripts/test unit

integration-tests:  ## Runs the end-to-end tests only
	@scripts/test integration

arm-test:  ## Runs the tests of A64, A32 and T32 under qemu-user
	@scripts/test arm

arm-system-test: build  ## Attaches on real Arm kernels in qemu-system, and toggles 200,000 times; a quarter of an hour
	@scripts/setup test system
	@IntegrationTests/System/check-guest
	@IntegrationTests/System/attach
	@IntegrationTests/System/storm

check-ui:  ## Opens an export in the Perfetto UI and takes a picture (downloads a headless chromium)
	@scripts/test ui

real-programs: build  ## Builds sqlite3, lua, zstd and zpaq from Debian's sources into .cache/real
	@scripts/real-programs plain nopal

SECONDS ?= 60
fuzz: setup  ## Fuzzes the reader of traces for SECONDS (default 60)
	@scripts/fuzz $(SECONDS)

STORM_SECONDS ?= 600
CANARY_SECONDS ?= 60
stress: build  ## Patches a running program at full rate for ten minutes (STORM_SECONDS), then the canaries
	@scripts/setup test
	@scripts/stress $(STORM_SECONDS) $(CANARY_SECONDS)

bench: build  ## Measures Nopal and its peers: a table, JSON, and docs/benchmarks.svg
	@scripts/setup bench
	@Benchmarks/run

format:  ## Formats the Swift sources in place
	swift format format --parallel --in-place $(SWIFT_SOURCES)

lint:  ## Checks the format of Swift sources, and the shell scripts with shellcheck
	@scripts/setup lint
	swift format lint --strict --parallel $(SWIFT_SOURCES)
	shellcheck $(SHELL_SCRIPTS)

install: build  ## Installs below PREFIX (default /usr/local): command, agent, man pages, completions
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/lib/nopal"
	install -m 755 $(NOPAL) "$(DESTDIR)$(PREFIX)/bin/nopal"
	install -m 755 $(BUILD)/libnopal-agent.so $(BUILD)/libnopal-agent-aarch64.so $(BUILD)/libnopal-agent-arm.so \
	    $(BUILD)/nopal-attach-aarch64 $(BUILD)/nopal-attach-arm \
	    "$(DESTDIR)$(PREFIX)/lib/nopal/"
	scripts/install-extras $(NOPAL) "$(DESTDIR)$(PREFIX)"

clean:  ## Removes what was built here; .cache (sources of real programs) stays
	rm -rf .build Benchmarks/results
