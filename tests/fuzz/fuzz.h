/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz target is made of: LLVMFuzzerTestOneInput(), called by libFuzzer, or by replay.c for
 * each file of the corpus. A finding is a crash: a sanitizer's, or that of require(). */
#ifndef SENSORGW_TESTS_FUZZ_FUZZ_H
#define SENSORGW_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() that a release build keeps. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Takes bytes from the input's front; 0 when there are none left. */
static inline uint8_t take_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    (*size)--;
    return *(*data)++;
}

static inline unsigned take_word(const uint8_t **data, size_t *size)
{
    unsigned high = take_byte(data, size);

    return high << 8 | take_byte(data, size);
}

#endif
