# SPDX-License-Identifier: MIT
# kashim: `make help` lists the targets and the variables.

VERSION = 1.1.0

CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
MANDIR  ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
DESTDIR ?=
LIBMODE ?= 644

# refuse_unfit FOLDER,WHY: a name with a blank or a colon in it, or none
refuse_unfit = $(if $(filter 1,$(words $($(1)))$(findstring :,$($(1)))),,$(error $(1)=$($(1)): $(2)))
$(call refuse_unfit,LIBDIR,blanks and colons are what LD_PRELOAD has between its entries)
$(foreach folder,BINDIR MANDIR COMPLETIONDIR ZSHDIR FISHDIR,$(call refuse_unfit,$(folder),it may have no blank and no colon))

# ---- for which machine -------------------------------------------------------

# make ARCH=s390x: for another machine, which has Debian's name, into build/s390x.
TRIPLE_amd64   = x86_64-linux-gnu
TRIPLE_i386    = i686-linux-gnu
TRIPLE_arm64   = aarch64-linux-gnu
TRIPLE_armhf   = arm-linux-gnueabihf
TRIPLE_armel   = arm-linux-gnueabi
TRIPLE_riscv64 = riscv64-linux-gnu
TRIPLE_ppc64el = powerpc64le-linux-gnu
TRIPLE_s390x   = s390x-linux-gnu
TRIPLE_loong64 = loongarch64-linux-gnu

ifeq ($(ARCH),)
  B = build
else
  B = build/$(ARCH)
  ARCHES = $(patsubst TRIPLE_%,%,$(sort $(filter TRIPLE_%,$(.VARIABLES))))
  override CC = $(or $(CC_$(ARCH)),$(addsuffix -gcc,$(TRIPLE_$(ARCH))),$(error ARCH is one of $(ARCHES)))
endif
MACHINE := $(patsubst i%86,i386,$(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null))))

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
# What gcc for ARM refers to by itself: libgcc's division, which raises a signal where a
# number is divided by zero, as none is; and in its tables the unwinder, by number alone.
HELPERS_arm    = -lgcc -Wl,--defsym=raise=0 \
                 -Wl,--defsym=__aeabi_unwind_cpp_pr0=0 -Wl,--defsym=__aeabi_unwind_cpp_pr1=0

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
# - two segments, not four, or every start of a program maps and faults in two more: some
#   10 kB of constants and tables become executable as well, nothing writable does
LIB_CFLAGS = $(PROGRAM_CFLAGS) $(LIB_SANITIZE) -fPIC -fvisibility=hidden -ffreestanding $(NO_IDIOMS) \
             -fasynchronous-unwind-tables -fno-stack-protector -U_FORTIFY_SOURCE \
             -U_FILE_OFFSET_BITS -U_TIME_BITS \
             $(BRANCH_$(MACHINE))
LIB_LDFLAGS = $(LDFLAGS) -shared -nostdlib -Wl,-soname,libkashim.so \
              -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,noseparate-code $(NO_RELR) \
              -Wl,--version-script=shim/libkashim.map

ifeq ($(V),1)
  say = @:
  Q =
else
  say = @printf '  %-5s %s\n'
  Q = @
endif

# begin WORD,NAME: says what is made, and makes its folder
define begin
$(say) $(1) $(2)
$(Q)mkdir -p $(@D)
$(Q)
endef

# ---- library, command and demo -----------------------------------------------

