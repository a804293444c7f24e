# SPDX-License-Identifier: GPL-2.0-or-later
# Every command a person types. `make help` lists them.

BUILD	?= build
# What an object depends on is kept with its path: one name for it, however a
# person or a script says it.
# make splits names at blanks: in a directory with a blank it is relative.
ifeq ($(words x$(CURDIR)x),1)
override BUILD := $(abspath $(BUILD))
else
override BUILD := $(subst $(CURDIR)/,,$(BUILD))
endif
ifneq ($(words x$(BUILD)x),1)
$(error BUILD: make cannot use a path with a blank, "$(BUILD)"; try one without)
endif
prefix	?= /usr/local
bindir	?= $(prefix)/bin
includedir ?= $(prefix)/include
mandir	?= $(prefix)/share/man
completiondir ?= $(prefix)/share/bash-completion/completions
DESTDIR	?=
KDIR	?= /lib/modules/$(shell uname -r)/build
SERIES	:= 6.1 6.12
# A variable that has none of the values it may have is an error, not a default.
comma	:= ,
one-of	= $(if $(filter-out $(2),$($(1))),$(error $(1)=$($(1)): there is no such value; try one of: $(2)))
# VM=1 runs the demo in a throw-away guest, VM=0 on this kernel
VM	?= 1
# KERNEL=6.12 runs the demo's guest on that kernel of Debian's
KERNEL	?=
# V=1 shows the commands
V	?= 0
$(call one-of,V,0 1)
Q	:= $(if $(filter 1,$(V)),,@)
# SAN=address,undefined or SAN=thread: a sanitized build; use another BUILD for it
SAN	?=
sanitizers := $(subst $(comma), ,$(SAN))
$(if $(filter-out address leak thread undefined,$(sanitizers)),$(error SAN=$(SAN): \
there is no such sanitizer; try SAN=address$(comma)undefined or SAN=thread))

# Another one on the command line is misspelt, most likely; a package's build may
# have its own.
known	:= BUILD prefix bindir includedir mandir completiondir DESTDIR KDIR VM KERNEL V SAN \
	CC CFLAGS CPPFLAGS LDFLAGS LDLIBS AR BENCH COVERAGE FUZZ MILLION TEST MAKE% SHELL
given	:= $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(v)))),$(v)))
$(foreach v,$(filter-out $(known),$(given)),$(warning $(v): there is no such variable \
here, it changes nothing; see 'make help'))

CC	?= gcc
CFLAGS	?= -O2 -g
PKGS	:= libmnl jansson smartcols gsl liburing zlib nettle
OSC_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror \
	-Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wformat=2 \
	-fstack-protector-strong -fno-plt -pthread -MMD -MP \
	-Iuser -Ikmod/include/uapi $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# -z now: a forked child would resolve each symbol it calls anew, which costs
# it 15 page faults. With all bound, -fno-plt calls through the table directly.
OSC_LDLIBS := -Wl,-z,relro,-z,now $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -pthread
# What a test reads and nobody wrote is garbage there, not by chance 0.
ifneq ($(SAN),)
OSC_CFLAGS += -ftrivial-auto-var-init=pattern
OSC_CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
OSC_LDLIBS += -fsanitize=$(SAN)
endif

