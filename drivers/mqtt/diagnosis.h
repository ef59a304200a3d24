/* SPDX-License-Identifier: Apache-2.0 */
/* Why no connection to the broker came about. Paho only says that none did, so this looks by
 * itself, afterwards: at the files for TLS, at the host's name, and whether anything listens there
 * and speaks TLS. Waits, so never where data flows. */
#ifndef SENSORGW_DRIVERS_MQTT_DIAGNOSIS_H
#define SENSORGW_DRIVERS_MQTT_DIAGNOSIS_H

#include "config/config.h"

#include <stdbool.h>

#define DIAGNOSIS_SIZE 240

struct diagnosis {
    char text[DIAGNOSIS_SIZE]; /* what is wrong, one line */
    const char *hint;          /* what to do; static */
};

/* Waits 5 s at most, and not when stopping(arg) is true, which is asked every 100 ms. tls_reason:
 * of OpenSSL (tls.h), "" when it said nothing. */
void diagnose(const struct mqtt_section *m, const char *tls_reason, bool (*stopping)(void *arg),
              void *arg, struct diagnosis *out);

#endif
