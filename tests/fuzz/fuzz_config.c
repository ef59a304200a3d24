/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration as a text: what is wrong is said, and what is right can be used. */
#include "tests/config/fixture.h"
#include "tests/fuzz/fuzz.h"

static void require_sensors(const struct config *c)
{
    for (size_t i = 0; i < c->source_count; i++) {
        for (size_t d = 0; d < c->sources[i].device_count; d++) {
            const struct device_config *device = &c->sources[i].devices[d];
            for (size_t k = 0; k < device->sensor_count; k++)
                require(device->sensors[k].name && device->sensors[k].unit);
        }
    }
}

/* A text that names a file would read it: what it then finds is not the parser's doing. */
static int names_a_file(const char *text)
{
    return strstr(text, "_file") || strstr(text, "template_dir");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct config_errors errors = {0};
    char *text = malloc(size + 1);

    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (names_a_file(text)) {
        free(text);
        return -1;
    }
    enum gw_err err =
        config_parse("/nowhere/t.yaml", text, size, fixture_drivers, 2, &config, &errors);
    if (err == GW_OK) {
        require(errors.count == 0);
        require_sensors(config);
        config_free(config);
    } else {
        require(!config);
        require(err != GW_ECONFIG || errors.count > 0);
    }
    config_errors_free(&errors);
    free(text);
    return 0;
}
