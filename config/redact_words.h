/* SPDX-License-Identifier: Apache-2.0 */
/* What redact.c and redact_yaml.c share. Nobody else includes it. */
#ifndef SENSORGW_CONFIG_REDACT_WORDS_H
#define SENSORGW_CONFIG_REDACT_WORDS_H

#include <stdbool.h>

/* Whether what bears that name may be a secret: "password", "mqttToken", "api_key", … */
bool redact_is_secret(const char *name);

#endif
