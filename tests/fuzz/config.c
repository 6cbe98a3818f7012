/* SPDX-License-Identifier: MIT */
/* The parser of the settings: a name, "=", a value. */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ka_config config;
    char line[KA_COMPLAINT_SIZE], *text = malloc(size + 1);
    size_t name_len;

    memcpy(text, data, size);
    text[size] = '\0';
    name_len = strcspn(text, "=");
    ka_config_defaults(&config);
    if (text[name_len] &&
        ka_config_set(&config, text, name_len, text + name_len + 1) == KA_REFUSED) {
        size_t len =
            ka_config_complain(line, sizeof line, text, name_len, text + name_len + 1);

        assert(len <= sizeof line && line[len - 1] == '\n');
    }
    assert(config.idle >= 1 && config.idle <= KA_MAX_SECONDS);
    assert(config.intvl >= KA_INTVL_AUTO && config.intvl <= KA_MAX_SECONDS);
    assert(config.cnt >= 1 && config.cnt <= KA_MAX_CNT);
    assert(ka_config_user_timeout_ms(&config) >= 0);
    free(text);
    return 0;
}
