# Every target does its own set-up: on a fresh Debian or Ubuntu it wants Rust by rustup and nothing else.

.DEFAULT_GOAL := help
.PHONY: help setup test demo man bench bench-first-sync bench-export bench-decisions gpio-test soak arm arm-sizes arm-test \
        deb deb-test release release-check vm-test
.NOTPARALLEL:

# A shell that was open before rustup ran lacks the first; an ordinary user's lacks the second (mosquitto).
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:/usr/sbin

RELEASE := $(or $(CARGO_TARGET_DIR),target)/release
# The program that `make demo` runs, and its arguments.
DEMO ?= $(RELEASE)/doorward-demo
DEMO_ARGS ?=
BENCH_ARGS ?=
VM_ARGS ?=
# Of the panel's binary: FEATURES=pcsc,osdp leaves libnfc out.
FEATURES ?= pcsc,libnfc,osdp
# Of the package: armhf, arm64, or this machine's.
ARCH ?= $(shell dpkg --print-architecture 2>/dev/null)

help:
	@echo "make demo    build everything and show it at work: a source, a broker, a panel, a PACS"
	@echo "make test    all checks and tests, as CI runs them"
	@echo "make man     write manual pages and completions for shells, below target"
	@echo "make bench   measure (minutes; wants a quiet machine); bench-first-sync: a whole site onto an empty disk;"
	@echo "             bench-export: a whole site into an empty PACS; bench-decisions: cards at doors"
	@echo "make soak    what an idle hour writes to flash, and whether a busy gateway grows"
	@echo "make gpio-test  real GPIO lines, of a kernel that simulates a chip (builds that kernel once)"
	@echo "make arm     the panel's binary: static, for armv7, with every driver; held to its size (docs/arm.md)"
	@echo "             arm-sizes: what takes the room; arm-test: that binary in scenes of the tests, in an emulator"
	@echo "make deb     the Debian package for this machine; ARCH=armhf or arm64: for a panel (docs/packages.md)"
	@echo "             deb-test: installs, upgrades and purges one in a small Debian of its own"
	@echo "make release builds for other panels and all packages, with checksums; release-check: what CI does not check of them"
	@echo "make vm-test an emulated panel, from power-on through twenty power cuts (a quarter of an hour; docs/arm.md)"
	@echo "make setup   only install what the targets above need"

setup:
	@scripts/setup all

test:
	@scripts/setup test
	@scripts/test

demo:
	@scripts/setup demo
	cargo build --release --locked --package doorward --package doorward-source --package doorward-sim-ifd
	cargo build --release --locked --package doorward-sim --features readers
	@$(DEMO) $(DEMO_ARGS)

man:
	@scripts/setup demo
	cargo run --quiet --locked --package doorward-manual -- $(or $(CARGO_TARGET_DIR),target)
	@echo "man -M $(or $(CARGO_TARGET_DIR),target)/man doorward-why"

bench:
	@scripts/setup bench
	@benches/run $(BENCH_ARGS)

bench-first-sync:
	@scripts/setup bench
	@benches/run first-sync $(BENCH_ARGS)

bench-export:
	@scripts/setup bench
	@benches/run export $(BENCH_ARGS)

bench-decisions:
	@scripts/setup bench
	@benches/run decisions $(BENCH_ARGS)

soak:
	@scripts/setup test
	cargo test --locked --package doorward --all-features --test it -- soak:: --include-ignored --nocapture --test-threads=1

gpio-test:
	@scripts/setup gpio
	@scripts/gpio-test

arm:
	@scripts/setup arm
	@scripts/arm build $(FEATURES)

arm-sizes: arm
	@scripts/arm sizes $(FEATURES)

arm-test: arm
	@scripts/setup test
	@scripts/arm test

deb:
	@scripts/setup deb
ifeq ($(ARCH),armhf)
	@$(MAKE) --no-print-directory arm
else ifeq ($(ARCH),arm64)
	@scripts/setup release
	@scripts/release build aarch64-unknown-linux-musl
else
	cargo build --release --locked --package doorward
endif
	@scripts/deb $(ARCH)

deb-test:
	@scripts/setup deb
	@scripts/deb-test $(ARCH)

release: arm
	@scripts/setup deb
	@scripts/setup release
	cargo build --release --locked --package doorward
	@scripts/release all

release-check: release arm-test
	@scripts/deb-test armhf
	@lintian --allow-root --fail-on error $(or $(CARGO_TARGET_DIR),target)/deb/*.deb
	cargo test --locked --package doorward --features failpoints --test it -- supervising:: packages::

vm-test:
	@$(MAKE) --no-print-directory deb ARCH=armhf
	@scripts/setup vm
	@scripts/vm-test $(VM_ARGS)
