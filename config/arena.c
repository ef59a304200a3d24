/* SPDX-License-Identifier: Apache-2.0 */
#include "config/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *blocks;
};

struct arena *arena_create(void)
{
    return calloc(1, sizeof(struct arena));
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void *arena_take(struct arena *a, size_t bytes)
{
    size_t size = (bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    struct block *b = a->blocks;

    if (!b || b->size - b->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        b = calloc(1, sizeof(*b) + room);
        if (!b) {
            fputs("sensorgw: out of memory while reading the configuration\n", stderr);
            abort();
        }
        b->size = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = b->bytes + b->used;
    b->used += size;
    return p;
}

char *arena_text(struct arena *a, const char *text, size_t length)
{
    char *copy = arena_take(a, length + 1);

    memcpy(copy, text, length);
    return copy;
}
