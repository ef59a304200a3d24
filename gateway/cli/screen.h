/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal that shows one picture after the other, on a page of its own. */
#ifndef SENSORGW_GATEWAY_CLI_SCREEN_H
#define SENSORGW_GATEWAY_CLI_SCREEN_H

/* On standard output, which is a terminal. screen_close() gives the terminal back as it was. */
void screen_open(void);
void screen_close(void);

/* Draws `body` and below it `foot`, lines of text each, cut to the width of the terminal. What does
 * not fit into its height is left out at the end of `body`, and said. */
void screen_draw(const char *body, const char *foot);

#endif
