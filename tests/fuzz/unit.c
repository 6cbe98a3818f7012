/* SPDX-License-Identifier: MIT */
/* The reader of unit files; words are read back as they are written. */
#include "kashim/unit.c"

#include <assert.h>
#include <stdint.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;

    if (file) {
        read_settings(file, "x.service", take, NULL);
        fclose(file);
    }
    return 0;
}
