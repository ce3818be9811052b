# SPDX-License-Identifier: Apache-2.0
#
# A short front to meson. Under sudo, what needs root runs as root (installing packages, the agent,
# the tests), and what is built stays the property of the tree's owner (tools/as-owner.sh).

BUILD  ?= build
PREFIX ?= /usr/local
ARGS   ?=

owner     := tools/as-owner.sh
give_back  = [ "$$(id -u)" != 0 ] || [ ! -d $(BUILD) ] || chown -R --reference=. $(BUILD)

.PHONY: all run check bench accuracy install uninstall format lint clean help
.DEFAULT_GOAL := all

all: $(BUILD)/build.ninja ## build the program: build/joulekeeper
	@$(owner) ninja -C $(BUILD) joulekeeper

$(BUILD)/build.ninja:
	@$(owner) meson setup $(BUILD) $(if $(wildcard $(BUILD)/meson-private/coredata.dat),--reconfigure) || \
		{ echo "If something is missing: sudo tools/install-dependencies.sh build" >&2; exit 1; }

run: ## install what is missing, build, start the agent in the foreground (ARGS=... are its options)
	@tools/install-dependencies.sh build
	@$(MAKE) --no-print-directory all
	@exec $(BUILD)/joulekeeper run $(ARGS)

check: ## install what the tests need, build, run every test (ARGS="STEP..." runs some; ARGS=--list)
	@tools/install-dependencies.sh check
	@exec python3 tests/run.py --build $(BUILD) $(ARGS)

bench: ## measure speed against the bars, print a table, write bench-results/bench.json
	@tools/install-dependencies.sh check
	@exec python3 tests/bench/bench.py --build $(BUILD) $(ARGS)

accuracy: ## evaluate the models on the recordings in JK_SHARED (../shared), write docs/accuracy.md
	@tools/install-dependencies.sh check
	@$(MAKE) --no-print-directory all
	@$(owner) meson configure $(BUILD) -Dtests=enabled
	@$(owner) ninja -C $(BUILD) tests/accuracy/accuracy-truth
	@python3 -B tests/accuracy/live.py --build $(BUILD) --output $(BUILD)/accuracy-live.json
	@exec $(owner) python3 -B tools/accuracy.py --build $(BUILD) --live $(BUILD)/accuracy-live.json $(ARGS)

install: all ## install below PREFIX (/usr/local), staged below DESTDIR if that is set
	@$(owner) meson configure $(BUILD) -Dprefix=$(PREFIX)
	@$(owner) ninja -C $(BUILD)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild; status=$$?; $(give_back); exit $$status

uninstall: ## remove what `make install` put there last; the configuration stays
	@ninja -C $(BUILD) uninstall; status=$$?; $(give_back); exit $$status

format: ## format every C file in place
	@git ls-files -z '*.c' '*.h' | xargs -0 $(owner) clang-format -i

lint: ## what the compiler does not see: clang-format, clang-tidy, cppcheck, shellcheck
	@exec python3 tests/run.py --build $(BUILD) lint

clean: ## remove everything that was built
	rm -rf build build-* bench-results

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
