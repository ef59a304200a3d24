/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting off is a shutdown() of the socket: the library then finds it at its end, and closes it in
 * the thread that has it. It never waits, so it may be done with the lock held; and it must, for
 * without the lock the descriptor may be another connection's by then. */
#include "gateway/http/seats.h"

#include "gateway/core/log.h"
#include "gateway/core/thread.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US US_PER_SECOND

struct seat {
    bool is_taken, is_cut; /* cut off: no longer counts */
    int fd;
    enum seat_phase phase;
    int64_t since_us; /* when the phase began */
    struct in6_addr address;
};

struct seats {
    struct thread thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    struct seat seats[SEATS_ROOM];
    size_t taken, live; /* live: and not cut off */
    bool closing;
};

/* An IPv4 address stands in the last four bytes. */
static struct in6_addr address_of(const struct sockaddr *from)
{
    struct in6_addr address = IN6ADDR_ANY_INIT;

    if (from && from->sa_family == AF_INET6)
        memcpy(&address, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    else if (from && from->sa_family == AF_INET)
        memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)(const void *)from)->sin_addr,
               4);
    return address;
}

static void cut_off_locked(struct seats *s, struct seat *seat)
{
    seat->is_cut = true;
    s->live--;
    shutdown(seat->fd, SHUT_RDWR);
}

/* --- making room --- */

static bool may_be_cut(const struct seat *seat)
{
    return seat->is_taken && !seat->is_cut && seat->phase != SEAT_STREAMING;
}

static size_t count_of_locked(const struct seats *s, const struct in6_addr *address)
{
    size_t n = 0;

    for (size_t i = 0; i < SEATS_ROOM; i++) {
        const struct seat *seat = &s->seats[i];
        n += seat->is_taken && !seat->is_cut &&
             memcmp(&seat->address, address, sizeof(*address)) == 0;
    }
    return n;
}

/* A rest is worth less than a request, and that less than an answer that is under way. */
static bool is_worth_less(const struct seat *a, const struct seat *b)
{
    bool a_is_answered = a->phase == SEAT_ANSWERING, b_is_answered = b->phase == SEAT_ANSWERING;

    return a_is_answered != b_is_answered ? b_is_answered : a->since_us < b->since_us;
}

static void make_room_locked(struct seats *s, const struct seat *newcomer)
{
    struct seat *worst = NULL;
    size_t most = 0;

    for (size_t i = 0; i < SEATS_ROOM; i++) {
        struct seat *seat = &s->seats[i];
        if (seat == newcomer || !may_be_cut(seat))
            continue;
        size_t n = count_of_locked(s, &seat->address);
        if (!worst || n > most || (n == most && is_worth_less(seat, worst))) {
            worst = seat;
            most = n;
        }
    }
    if (worst)
        cut_off_locked(s, worst);
}

/* --- coming and going --- */

static struct seat *free_seat_locked(struct seats *s)
{
    for (size_t i = 0; i < SEATS_ROOM; i++) {
        if (!s->seats[i].is_taken)
            return &s->seats[i];
    }
    return NULL;
}

struct seat *seats_take(struct seats *s, int fd, const struct sockaddr *address)
{
    pthread_mutex_lock(&s->lock);
    struct seat *seat = free_seat_locked(s);
    if (seat) {
        *seat = (struct seat){.is_taken = true,
                              .fd = fd,
                              .since_us = clock_mono_us(),
                              .address = address_of(address)};
        if (s->taken++ == 0)
            pthread_cond_signal(&s->changed);
        if (++s->live > SEATS)
            make_room_locked(s, seat);
    }
    pthread_mutex_unlock(&s->lock);
    return seat;
}

void seats_leave(struct seats *s, struct seat *seat)
{
    if (!seat)
        return;
    pthread_mutex_lock(&s->lock);
    s->live -= !seat->is_cut;
    s->taken--;
    seat->is_taken = false;
    pthread_mutex_unlock(&s->lock);
}

void seats_set_phase(struct seats *s, struct seat *seat, enum seat_phase phase)
{
    if (!seat)
        return;
    pthread_mutex_lock(&s->lock);
    seat->phase = phase;
    seat->since_us = clock_mono_us();
    pthread_mutex_unlock(&s->lock);
}

/* --- the thread --- */

static bool is_overdue(const struct seat *seat, int64_t now_us)
{
    static const int64_t limits[] = {[SEAT_ARRIVING] = SEATS_ARRIVE_US,
                                     [SEAT_RESTING] = SEATS_REST_US,
                                     [SEAT_ANSWERING] = SEATS_ANSWER_US,
                                     [SEAT_STREAMING] = INT64_MAX};

    return now_us - seat->since_us >= limits[seat->phase];
}

size_t seats_sweep(struct seats *s, int64_t now_us)
{
    size_t n = 0;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < SEATS_ROOM && s->taken > 0; i++) {
        if (may_be_cut(&s->seats[i]) && is_overdue(&s->seats[i], now_us)) {
            cut_off_locked(s, &s->seats[i]);
            n++;
        }
    }
    pthread_mutex_unlock(&s->lock);
    if (n > 0)
        log_debug("http: %zu connections took too long", n);
    return n;
}

/* Sleeps while nobody is connected. False: it is over. */
static bool wait_a_while(struct seats *s)
{
    struct timespec until = clock_deadline(TICK_US);
    int waited = 0;

    pthread_mutex_lock(&s->lock);
    while (!s->closing && waited != ETIMEDOUT)
        waited = s->taken > 0 ? pthread_cond_timedwait(&s->changed, &s->lock, &until)
                              : pthread_cond_wait(&s->changed, &s->lock);
    bool go_on = !s->closing;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

static void run(void *arg)
{
    struct seats *s = arg;

    while (wait_a_while(s))
        seats_sweep(s, clock_mono_us());
}

enum gw_err seats_create(struct seats **out)
{
    struct seats *s = calloc(1, sizeof(*s));

    if (!s)
        return GW_ENOMEM;
    pthread_mutex_init(&s->lock, NULL);
    cond_init_monotonic(&s->changed);
    if (thread_start(&s->thread, "http-seats", run, s) != GW_OK) {
        seats_destroy(s);
        return GW_ESYS;
    }
    *out = s;
    return GW_OK;
}

void seats_destroy(struct seats *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    thread_join(&s->thread);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
