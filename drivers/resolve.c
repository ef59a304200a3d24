/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/resolve.h"

#include "gateway/core/clock.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLICE_US (100 * US_PER_MS)
#define KNOWN_US (500 * US_PER_MS)

/* One for each name that was ever asked for: a thread that hangs in the resolver may still write to
 * it when nobody waits any more, so it is never freed. */
struct name {
    struct name *next;
    struct resolved known; /* the newest answer; count 0: never one */
    bool asked;            /* a thread is at it */
    bool exists;           /* the last answer was not "unknown" */
    char host[];
};

static struct {
    pthread_mutex_t lock;
    struct name *names; /* guarded by lock, like all that it leads to but `host` and `next` */
} names = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool look_up(const char *host, int flags, struct resolved *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list;

    out->count = 0;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    for (const struct addrinfo *a = list; a && out->count < RESOLVE_ADDRESSES_MAX; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, out->addresses[out->count], RESOLVE_ADDRESS_SIZE,
                        NULL, 0, NI_NUMERICHOST) == 0)
            out->count++;
    }
    freeaddrinfo(list);
    return out->count > 0;
}

static void *ask(void *arg)
{
    struct name *n = arg;
    struct resolved answer;
    bool exists = look_up(n->host, 0, &answer);

    pthread_mutex_lock(&names.lock);
    if (exists)
        n->known = answer;
    n->exists = exists;
    n->asked = false;
    pthread_mutex_unlock(&names.lock);
    return NULL;
}

/* Detached: nobody can be made to wait for its end. */
static bool start_locked(struct name *n)
{
    pthread_attr_t detached;
    pthread_t thread;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    n->asked = pthread_create(&thread, &detached, ask, n) == 0;
    pthread_attr_destroy(&detached);
    if (n->asked)
        pthread_setname_np(thread, "resolver");
    return n->asked;
}

static struct name *find_locked(const char *host)
{
    struct name *n = names.names;

    while (n && strcmp(n->host, host) != 0)
        n = n->next;
    if (n)
        return n;
    size_t size = strlen(host) + 1;
    n = calloc(1, sizeof(*n) + size);
    if (n) {
        memcpy(n->host, host, size);
        n->next = names.names;
        names.names = n;
    }
    return n;
}

static bool answered(const struct name *n)
{
    pthread_mutex_lock(&names.lock);
    bool asked = n->asked;
    pthread_mutex_unlock(&names.lock);
    return !asked;
}

static enum gw_err wait_for(const struct name *n, int64_t timeout_us, bool (*stopping)(void *),
                            void *arg)
{
    int64_t deadline = clock_mono_us() + timeout_us;
    int64_t pause = US_PER_MS; /* most names are known within some */

    while (!answered(n)) {
        int64_t left = deadline - clock_mono_us();
        if (stopping(arg))
            return GW_ECLOSED;
        if (left <= 0)
            return GW_ETIMEDOUT;
        clock_sleep_us(left < pause ? left : pause);
        pause = pause < SLICE_US / 2 ? pause * 2 : SLICE_US;
    }
    return GW_OK;
}

enum gw_err resolve_host(const char *host, int64_t timeout_us, bool (*stopping)(void *), void *arg,
                         struct resolved *out)
{
    if (look_up(host, AI_NUMERICHOST, out))
        return GW_OK;
    pthread_mutex_lock(&names.lock);
    struct name *n = find_locked(host);
    bool ok = n && (n->asked || start_locked(n));
    bool known = n && n->known.count > 0;
    pthread_mutex_unlock(&names.lock);
    if (!ok)
        return GW_ENOMEM;
    enum gw_err err =
        wait_for(n, known && timeout_us > KNOWN_US ? KNOWN_US : timeout_us, stopping, arg);
    if (err == GW_ECLOSED)
        return err;
    pthread_mutex_lock(&names.lock);
    if (err == GW_OK && !n->exists)
        err = GW_ENOENT;
    if (n->known.count > 0) {
        *out = n->known;
        err = GW_OK;
    }
    pthread_mutex_unlock(&names.lock);
    return err;
}