ROOMS	:= lib servers load correlate report
room_c	:= $(wildcard $(ROOMS:%=user/%/*.c))
cli_c	:= $(wildcard user/cli/*.c)
daemon_c := $(wildcard user/daemon/*.c)
unit_c	:= $(wildcard tests/unit/test_*.c)
unit_bin := $(unit_c:tests/unit/%.c=$(BUILD)/unit/%)
obj	= $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

all: $(BUILD)/osconcepts $(if $(daemon_c),$(BUILD)/osconceptsd) ## build the companion: osconcepts and osconceptsd

$(BUILD)/osconcepts: $(call obj,$(cli_c)) $(BUILD)/osc.a
	@echo "  LD    $(@:$(CURDIR)/%=%)"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(OSC_LDLIBS) $(LDLIBS)

$(BUILD)/osconceptsd: $(call obj,$(daemon_c)) $(BUILD)/osc.a
	@echo "  LD    $(@:$(CURDIR)/%=%)"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(OSC_LDLIBS) $(LDLIBS)

# Removed first: ar would keep the objects of deleted sources.
$(BUILD)/osc.a: $(call obj,$(room_c))
	@rm -f $@
	@echo "  AR    $(@:$(CURDIR)/%=%)"
	$(Q)$(AR) rcs $@ $^

# -MT: a compiler cache may name the object by another path, and then a changed
# header would rebuild nothing. Makefile: the flags are in it.
$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(OSC_CFLAGS) $(CFLAGS) $(CPPFLAGS) -MT $@ -c -o $@ $<

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/osc.a
	@mkdir -p $(@D)
	@echo "  LD    $(@:$(CURDIR)/%=%)"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(OSC_LDLIBS) $(LDLIBS)

-include $(patsubst %.o,%.d,$(call obj,$(room_c) $(cli_c) $(daemon_c) $(unit_c)))

unit-programs: $(unit_bin)

# What the tests inside the guest run, beside the companion: tests/vm/*.c share
# the helpers in tests/vm/lib.
vm_lib	:= $(wildcard tests/vm/lib/*.c)
vm_bin	:= $(patsubst tests/vm/%.c,$(BUILD)/vm-tests/%,$(wildcard tests/vm/*.c))
vm-tests: $(vm_bin) $(BUILD)/vm-tests/fuzz-netlink

$(BUILD)/vm-tests/%: $(BUILD)/obj/tests/vm/%.o $(call obj,$(vm_lib))
	@mkdir -p $(@D)
	@echo "  LD    $(@:$(CURDIR)/%=%)"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lmnl -pthread $(LDLIBS)
.SECONDARY: $(call obj,$(vm_lib) $(wildcard tests/vm/*.c))

-include $(patsubst %.o,%.d,$(call obj,$(vm_lib) $(wildcard tests/vm/*.c)))

# The table of oracles has its workloads in files of their own.
exact_c	:= $(wildcard tests/vm/exact/*.c)
$(BUILD)/vm-tests/t-oracles: $(call obj,$(exact_c))
$(BUILD)/vm-tests/t-oracles $(BUILD)/vm-tests/t-worker: LDLIBS += -luring

-include $(patsubst %.o,%.d,$(call obj,$(exact_c)))

# The fuzzer knows the family from its specification.
fuzz_c	:= $(wildcard tests/fuzz/netlink/*.c)
fuzz_spec := $(BUILD)/fuzz/osconcepts_spec.h
$(BUILD)/vm-tests/fuzz-netlink: $(call obj,$(fuzz_c) $(vm_lib))
	@mkdir -p $(@D)
	@echo "  LD    $(@:$(CURDIR)/%=%)"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lmnl -pthread $(LDLIBS)

$(fuzz_spec): tests/fuzz/netlink/spec.py Documentation/netlink/specs/osconcepts.yaml
	@mkdir -p $(@D)
	@echo "  GEN   $(@:$(CURDIR)/%=%)"
	$(Q)tests/fuzz/netlink/spec.py Documentation/netlink/specs/osconcepts.yaml >$@

$(call obj,tests/fuzz/netlink/message.c): $(fuzz_spec)
$(call obj,tests/fuzz/netlink/message.c): OSC_CFLAGS += -I$(BUILD)/fuzz

-include $(patsubst %.o,%.d,$(call obj,$(fuzz_c)))

demo: ## compare three server models, in a guest (VM=0: on this kernel)
	$(if $(VM),,$(error VM is empty; try VM=0 or VM=1))$(call one-of,VM,0 1)$(call one-of,KERNEL,$(SERIES))
	scripts/demo $(if $(filter 0,$(VM)),--no-vm,--vm) $(if $(KERNEL),--kernel $(KERNEL))

test: ## run every test; TEST='NAME...': those whose file is named so
	scripts/deps
	scripts/test $(TEST)

check: ## the tests that need neither a guest nor a kernel build
	scripts/test --only style --only unit --only cli

lint: ## every checker of style and slips; stale generated files
	scripts/test --only style --only spec --only module

unit: ## run the unit tests
	scripts/test --only unit

kunit: ## run the module's KUnit suites under user-mode Linux
	scripts/test --only kunit

vm-test: ## run the guest tests on both kernels
	scripts/test --only vm-6.1 --only vm-6.12

test-debug: ## the guest tests on an instrumented kernel (built once: 15 min)
	scripts/kernel debug >/dev/null && scripts/kernel kcsan >/dev/null
	scripts/test --only debug --only failures --only tests --only kcsan --only cycles

coverage: ## lines of the module that the guest tests run (COVERAGE=--help)
	scripts/coverage $(COVERAGE)

fuzz-netlink: ## a million messages on the instrumented kernel (FUZZ=--help)
	scripts/fuzz-netlink $(FUZZ)

fuzz-http: ## a minute of any bytes in the HTTP conversation (libFuzzer)
	tests/fuzz/http/run -max_total_time=60

bench-kmod: all vm-tests modules-all ## count the instructions that the hooks add (BENCH=--help)
	scripts/bench-kmod --write $(BENCH)

$(BUILD)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	@echo "  LD    $(@:$(CURDIR)/%=%)"
	$(Q)$(CC) $(OSC_CFLAGS) $(CFLAGS) $(CPPFLAGS) -o $@ $<

# One that fails, or is not valid on a busy machine, leaves the other its turn.
bench: ## measure servers and load beside others
	$(MAKE) --keep-going bench-load bench-servers

million: all vm-tests modules-all ## a million connections in a guest (MILLION=--help)
	scripts/million --write $(MILLION)

bench-servers: all $(BUILD)/bench/bare ## the servers (BENCH=--help)
	scripts/bench-servers --write $(BENCH)

$(BUILD)/bench/profile.so: OSC_CFLAGS += -fPIC -shared
$(BUILD)/bench/profile.so: tests/bench/profile.c tests/bench/qemu_plugin.h
	@mkdir -p $(@D)
	@echo "  LD    $(@:$(CURDIR)/%=%)"
	$(Q)$(CC) $(OSC_CFLAGS) $(CFLAGS) $(CPPFLAGS) -o $@ $<

bench-profile: all $(BUILD)/bench/bare $(BUILD)/bench/mark $(BUILD)/bench/profile.so ## where a request's instructions go (BENCH=--help)
	scripts/bench-profile --write $(BENCH)

bench-load: all $(BUILD)/bench/bare $(BUILD)/bench/bare_client ## the load generator (BENCH=--help)
	scripts/bench-load --write $(BENCH)

module: ## build the module for KDIR (the running kernel's headers)
	BUILD=$(BUILD) scripts/module $(KDIR)

modules-all: ## build the module for Debian's 6.1 and 6.12
	BUILD=$(BUILD) scripts/module $(SERIES)

pages	:= $(wildcard Documentation/man/*.[1-9])

install: all ## install programs, man pages, completion and the header
	install -d "$(DESTDIR)$(bindir)" "$(DESTDIR)$(completiondir)" \
		"$(DESTDIR)$(includedir)/linux"
	install -m 755 "$(BUILD)/osconcepts" "$(BUILD)/osconceptsd" \
		"$(DESTDIR)$(bindir)"
	install -m 644 Documentation/completion/osconcepts.bash \
		"$(DESTDIR)$(completiondir)/osconcepts"
	ln -sf osconcepts "$(DESTDIR)$(completiondir)/osconceptsd"
	install -m 644 kmod/include/uapi/linux/osconcepts.h \
		"$(DESTDIR)$(includedir)/linux"
	set -e; for page in $(pages); do \
		dir="$(DESTDIR)$(mandir)/man$${page##*.}"; \
		install -d "$$dir"; install -m 644 "$$page" "$$dir"; \
	done

uninstall: ## remove what install put there
	rm -f "$(DESTDIR)$(bindir)/osconcepts" \
		"$(DESTDIR)$(bindir)/osconceptsd" \
		"$(DESTDIR)$(completiondir)/osconcepts" \
		"$(DESTDIR)$(completiondir)/osconceptsd" \
		"$(DESTDIR)$(includedir)/linux/osconcepts.h"
	set -e; for page in $(pages); do \
		rm -f "$(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}"; \
	done
.PHONY: install uninstall

help: ## list these targets
	@awk 'BEGIN { FS = ":.*## "; print "Targets:" } \
		/^[a-z][a-z-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf 'Variables: V=0|1 BUILD= SAN= KDIR= VM=0|1 KERNEL=6.1|6.12 TEST= prefix= DESTDIR=\n'

clean: ## remove what was built (the cache outside the checkout stays)
	rm -rf build $(BUILD)

.PHONY: bench million bench-kmod bench-load bench-profile bench-servers coverage fuzz-http fuzz-netlink demo module modules-all
.PHONY: all unit-programs vm-tests test check lint unit kunit vm-test test-debug help clean
.DELETE_ON_ERROR:
