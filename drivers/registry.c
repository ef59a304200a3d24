/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the drivers of registry.def known: one line there is all that a driver needs. */
#include "drivers/driver.h"

#include <string.h>

#define DRIVER(name) extern const struct driver driver_##name;
#include "drivers/registry.def"
#undef DRIVER

static const struct driver *const drivers[] = {
#define DRIVER(name) &driver_##name,
#include "drivers/registry.def"
#undef DRIVER
};

static const struct driver_schema *const schemas[] = {
#define DRIVER(name) &driver_##name.schema,
#include "drivers/registry.def"
#undef DRIVER
};

const struct driver *const *driver_all(size_t *count)
{
    *count = sizeof(drivers) / sizeof(drivers[0]);
    return drivers;
}

const struct driver_schema *const *driver_schemas(size_t *count)
{
    *count = sizeof(schemas) / sizeof(schemas[0]);
    return schemas;
}

const struct driver *driver_find(const char *name)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (strcmp(drivers[i]->schema.name, name) == 0)
            return drivers[i];
    }
    return NULL;
}
