# SPDX-License-Identifier: MIT
# kashim: `make help` lists the targets and the variables.

VERSION = 1.0.0

CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
MANDIR  ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
DESTDIR ?=

ifneq ($(words $(LIBDIR))$(findstring :,$(LIBDIR)),1)
  $(error LIBDIR=$(LIBDIR): blanks and colons are what LD_PRELOAD has between its entries)
endif

# ---- for which machine -------------------------------------------------------

# make ARCH=i386, make ARCH=aarch64: the library in build/$(ARCH). Nothing is linked to it,
# so of the other machine's libc only the headers have to be there.
CC_i386    = gcc -m32
CC_aarch64 = clang --target=aarch64-linux-gnu --sysroot=/usr/aarch64-linux-gnu \
             -fuse-ld=lld -nostdlib -Wno-unused-command-line-argument

ifeq ($(ARCH),)
  B = build
  MACHINE := $(patsubst i%86,i386,$(firstword $(subst -, ,$(shell $(CC) -dumpmachine))))
  PROGRAMS = $(B)/kashim $(B)/demo-server $(B)/demo-client
else
  B = build/$(ARCH)
  MACHINE = $(ARCH)
  override CC = $(or $(CC_$(ARCH)),$(error ARCH is i386 or aarch64, or CC_$(ARCH) is given))
endif

# ---- what the machine wants --------------------------------------------------

NO_IDIOMS := $(shell $(CC) -Werror -fno-tree-loop-distribute-patterns -x c -c /dev/null \
               -o /dev/null 2>/dev/null && echo -fno-tree-loop-distribute-patterns)
# Packed relocations an older loader doesn't know, and calls a constructor that isn't
# relocated. ld says so itself with a version need, but not where no libc is linked to.
NO_RELR := $(shell $(CC) -shared -nostdlib -Wl,--fatal-warnings -Wl,-z,nopack-relative-relocs -x c \
             /dev/null -o /dev/null 2>/dev/null && echo -Wl,-z,nopack-relative-relocs)
BRANCH_x86_64  = -fcf-protection
BRANCH_i386    = -fcf-protection
BRANCH_aarch64 = -mbranch-protection=standard -mno-outline-atomics

# ---- flags -------------------------------------------------------------------

WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
       -Wundef -Wvla

# Programs take the caller's flags as they are.
PROGRAM_CFLAGS = -std=gnu11 $(WARN) $(CPPFLAGS) $(CFLAGS) -MMD -MP

# The library lives in other people's processes; these come after the caller's flags:
# - unwind tables, or a cancelled accept() skips C++ destructors above our frame
# - no stack protector and no fortify, whose helpers are versioned symbols of one libc
# - no other names for fcntl and its kin: the hooks have both
# - no calls of memset and the like made from our loops
LIB_CFLAGS = $(PROGRAM_CFLAGS) $(LIB_SANITIZE) -fPIC -fvisibility=hidden -ffreestanding $(NO_IDIOMS) \
             -fasynchronous-unwind-tables -fno-stack-protector -U_FORTIFY_SOURCE \
             -U_FILE_OFFSET_BITS -U_TIME_BITS \
             $(BRANCH_$(MACHINE))
LIB_LDFLAGS = $(LDFLAGS) -shared -nostdlib -Wl,-soname,libkashim.so \
              -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack $(NO_RELR) \
              -Wl,--version-script=shim/libkashim.map

ifeq ($(V),1)
  say = @:
  Q =
else
  say = @printf '  %-5s %s\n'
  Q = @
endif

# ---- library, command and demo -----------------------------------------------

