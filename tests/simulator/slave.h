/* SPDX-License-Identifier: Apache-2.0 */
/* The part that Modbus slaves on TCP and on a serial line share: libmodbus makes the answer, and a
 * fault may spoil it on its way. Belongs to one thread, but for the count. */
#ifndef SENSORGW_TESTS_SIMULATOR_SLAVE_H
#define SENSORGW_TESTS_SIMULATOR_SLAVE_H

#include <modbus.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SLAVE_LATE_MAX 64 /* answers that wait at the same time */

struct slave_late {
    int64_t due_us; /* monotonic */
    int fd;
    int length;
    uint8_t frame[MODBUS_TCP_MAX_ADU_LENGTH];
};

struct slave {
    modbus_t *ctx;
    modbus_mapping_t *map;
    int tap[2]; /* an answer that is to be spoilt goes through here */
    bool rtu;
    struct slave_late late[SLAVE_LATE_MAX];
    int late_count;
    atomic_uint requests; /* any thread */
};

bool slave_init(struct slave *s, bool rtu);
void slave_fini(struct slave *s);

/* Answers a request to fd. False: the connection is to be closed. */
bool slave_answer(struct slave *s, int fd, const uint8_t *request, int length);

/* Sends the late answers that are due, and says in how many ms the next one is: at most 50. */
int slave_send_late(struct slave *s);
/* Forgets what is late for this descriptor. */
void slave_forget(struct slave *s, int fd);

uint16_t slave_crc(const uint8_t *bytes, int n);

#endif
