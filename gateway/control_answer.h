/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSORGW_GATEWAY_CONTROL_ANSWER_H
#define SENSORGW_GATEWAY_CONTROL_ANSWER_H

#include "gateway/control.h"

#include <stdio.h>

/* Answers one request, which it cuts into words. Waits for a line's thread for some seconds at
 * most. The control thread. */
void control_answer(const struct control_options *o, char *request, FILE *answer);

#endif
