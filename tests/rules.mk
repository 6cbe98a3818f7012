# SPDX-License-Identifier: MIT
# What is built for the tests, and what runs them. Part of the Makefile.

# ---- what has to be there ----------------------------------------------------

# The argument of scripts/install-deps.sh that a target takes, and programs and headers by
# which it shows whether that was run.
TEST_NEEDS = test: bats prove go musl-gcc cmocka.h liburing.h
NEEDS_fixtures = $(TEST_NEEDS)
NEEDS_test = $(TEST_NEEDS)
NEEDS_tests = $(TEST_NEEDS)
NEEDS_unit = test: prove cmocka.h
NEEDS_control = $(TEST_NEEDS)
NEEDS_servers = $(TEST_NEEDS)
NEEDS_coverage = $(TEST_NEEDS)
NEEDS_sanitize = $(TEST_NEEDS) clang valgrind
NEEDS_fuzz = test: clang python3
NEEDS_lint = test: clang-format shellcheck cppcheck mandoc
NEEDS_compat = compat: bats prove clang ld.lld musl-gcc s390x-linux-gnu-gcc
NEEDS_kernels = kernels: bats prove qemu-system-s390x cpio xz musl-gcc s390x-linux-gnu-gcc
NEEDS_systemd = systemd: bats prove systemd-nspawn debootstrap musl-gcc
NEEDS_containers = containers: bats prove podman runc docker-compose kubectl debootstrap musl-gcc
NEEDS_bench = bench: valgrind strace
NEEDS_load = bench: tcpdump nft ss
NEEDS_deb = deb: dpkg-buildpackage dh lintian i686-linux-gnu-gcc aarch64-linux-gnu-gcc
NEEDS_rpm = deb: rpmbuild
NEEDS_fresh = deb: bats prove debootstrap
NEEDS_all = $(if $(ARCH),compat:)
NEEDS_install = $(NEEDS_all)

# missing WORD...: of programs and headers those that aren't there
missing = $(shell PATH=$$PATH:/usr/sbin:/sbin; for word in $(1); do case $$word in \
    (*.h) $(CC) -E -include $$word -x c /dev/null ;; \
    (*) command -v $$word ;; esac >/dev/null 2>&1 || echo $$word; done)

# refuse_without TARGET: unless all is there
refuse_without = $(call refuse,$(1),$(call missing,$(firstword $(CC)) stdio.h $(filter-out %:,$(NEEDS_$(1)))))
refuse = $(if $(2),$(error $(strip make $(1): missing: $(2) \
    (scripts/install-deps.sh $(patsubst %:,%,$(filter %:,$(NEEDS_$(1)))) installs it))))
$(foreach target,$(filter-out help clean dist uninstall,$(or $(MAKECMDGOALS),all)),$(call refuse_without,$(target)))

# ---- programs of the tests ---------------------------------------------------

