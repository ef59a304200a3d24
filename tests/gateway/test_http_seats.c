/* SPDX-License-Identifier: Apache-2.0 */
/* Who loses a seat, on sockets without a server. */
#include "gateway/http/seats.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define HALF (SEATS / 2)

struct room {
    struct seats *seats;
    struct {
        int here, there; /* two ends of a connection */
        struct seat *seat;
    } guests[SEATS_ROOM];
    size_t count;
};

static int setup(void **state)
{
    static struct room r;

    r = (struct room){0};
    clock_fake(US_PER_DAY, US_PER_DAY);
    *state = &r;
    return seats_create(&r.seats) != GW_OK;
}

static void leave(struct room *r, size_t i)
{
    seats_leave(r->seats, r->guests[i].seat);
    r->guests[i].seat = NULL;
    close(r->guests[i].here);
    close(r->guests[i].there);
    r->guests[i].there = -1; /* poll() passes over it */
}

static int teardown(void **state)
{
    struct room *r = *state;

    for (size_t i = 0; i < r->count; i++) {
        if (r->guests[i].seat)
            leave(r, i);
    }
    seats_destroy(r->seats);
    clock_fake_stop();
    return 0;
}

/* One more from that address, a millisecond after the last; its number. */
static size_t come(struct room *r, const char *address)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    size_t i = r->count++;
    int pair[2];

    assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    clock_fake_advance(US_PER_MS);
    r->guests[i].here = pair[0];
    r->guests[i].there = pair[1];
    r->guests[i].seat = seats_take(r->seats, pair[0], (struct sockaddr *)&from);
    return i;
}

static void come_many(struct room *r, const char *address, size_t n)
{
    for (size_t i = 0; i < n; i++)
        come(r, address);
}

static void set(struct room *r, size_t i, enum seat_phase phase)
{
    seats_set_phase(r->seats, r->guests[i].seat, phase);
}

static bool is_cut(const struct room *r, size_t i)
{
    struct pollfd at = {.fd = r->guests[i].there, .events = POLLRDHUP};

    return poll(&at, 1, 0) == 1;
}

static size_t count_cut(const struct room *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->count; i++)
        n += is_cut(r, i);
    return n;
}

static void each_phase_has_its_time(void **state)
{
    static const struct {
        const char *name;
        enum seat_phase phase;
        int64_t limit_us; /* 0: none */
    } cases[] = {
        {"a request that arrives", SEAT_ARRIVING, SEATS_ARRIVE_US},
        {"a rest and the next request", SEAT_RESTING, SEATS_REST_US},
        {"an answer", SEAT_ANSWERING, SEATS_ANSWER_US},
        {"a stream", SEAT_STREAMING, 0},
    };
    struct room *r = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t guest = come(r, "10.0.0.1");
        int64_t limit = cases[i].limit_us ? cases[i].limit_us : US_PER_DAY;
        set(r, guest, cases[i].phase);
        size_t early = seats_sweep(r->seats, clock_mono_us() + limit - 1);
        size_t late = seats_sweep(r->seats, clock_mono_us() + limit);
        if (early != 0 || late != (cases[i].limit_us > 0) || is_cut(r, guest) != (late > 0))
            fail_msg("%s: %zu and %zu", cases[i].name, early, late);
        leave(r, guest);
    }
}

static void a_byte_now_and_then_buys_no_time(void **state)
{
    struct room *r = *state;
    size_t slow = come(r, "10.0.0.1");

    for (int i = 0; i < 9; i++) {
        clock_fake_advance(US_PER_SECOND);
        assert_int_equal(write(r->guests[slow].there, "x", 1), 1);
        assert_int_equal(seats_sweep(r->seats, clock_mono_us()), 0);
    }
    clock_fake_advance(US_PER_SECOND);
    assert_int_equal(seats_sweep(r->seats, clock_mono_us()), 1);
    assert_int_equal(seats_sweep(r->seats, clock_mono_us()), 0); /* once is enough */
}

static void nobody_is_cut_off_while_there_are_seats(void **state)
{
    struct room *r = *state;

    come_many(r, "10.0.0.1", SEATS);
    assert_int_equal(count_cut(r), 0);
    leave(r, 7);
    come(r, "10.0.0.1");
    assert_int_equal(count_cut(r), 0);
}

static void the_address_that_has_most_gives_up_its_oldest(void **state)
{
    struct room *r = *state;
    size_t old = come(r, "10.0.0.9"); /* older than all of the flood */

    come_many(r, "10.0.0.1", SEATS - 1);
    size_t newcomer = come(r, "10.0.0.2");
    assert_int_equal(count_cut(r), 1);
    assert_true(is_cut(r, 1));
    assert_false(is_cut(r, old));
    assert_false(is_cut(r, newcomer));
}

static void a_flood_of_any_length_leaves_the_others_alone(void **state)
{
    struct room *r = *state;
    size_t other = come(r, "10.0.0.9");

    come_many(r, "10.0.0.1", SEATS_ROOM - 1);
    assert_int_equal(count_cut(r), SEATS_ROOM - SEATS);
    assert_false(is_cut(r, other));
    assert_null(seats_take(r->seats, r->guests[other].here, NULL)); /* nobody has left yet */
}

static void what_is_under_way_goes_last(void **state)
{
    struct room *r = *state;

    for (size_t i = 0; i < SEATS; i++) { /* the oldest are streams, then answers, then rests */
        come(r, "127.0.0.1");
        set(r, i, i < 12 ? SEAT_STREAMING : i < HALF ? SEAT_ANSWERING : SEAT_RESTING);
    }
    for (size_t i = HALF; i < SEATS; i++) {
        set(r, come(r, "127.0.0.1"), SEAT_STREAMING);
        assert_true(is_cut(r, i));
        assert_int_equal(count_cut(r), i - HALF + 1);
    }
    come(r, "127.0.0.1"); /* now the oldest answer */
    assert_true(is_cut(r, 12));
    assert_false(is_cut(r, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_phase_has_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_byte_now_and_then_buys_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_is_cut_off_while_there_are_seats, setup, teardown),
        cmocka_unit_test_setup_teardown(the_address_that_has_most_gives_up_its_oldest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_any_length_leaves_the_others_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_under_way_goes_last, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
