/* SPDX-License-Identifier: Apache-2.0 */
/* How sources do, as JSON: for the API and for the health topic. */
#ifndef SENSORGW_GATEWAY_SOURCE_JSON_H
#define SENSORGW_GATEWAY_SOURCE_JSON_H

#include "config/config.h"
#include "gateway/core/ledger.h"

#include <cjson/cJSON.h>

struct source;

/* An array with an object for each source: state, last error, units on its line, books. `sources`
 * in the order of config->sources; NULL, or a NULL in it: not running. Any thread. */
cJSON *sources_json(const struct config *config, struct source *const *sources,
                    const struct ledger *ledger);

#endif
