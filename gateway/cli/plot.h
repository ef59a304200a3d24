/* SPDX-License-Identifier: Apache-2.0 */
/* A line chart for a terminal, drawn with Braille dots: two columns and four rows of dots in a
 * character. */
#ifndef SENSORGW_GATEWAY_CLI_PLOT_H
#define SENSORGW_GATEWAY_CLI_PLOT_H

#include "gateway/core/err.h"

#include <stdint.h>
#include <stdio.h>

struct plot;

/* width and height in characters, without axes; times from since to until, UTC µs. */
enum gw_err plot_create(struct plot **out, int width, int height, int64_t since_us,
                        int64_t until_us);
/* Points outside the times are left out; min and max are joined by a vertical line (the same value
 * twice for a point). */
void plot_add(struct plot *p, int64_t time_us, double min, double max);
/* Says so in words when there were no points. */
void plot_print(struct plot *p, const char *title, FILE *f);
void plot_destroy(struct plot *p);

#endif
