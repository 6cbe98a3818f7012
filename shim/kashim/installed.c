/* SPDX-License-Identifier: MIT */
/* Compiled anew when LIBDIR or BINDIR is another. */
#include "program.h"

const char installed_command[] = KASHIM_BINDIR "/kashim";
const char installed_library[] = KASHIM_LIBDIR "/libkashim.so";
