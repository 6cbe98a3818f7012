# SPDX-License-Identifier: MIT
# kashim: `make help` lists the targets and the variables.

CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=

ARCH ?= native
B     = build

# ---- what the machine wants --------------------------------------------------

TARGET := $(shell $(CC) -dumpmachine)
NO_IDIOMS := $(shell $(CC) -Werror -fno-tree-loop-distribute-patterns -x c -c /dev/null \
               -o /dev/null 2>/dev/null && echo -fno-tree-loop-distribute-patterns)
BRANCH_x86_64  = -fcf-protection
BRANCH_i386    = -fcf-protection
BRANCH_aarch64 = -mbranch-protection=standard -mno-outline-atomics
MACHINE := $(patsubst i%86,i386,$(firstword $(subst -, ,$(TARGET))))

# ---- flags -------------------------------------------------------------------

WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
       -Wundef -Wvla

# Programs take the caller's flags as they are.
PROGRAM_CFLAGS = -std=gnu11 $(WARN) $(CPPFLAGS) $(CFLAGS) -MMD -MP

# The library lives in other people's processes; these come after the caller's flags:
# - unwind tables, or a cancelled accept() skips C++ destructors above our frame
# - no stack protector and no fortify, whose helpers are versioned symbols of one libc
# - no calls of memset and the like made from our loops
LIB_CFLAGS = $(PROGRAM_CFLAGS) -fPIC -fvisibility=hidden -ffreestanding $(NO_IDIOMS) \
             -fasynchronous-unwind-tables -fno-stack-protector -U_FORTIFY_SOURCE \
             $(BRANCH_$(MACHINE))
LIB_LDFLAGS = $(LDFLAGS) -shared -nostdlib -Wl,-soname,libkashim.so \
              -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
              -Wl,--version-script=shim/libkashim.map

ifeq ($(V),1)
  say = @:
  Q =
else
  say = @printf '  %-5s %s\n'
  Q = @
endif

# ---- library and demo --------------------------------------------------------

LIB_SRC = $(wildcard shim/*.c)
LIB_OBJ = $(LIB_SRC:shim/%.c=$(B)/shim/%.o)

all: $(B)/libkashim.so $(B)/demo-server $(B)/demo-client

$(B)/libkashim.so: $(LIB_OBJ) shim/libkashim.map
	$(say) LD $@
	$(Q)$(CC) $(LIB_CFLAGS) $(LIB_LDFLAGS) -o $@ $(LIB_OBJ)

$(B)/shim/%.o: shim/%.c Makefile
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LIB_CFLAGS) -c -o $@ $<

$(B)/demo-%: demo/%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -o $@ $<

# ---- show and prove ----------------------------------------------------------

demo: all
	scripts/demo.sh

# Everything the tests need: each tests/fixtures/NAME.c is a program build/tests/NAME,
# each tests/fixtures/libNAME.c a library build/tests/libNAME.so.
FIXTURES = $(patsubst tests/fixtures/%.c,$(B)/tests/%,$(filter-out tests/fixtures/lib%,$(wildcard tests/fixtures/*.c))) \
           $(patsubst tests/fixtures/%.c,$(B)/tests/%.so,$(wildcard tests/fixtures/lib*.c))
UNIT = $(patsubst tests/unit/%.c,$(B)/tests/unit-%,$(wildcard tests/unit/*.c))

$(B)/tests/lib%.so: tests/fixtures/lib%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -fPIC -shared -o $@ $<

$(B)/tests/unit-%: tests/unit/%.c shim/config.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -Ishim -o $@ $(filter %.c,$^) -lcmocka

$(B)/tests/%: tests/fixtures/%.c Makefile
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(LDFLAGS) -pthread -o $@ $<

fixtures: $(FIXTURES)

clean:
	rm -rf $(B)

-include $(wildcard $(B)/*.d $(B)/*/*.d)

.PHONY: all demo fixtures test control lint clean help
.DELETE_ON_ERROR:
