/* SPDX-License-Identifier: Apache-2.0 */
/* Paho neither sets TCP_NODELAY nor tells its socket. Without it, an alert that follows the
 * acknowledgement of a message waits for the broker's delayed ACK: 40 ms. */
#ifndef SENSORGW_DRIVERS_MQTT_NODELAY_H
#define SENSORGW_DRIVERS_MQTT_NODELAY_H

/* Sets TCP_NODELAY (tcp(7)) on each TCP connection of this process to that port; harmless to any
 * other that happens to match. Returns how many there are. */
int nodelay_set(int port);

#endif