# Each tests/fixtures/NAME.c is a program build/tests/NAME, each libNAME.c a library.
FIXTURE_SRC = $(wildcard tests/fixtures/*.c)
FIXTURES = $(patsubst tests/fixtures/%.c,$(B)/tests/%,$(filter-out tests/fixtures/lib%,$(FIXTURE_SRC))) \
           $(patsubst tests/fixtures/%.c,$(B)/tests/%.so,$(filter tests/fixtures/lib%,$(FIXTURE_SRC)))

$(B)/tests/%: tests/fixtures/%.c Makefile
	$(call begin,CC,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -fexceptions -pthread -o $@ $< $(LDLIBS)

$(B)/tests/lib%.so: tests/fixtures/lib%.c Makefile
	$(call begin,CC,$@)$(CC) $(PROGRAM_CFLAGS) $(LIB_SANITIZE) $(LDFLAGS) -fPIC -shared -o $@ $<

$(B)/tests/libresolver.so: override LDFLAGS += -Wl,-z,now
$(B)/tests/uring $(B)/tests/uring_server: LDLIBS = -luring

# Programs that no preload reaches
UNREACHED = $(B)/tests/static_server $(B)/tests/go_server

$(B)/tests/static_server: tests/fixtures/echo_server.c Makefile
	$(call begin,CC,$@)$(if $(ARCH),$(CC),musl-gcc) -static -O2 -o $@ $<

# What it keeps of Go's own library takes half a minute to make.
GOCACHE ?= $(abspath $(B))/go-cache

$(B)/tests/go_server: tests/fixtures/go_server.go Makefile
	$(call begin,GO,$@)CGO_ENABLED=0 GO111MODULE=off GOCACHE=$(GOCACHE) go build -o $@ $<

# Whose every system call is its own, and none the loader's: for the tests of faults. A
# sanitizer can't be linked statically, so for that STATIC_KASHIM is empty.
STATIC_KASHIM = $(B)/tests/static_kashim

$(B)/tests/static_kashim: $(COMMAND_OBJ)
	$(call begin,LD,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -static -o $@ $^

# Where no process may have 65,536 descriptors, the library with marks for 1,024
$(B)/few-marks/libkashim.so: $(LIB_SRC) $(wildcard shim/*.h)
	$(Q)$(MAKE) -s B=$(@D) CPPFLAGS='$(CPPFLAGS) -DKA_MARKS=1024' $@

fixtures: $(FIXTURES) $(UNREACHED) $(STATIC_KASHIM) $(B)/few-marks/libkashim.so

# ---- unit tests --------------------------------------------------------------

UNIT = $(patsubst tests/unit/%.c,$(B)/tests/unit-%,$(wildcard tests/unit/*.c))

# All of the command, for the linker to choose from
$(B)/tests/command.a: $(COMMAND_OBJ)
	$(call begin,AR,$@)rm -f $@ && $(AR) rc $@ $^

$(B)/tests/unit-%: tests/unit/%.c $(B)/tests/command.a Makefile
	$(call begin,CC,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -Ishim -o $@ $< $(B)/tests/command.a -lcmocka

# The same tests of nothing
$(B)/tests/empty-unit-%: tests/unit/%.c tests/unit/empty/%.c Makefile
	$(call begin,CC,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -Ishim -o $@ $(filter %.c,$^) -lcmocka

# ---- tests -------------------------------------------------------------------

# Scenario tests, all or those named: make test BATS=tests/servers.bats
BATS = $(wildcard tests/*.bats)
JOBS = $(shell nproc)
PROVE = prove -fo -j $(JOBS) -e 'bats --tap'

# The files that take longest come first. They mostly wait, for timers say: so there are two
# more at once than processors.
LONGEST = timing in_flight build faults demo groups_churn bench hostile status attach enable
LONGEST_FIRST = $(foreach name,$(LONGEST),$(filter tests/$(name).bats,$(BATS)))

test tests: JOBS = $(shell echo $$(($$(nproc) + 2)))
test tests: all fixtures unit
	$(PROVE) $(LONGEST_FIRST) $(filter-out $(LONGEST_FIRST),$(BATS))

unit: $(UNIT)
	CMOCKA_MESSAGE_OUTPUT=TAP prove -fo -e '' $(UNIT)

# The same tests with an empty library and with a harmful one: they must be able to fail.
control: all fixtures $(UNIT:$(B)/tests/unit-%=$(B)/tests/empty-unit-%)
	tests/control.sh $(BATS)

# Servers of Debian, and what their connections have with the library and without
servers: all fixtures
	rm -f $(B)/servers.rows
	SERVERS_TABLE=$(abspath $(B))/servers.rows $(PROVE) tests/servers.bats
	@printf '| server | version | by itself | with KA_IDLE=61 KA_INTVL=11 KA_CNT=7 |\n|---|---|---|---|\n' >$(B)/servers.md
	@cat $(B)/servers.rows >>$(B)/servers.md
	@cat $(B)/servers.md

# The library under old, new and other libcs, and on other machines
compat: all
	$(PROVE) tests/compat/compat.bats

# Linux 5.10 to the newest and on other machines, in qemu, and which of them does what
kernels: all $(addprefix $(B)/tests/,bpf_count echo_server sockopts static_server steps)
	rm -f $(B)/kernels.md
	KERNELS_TABLE=$(abspath $(B))/kernels.md $(PROVE) tests/kernels/kernels.bats; \
	    status=$$?; cat $(B)/kernels.md; exit $$status

# Services in a real systemd
systemd: all $(STATIC_KASHIM) $(B)/tests/static_server $(B)/tests/sockopts
	$(PROVE) tests/systemd/*.bats

# Images, Compose and manifests of the README, and kashim in containers and on their host
containers: all $(STATIC_KASHIM) $(addprefix $(B)/tests/,bpf_objects sockopts static_server)
	$(PROVE) tests/containers/*.bats

# The packages and the README's commands in a fresh Debian 12, the quick tests in a Debian 13
fresh: all
	$(PROVE) tests/fresh/*.bats

# The same tests under sanitizers and valgrind
sanitize:
	tests/sanitize.sh

# Which lines of shim/ no test reaches
coverage:
	tests/coverage.sh

# 10,000 connections, of which half lose their peer
load: all $(B)/tests/crowd $(B)/tests/echo_server
	scripts/load.sh --svg $(B)/load.svg

# ---- bench -------------------------------------------------------------------

$(B)/tests/bench: tests/bench/bench.c Makefile
	$(call begin,CC,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -pthread -o $@ $<

$(B)/tests/libobvious.so: tests/bench/obvious.c Makefile
	$(call begin,CC,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -fPIC -shared -o $@ $< -ldl

# What it costs, beside nothing and beside others
bench: all $(B)/tests/bench $(B)/tests/libobvious.so $(B)/tests/libempty.so $(B)/few-marks/libkashim.so
	tests/bench/bench.sh

# ---- fuzz --------------------------------------------------------------------

# The parsers, ten minutes each
FUZZ_SECONDS = 600
fuzz:
	tests/fuzz/fuzz.sh $(FUZZ_SECONDS)

FUZZ_CC = clang -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -Ishim
FUZZ_OBJ = $(COMMAND_SRC:shim/%.c=$(B)/fuzz/command/%.o)

$(B)/fuzz/command/%.o: shim/%.c Makefile $(wildcard shim/*.h shim/kashim/*.h)
	$(call begin,CC,$@)$(FUZZ_CC) $(COMMAND_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(B)/fuzz/command.a: $(FUZZ_OBJ)
	$(call begin,AR,$@)rm -f $@ && $(AR) rc $@ $^

$(B)/fuzz/fuzz-%: tests/fuzz/%.c $(B)/fuzz/command.a Makefile
	$(call begin,CC,$@)$(FUZZ_CC) -fsanitize=fuzzer -o $@ $< $(B)/fuzz/command.a

.PRECIOUS: $(B)/fuzz/command/%.o

# ---- lint --------------------------------------------------------------------

C_FILES = $(wildcard shim/*.[ch] shim/kashim/*.[ch] demo/*.[ch] tests/*/*.[ch] tests/unit/empty/*.c)
SHELL_FILES = $(wildcard scripts/*.sh tests/*.sh tests/*.bash tests/*.bats tests/*/*.bats tests/*/*.sh tests/*/*.bash \
                shim/kashim/*.bash scripts/debian/*.prerm) .ci/run

lint:
	clang-format --dry-run -Werror $(C_FILES)
	shellcheck $(SHELL_FILES)
	cppcheck -q --std=c11 --inline-suppr --error-exitcode=1 --enable=warning,performance,portability \
	    --suppress=normalCheckLevelMaxBranches --suppress=toomanyconfigs -Ishim $(filter %.c,$(C_FILES))
	mandoc -Tlint -Wwarning shim/*.[1-8] shim/kashim/*.[1-8]
	@! ($(SOURCES)) | xargs -0 grep -L SPDX-License-Identifier | grep -vFx -e LICENSE -e ./LICENSE

help::
	@echo 'make test               all tests; BATS=tests/NAME.bats for some of them'
	@echo 'make servers            what the connections of 27 servers have, with and without'
	@echo 'make bench              what it costs: a table, and build/bench.json'
	@echo 'make load               10,000 connections, half of them dead: build/load.svg'
	@echo 'make sanitize           the tests under clang'"'"'s sanitizers and valgrind'
	@echo 'make fuzz               the parsers under libFuzzer; FUZZ_SECONDS=600 each'
	@echo 'make coverage           the lines of shim/ that no test reaches'
	@echo 'make compat             tests under old, new and other libcs, and on other machines'
	@echo 'make kernels            Linux 5.10 to the newest, on six machines, and which does what'
	@echo 'make fresh              the README'"'"'s commands in a fresh Debian 12, and the tests in Debian 13'
	@echo 'make systemd            services of Debian in a real systemd: enabled, restarted, disabled'
	@echo 'make containers         images, Compose and manifests of the README, run by podman'
	@echo 'make control            shows that the tests can fail'
	@echo 'make lint               shellcheck, clang-format, cppcheck, mandoc'

.PHONY: fixtures test tests unit control servers compat kernels systemd containers fresh sanitize coverage load bench fuzz lint