LIB_SRC = $(wildcard shim/*.c)
LIB_OBJ = $(LIB_SRC:shim/%.c=$(B)/shim/%.o)

all: $(B)/libkashim.so $(B)/kashim $(B)/demo-server $(B)/demo-client

$(B)/libkashim.so: $(LIB_OBJ) shim/libkashim.map
	$(call begin,LD,$@)$(CC) $(LIB_CFLAGS) $(LIB_LDFLAGS) -o $@ $(LIB_OBJ) $(HELPERS_$(MACHINE)) $(LIB_LDLIBS)

$(B)/shim/%.o: shim/%.c Makefile
	$(call begin,CC,$<)$(CC) $(LIB_CFLAGS) -c -o $@ $<

# What the command shares with the library: the parser, and the options of a socket
SHARED_SRC = shim/config.c shim/keepalive.c
COMMAND_SRC = $(wildcard shim/kashim/*.c) $(SHARED_SRC)
COMMAND_OBJ = $(COMMAND_SRC:shim/%.c=$(B)/command/%.o)

$(B)/kashim: $(COMMAND_OBJ)
	$(call begin,LD,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -o $@ $^

COMMAND_FLAGS = -D_FILE_OFFSET_BITS=64 -DKASHIM_VERSION='"$(VERSION)"'

$(B)/command/%.o: shim/%.c Makefile
	$(call begin,CC,$<)$(CC) $(PROGRAM_CFLAGS) $(COMMAND_FLAGS) -c -o $@ $<

# The command knows where both are installed: made again when that is told anew.
%/kashim/installed.o: COMMAND_FLAGS += -DKASHIM_LIBDIR='"$(LIBDIR)"' -DKASHIM_BINDIR='"$(BINDIR)"'
$(B)/command/kashim/installed.o: $(B)/libdir $(B)/bindir

ifneq ($(LIBDIR) $(BINDIR),$(shell cat $(B)/libdir $(B)/bindir 2>/dev/null))
$(B)/libdir $(B)/bindir: force
endif
$(B)/libdir $(B)/bindir:
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(if $(filter %/libdir,$@),$(LIBDIR),$(BINDIR))' >$@
force:

$(B)/demo-%: demo/%.c Makefile
	$(call begin,CC,$@)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -pthread -o $@ $<

# ---- install -----------------------------------------------------------------

# What is installed, as MODE:FILE:NAME. Of another machine the library alone: the rest is
# this one's.
INSTALLED = $(LIBMODE):$(B)/libkashim.so:$(LIBDIR)/libkashim.so
ifeq ($(ARCH),)
  INSTALLED += 755:$(B)/kashim:$(BINDIR)/kashim \
               644:shim/kashim/kashim.1:$(MANDIR)/man1/kashim.1 \
               644:shim/libkashim.7:$(MANDIR)/man7/libkashim.7 \
               644:shim/kashim/completion.bash:$(COMPLETIONDIR)/kashim \
               644:shim/kashim/completion.zsh:$(ZSHDIR)/_kashim \
               644:shim/kashim/completion.fish:$(FISHDIR)/kashim.fish
endif

# Or the library of the other machine would take the place of this one's
own_libdir = $(if $(and $(ARCH),$(filter file,$(origin LIBDIR))),\
    $(error ARCH=$(ARCH) needs a LIBDIR of its own: where that machine has its libraries))

# Without it the library is found by its absolute path only.
ldconfig = [ -n '$(DESTDIR)' ] || PATH=$$PATH:/usr/sbin:/sbin ldconfig || \
    echo 'ldconfig has failed: LD_PRELOAD needs the absolute path' >&2

# By rename: a running daemon has the old file mapped.
install: all
	$(own_libdir)
	$(Q)set -e; umask 022; for file in $(INSTALLED); do \
	    IFS=:; set -- $$file; unset IFS; to='$(DESTDIR)'$$3; \
	    mkdir -p "$${to%/*}"; install -m $$1 $$2 "$$to.new"; mv -f "$$to.new" "$$to"; \
	    printf '  %-5s %s\n' PUT "$$to"; done
	$(Q)$(ldconfig)

uninstall:
	$(own_libdir)
	$(Q)for file in $(INSTALLED); do \
	    to='$(DESTDIR)'$${file##*:}; rm -f "$$to" || exit; printf '  %-5s %s\n' RM "$$to"; done
	$(Q)for file in '$(DESTDIR)'/etc/systemd/system/*.d/kashim.conf; do \
	    [ ! -e "$$file" ] || printf '  %-5s %s (written by kashim enable)\n' LEFT "$$file"; done
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

# Debian's packages for amd64, i386 and arm64, in build/deb
deb: dist
	scripts/deb.sh $(VERSION)

# RPM's for this machine, in build/rpm
rpm: dist
	scripts/rpm.sh $(VERSION)

# ---- show and prove ----------------------------------------------------------

demo: all
	scripts/demo.sh

help::
	@echo 'make                    build/libkashim.so, build/kashim and the demo pair'
	@echo 'make dist               the source: build/kashim-$(VERSION).tar.gz'
	@echo 'make deb, make rpm      packages: build/deb, build/rpm'
	@echo 'make demo               shows the effect, live, in under a minute'

include tests/rules.mk

help::
	@echo 'make ARCH=arm64         for another machine: build/arm64'
	@echo 'make install, uninstall PREFIX BINDIR LIBDIR LIBMODE MANDIR COMPLETIONDIR ZSHDIR FISHDIR DESTDIR'
	@echo 'make clean              removes build; needed before a build with other flags'
	@echo
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS; V=1 shows the commands.'

clean:
	rm -rf $(B)

-include $(wildcard $(addprefix $(B)/,*.d shim/*.d command/*.d command/*/*.d tests/*.d))

.PHONY: all force install uninstall dist deb rpm demo help clean
.DELETE_ON_ERROR:
