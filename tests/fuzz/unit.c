/* SPDX-License-Identifier: MIT */
/* The readers of unit files and of files of variables; words are read back as they are
 * written. */
#include "kashim/env_file.h"
#include "kashim/memory.h"
#include "kashim/unit_file.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void read_back(const char *word)
{
    char *text, *again;
    const char *rest;
    size_t size;
    FILE *file = open_memory(&text, &size);

    unit_write_word(file, word);
    fclose(file);
    rest = text;
    again = unit_word(&rest);
    assert(again && !strcmp(again, word));
    free(again);
    free(text);
}

static bool take(void *context, const char *file, const char *key, const char *value)
{
    char *word;

    (void)context;
    (void)file;
    while (*key && (word = unit_word(&value))) {
        read_back(word);
        free(word);
    }
    return true;
}

static bool take_variable(void *context, const char *name, const char *value)
{
    (void)context;
    assert(*name != '#' && !strchr(name, '=') && strlen(value) < 65536);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;

    if (file) {
        unit_file_read(file, "x.service", take, NULL);
        rewind(file);
        env_file_read(file, take_variable, NULL);
        fclose(file);
    }
    return 0;
}
