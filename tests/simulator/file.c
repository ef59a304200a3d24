/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/sim.h"
#include "tests/simulator/wave.h"

#include "gateway/core/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define EVERY_US (100 * US_PER_MS)
#define SCRATCHPAD 9

/* A reader sees the old text or the new one, never half of it: as with the kernel's files. */
static bool replace(const char *path, const char *text)
{
    char beside[520];

    snprintf(beside, sizeof(beside), "%s.new", path);
    FILE *f = fopen(beside, "we");
    if (!f)
        return false;
    bool ok = fputs(text, f) >= 0;
    ok = fclose(f) == 0 && ok;
    return ok && rename(beside, path) == 0;
}

/* Dallas' x^8 + x^5 + x^4 + 1, least significant bit first (DS18B20 data sheet). */
static uint8_t crc8(const uint8_t *bytes, int n)
{
    uint8_t crc = 0;

    for (int i = 0; i < n * 8; i++) {
        uint8_t mix = (uint8_t)(crc ^ (bytes[i / 8] >> i % 8)) & 1;
        crc = (uint8_t)(crc >> 1 ^ (mix ? 0x8C : 0));
    }
    return crc;
}

/* A DS18B20's scratchpad: temperature in sixteenths of a degree in bytes 0 and 1, checksum in 8. */
static bool write_w1(const struct file_sensor *f)
{
    int sixteenths = (int)lround(wave_sine(21, 4, 0.5) * 16);
    uint8_t pad[SCRATCHPAD] = {
        (uint8_t)sixteenths, (uint8_t)(sixteenths >> 8), 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10};
    char hex[3 * SCRATCHPAD + 1], text[128];

    pad[8] = crc8(pad, 8);
    for (int i = 0; i < SCRATCHPAD; i++)
        snprintf(hex + 3 * i, 4, "%02x ", pad[i]);
    snprintf(text, sizeof(text), "%s: crc=%02x YES\n%st=%d\n", hex, pad[8], hex,
             sixteenths * 1000 / 16);
    return replace(f->w1, text);
}

static bool write_thermal(const struct file_sensor *f)
{
    char text[32];

    snprintf(text, sizeof(text), "%ld\n", lround(wave_ramp(40000, 80000, 0)));
    return replace(f->thermal, text);
}

static void run(void *arg)
{
    struct file_sensor *f = arg;

    while (!stop_flag_wait(&f->stop, EVERY_US)) {
        write_w1(f);
        write_thermal(f);
    }
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

bool file_start(struct file_sensor *f, const char *folder)
{
    char device[480], zone[480];

    stop_flag_init(&f->stop);
    snprintf(device, sizeof(device), "%s/28-000000000001", folder);
    snprintf(zone, sizeof(zone), "%s/thermal_zone0", folder);
    snprintf(f->w1, sizeof(f->w1), "%s/w1_slave", device);
    snprintf(f->thermal, sizeof(f->thermal), "%s/temp", zone);
    if (make_folder(folder) && make_folder(device) && make_folder(zone) && write_w1(f) &&
        write_thermal(f))
        return thread_start(&f->thread, "file", run, f) == GW_OK;
    fprintf(stderr, "sensorgw-sim: cannot write below %s: %s\n", folder, strerror(errno));
    return false;
}

void file_stop(struct file_sensor *f)
{
    stop_flag_raise(&f->stop);
    thread_join(&f->thread);
    stop_flag_fini(&f->stop);
}