LIB_SRC = $(wildcard shim/*.c)
LIB_OBJ = $(LIB_SRC:shim/%.c=$(B)/shim/%.o)

all: $(B)/libkashim.so $(PROGRAMS)

$(B)/libkashim.so: $(LIB_OBJ) shim/libkashim.map
	$(say) LD $@
	$(Q)$(CC) $(LIB_CFLAGS) $(LIB_LDFLAGS) -o $@ $(LIB_OBJ) $(LIB_LDLIBS)

$(B)/shim/%.o: shim/%.c Makefile
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LIB_CFLAGS) -c -o $@ $<

# The command shares the parser, the option code and the words of the library.
COMMAND_SRC = $(wildcard shim/kashim/*.c) shim/config.c shim/keepalive.c

$(B)/kashim: $(COMMAND_SRC:shim/%.c=$(B)/command/%.o)
	$(say) LD $@
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -o $@ $^

# Whose every system call is its own, and none the loader's: for the tests of faults. A
# sanitizer can't be linked statically, so for that STATIC_KASHIM is empty.
STATIC_KASHIM = $(B)/tests/static_kashim

$(B)/tests/static_kashim: $(COMMAND_SRC:shim/%.c=$(B)/command/%.o)
	$(Q)mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -static -o $@ $^

$(B)/command/%.o: shim/%.c Makefile
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) -DKASHIM_VERSION='"$(VERSION)"' -DKASHIM_LIBDIR='"$(LIBDIR)"' \
	    -DKASHIM_BINDIR='"$(BINDIR)"' \
	    -c -o $@ $<

# The command knows where both are installed: made again when that is told anew.
$(B)/command/kashim/program.o $(B)/command/kashim/enable.o $(B)/command/kashim/drop_in.o: $(B)/libdir $(B)/bindir
ifneq ($(LIBDIR),$(shell cat $(B)/libdir 2>/dev/null))
$(B)/libdir: force
endif
ifneq ($(BINDIR),$(shell cat $(B)/bindir 2>/dev/null))
$(B)/bindir: force
endif
$(B)/libdir $(B)/bindir:
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(if $(filter %/libdir,$@),$(LIBDIR),$(BINDIR))' >$@
force:

$(B)/demo-%: demo/%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -o $@ $<

# ---- install -----------------------------------------------------------------

# By rename: a running daemon has the old file mapped.
define put
	$(Q)mkdir -p $(dir $(2))
	$(Q)install -m $(3) $(1) $(2).new
	$(Q)mv -f $(2).new $(2)
	$(say) PUT $(2)
endef

# Without it the library is found by its absolute path only.
ldconfig = [ -n "$(DESTDIR)" ] || PATH=$$PATH:/usr/sbin:/sbin ldconfig || \
    echo 'ldconfig has failed: LD_PRELOAD needs the absolute path' >&2

# Or the library of the other machine would take the place of this one's
own_libdir = $(if $(and $(ARCH),$(filter file,$(origin LIBDIR))),\
    $(error ARCH=$(ARCH) needs a LIBDIR of its own: where that machine has its libraries))

# Of another machine the library alone: the rest is this one's.
INSTALLED = $(LIBDIR)/libkashim.so
ifeq ($(ARCH),)
  INSTALLED += $(BINDIR)/kashim $(MANDIR)/man1/kashim.1 $(MANDIR)/man7/libkashim.7 $(COMPLETIONDIR)/kashim
endif

install: all
	$(own_libdir)
	$(call put,$(B)/libkashim.so,$(DESTDIR)$(LIBDIR)/libkashim.so,644)
ifeq ($(ARCH),)
	$(call put,$(B)/kashim,$(DESTDIR)$(BINDIR)/kashim,755)
	$(call put,shim/kashim/kashim.1,$(DESTDIR)$(MANDIR)/man1/kashim.1,644)
	$(call put,shim/kashim/completion.bash,$(DESTDIR)$(COMPLETIONDIR)/kashim,644)
	$(call put,shim/libkashim.7,$(DESTDIR)$(MANDIR)/man7/libkashim.7,644)
endif
	$(Q)$(ldconfig)

uninstall:
	$(own_libdir)
	rm -f $(INSTALLED:%=$(DESTDIR)%)
	$(Q)$(ldconfig)

# ---- hand on -------------------------------------------------------------------

# The same bytes whenever and wherever it is made: of what is committed, or of an archive.
SOURCES = git ls-files -z 2>/dev/null | grep -z . || \
          find . -path ./.git -prune -o -path ./$(B) -prune -o -type f -print0
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)
dist:
	$(Q)mkdir -p $(B)
	$(Q)($(SOURCES)) | LC_ALL=C sort -z | tar -c --null -T - --format=gnu \
	    --transform 's,^\(\./\)\?,kashim-$(VERSION)/,' --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 \
	    --numeric-owner --mode=u+rw,go+r,go-w | gzip -9n >$(B)/kashim-$(VERSION).tar.gz
	$(say) TAR $(B)/kashim-$(VERSION).tar.gz

# Debian's packages for amd64 and i386, in build/deb
deb: dist
	scripts/deb.sh $(VERSION)

# ---- show and prove ----------------------------------------------------------

demo: all
	scripts/demo.sh

# What each target of the fuzzer is made of, besides tests/fuzz/NAME.c
FUZZ_config = shim/config.c
FUZZ_elf = shim/kashim/elf_file.c
FUZZ_diag = shim/kashim/diag.c shim/kashim/tcp_socket.c shim/kashim/memory.c shim/keepalive.c shim/config.c
FUZZ_proc = shim/kashim/memory.c shim/kashim/pids.c

.SECONDEXPANSION:
$(B)/fuzz/fuzz-%: tests/fuzz/%.c tests/fuzz/complain.c $$(FUZZ_$$*) Makefile $(wildcard shim/kashim/*.c)
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)clang -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    -Ishim -o $@ $(filter tests/%.c,$^) $(FUZZ_$*)

# Everything the tests need: each tests/fixtures/NAME.c is a program build/tests/NAME,
# each tests/fixtures/libNAME.c a library build/tests/libNAME.so.
FIXTURES = $(patsubst tests/fixtures/%.c,$(B)/tests/%,$(filter-out tests/fixtures/lib%,$(wildcard tests/fixtures/*.c))) \
           $(patsubst tests/fixtures/%.c,$(B)/tests/%.so,$(wildcard tests/fixtures/lib*.c))
UNIT = $(patsubst tests/unit/%.c,$(B)/tests/unit-%,$(wildcard tests/unit/*.c))

$(B)/tests/lib%.so: tests/fixtures/lib%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LIB_SANITIZE) $(LDFLAGS) -fPIC -shared -o $@ $<

$(B)/tests/libresolver.so: override LDFLAGS += -Wl,-z,now

# Where its object lies, if not beside config.o
UNIT_FOLDER_bpf_code = kashim/

$(B)/tests/unit-%: tests/unit/%.c $(B)/command/$$(UNIT_FOLDER_$$*)%.o Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -Ishim -o $@ $(filter %.c %.o,$^) -lcmocka

# The same tests of nothing
$(B)/tests/empty-unit-%: tests/unit/%.c tests/unit/empty/%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -Ishim -o $@ $(filter %.c,$^) -lcmocka

$(B)/tests/%: tests/fixtures/%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -fexceptions -pthread -o $@ $< $(LDLIBS)

$(B)/tests/bench: tests/bench/bench.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -pthread -o $@ $<

$(B)/tests/libobvious.so: tests/bench/obvious.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -fPIC -shared -o $@ $< -ldl

$(B)/tests/uring $(B)/tests/uring_server: LDLIBS = -luring

# Programs that no preload reaches
$(B)/tests/static_server: tests/fixtures/echo_server.c Makefile
	$(say) CC $@
	$(Q)musl-gcc -static -O2 -o $@ $<

$(B)/tests/go_server: tests/fixtures/go_server.go Makefile
	$(say) GO $@
	$(Q)CGO_ENABLED=0 GO111MODULE=off GOCACHE=$(abspath $(B))/go-cache go build -o $@ $<

UNREACHED = $(B)/tests/static_server $(B)/tests/go_server

# Where no process may have 65,536 descriptors, the library with marks for 1,024
$(B)/few-marks/libkashim.so: $(LIB_SRC) $(wildcard shim/*.h)
	$(Q)$(MAKE) -s B=$(@D) CPPFLAGS='$(CPPFLAGS) -DKA_MARKS=1024' $@

fixtures: $(FIXTURES) $(UNREACHED) $(STATIC_KASHIM) $(B)/few-marks/libkashim.so

# Scenario tests, all or those named: make test BATS=tests/servers.bats
BATS = $(wildcard tests/*.bats)
PROVE = prove -fo -j $(shell nproc) -e 'bats --tap'

test tests: all fixtures $(UNIT)
	CMOCKA_MESSAGE_OUTPUT=TAP prove -fo -e '' $(UNIT)
	$(PROVE) $(BATS)

# Servers of Debian, and what their connections have with the library and without
servers: all fixtures
	rm -f $(B)/servers.rows
	SERVERS_TABLE=$(abspath $(B))/servers.rows $(PROVE) tests/servers.bats
	@printf '| server | version | by itself | with KA_IDLE=61 KA_INTVL=11 KA_CNT=7 |\n|---|---|---|---|\n' >$(B)/servers.md
	@cat $(B)/servers.rows >>$(B)/servers.md
	@cat $(B)/servers.md

# What it costs, beside nothing and beside others
bench: all $(B)/tests/bench $(B)/tests/libobvious.so $(B)/tests/libempty.so
	tests/bench/bench.sh

# 10,000 connections, of which half lose their peer
load: all $(B)/tests/crowd $(B)/tests/echo_server
	scripts/load.sh --svg $(B)/load.svg

# The parsers, ten minutes each
FUZZ_SECONDS = 600
fuzz:
	tests/fuzz/fuzz.sh $(FUZZ_SECONDS)

# The packages and the README's commands in a fresh Debian 12
fresh: all
	$(PROVE) tests/fresh/*.bats

# Services in a real systemd
systemd: all $(STATIC_KASHIM) $(B)/tests/static_server $(B)/tests/sockopts
	$(PROVE) tests/systemd/*.bats

# Which lines of shim/ no test reaches
coverage:
	tests/coverage.sh

# The same tests under sanitizers and valgrind
sanitize:
	tests/sanitize.sh

# The library under old, new and other libcs, on i386 and on aarch64
compat: all
	$(PROVE) tests/compat/compat.bats

# Linux 5.10 to the newest, in qemu, and which of them does what
kernels: all $(addprefix $(B)/tests/,bpf_count echo_server sockopts static_server steps)
	rm -f $(B)/kernels.md
	KERNELS_TABLE=$(abspath $(B))/kernels.md $(PROVE) tests/kernels/kernels.bats; \
	    status=$$?; cat $(B)/kernels.md; exit $$status

# The same tests with an empty library and with a harmful one: they must be able to fail.
control: all fixtures $(UNIT:$(B)/tests/unit-%=$(B)/tests/empty-unit-%)
	tests/control.sh $(BATS)

C_FILES = $(wildcard shim/*.[ch] shim/kashim/*.[ch] demo/*.[ch] tests/*/*.[ch] tests/unit/empty/*.c)
SHELL_FILES = $(wildcard scripts/*.sh tests/*.sh tests/*.bash tests/*.bats tests/*/*.bats tests/*/*.sh tests/*/*.bash \
                shim/kashim/*.bash) .ci/run

lint:
	clang-format --dry-run -Werror $(C_FILES)
	shellcheck $(SHELL_FILES)
	cppcheck -q --std=c11 --inline-suppr --error-exitcode=1 --enable=warning,performance,portability \
	    --suppress=normalCheckLevelMaxBranches -Ishim $(filter %.c,$(C_FILES))
	mandoc -Tlint -Wwarning shim/*.[1-8] shim/kashim/*.[1-8]
	@! ($(SOURCES)) | xargs -0 grep -L SPDX-License-Identifier | grep -vFx -e LICENSE -e ./LICENSE

help:
	@echo 'make                    build/libkashim.so, build/kashim and the demo pair'
	@echo 'make dist               the source: build/kashim-$(VERSION).tar.gz'
	@echo 'make deb                packages of Debian: build/deb'
	@echo 'make demo               shows the effect, live, in under a minute'
	@echo 'make test               all tests; BATS=tests/NAME.bats for some of them'
	@echo 'make servers            what the connections of 27 servers have, with and without'
	@echo 'make bench              what it costs: a table, and build/bench.json'
	@echo 'make load               10,000 connections, half of them dead: build/load.svg'
	@echo 'make sanitize           the tests under clang'"'"'s sanitizers and valgrind'
	@echo 'make fuzz               the parsers under libFuzzer; FUZZ_SECONDS=600 each'
	@echo 'make coverage           the lines of shim/ that no test reaches'
	@echo 'make compat             tests under old, new and other libcs, on i386 and aarch64'
	@echo 'make kernels            Linux 5.10 to the newest, in qemu, and which does what'
	@echo 'make fresh              the packages and the commands of the README, in a fresh Debian 12'
	@echo 'make systemd            services of Debian in a real systemd: enabled, restarted, disabled'
	@echo 'make control            shows that the tests can fail'
	@echo 'make lint               shellcheck, clang-format, cppcheck, mandoc'
	@echo 'make ARCH=i386          build/i386/libkashim.so; or ARCH=aarch64'
	@echo 'make install, uninstall PREFIX BINDIR LIBDIR MANDIR COMPLETIONDIR DESTDIR'
	@echo 'make clean              removes build; needed before a build with other flags'
	@echo
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS; V=1 shows the commands.'

clean:
	rm -rf $(B)

-include $(wildcard $(addprefix $(B)/,*.d shim/*.d command/*.d command/*/*.d tests/*.d))

.PHONY: all force install uninstall dist deb demo fixtures test tests servers bench load sanitize fuzz fresh coverage compat kernels systemd control lint help clean
.DELETE_ON_ERROR:
