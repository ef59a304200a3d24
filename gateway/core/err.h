/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes of the whole program. A foreign error (errno, SQLite, libmodbus, Paho) is logged
 * once, with its own text, where it is translated into one of these; above that only the code
 * travels. */
#ifndef SENSORGW_CORE_ERR_H
#define SENSORGW_CORE_ERR_H

#define GW_ERRORS(X)                                                                               \
    X(GW_OK, "success")                                                                            \
    X(GW_ENOMEM, "out of memory")                                                                  \
    X(GW_EINVAL, "invalid argument")                                                               \
    X(GW_ETIMEDOUT, "timed out")                                                                   \
    X(GW_ECLOSED, "closed")                                                                        \
    X(GW_EFULL, "full")                                                                            \
    X(GW_ENOENT, "not found")                                                                      \
    X(GW_EEXIST, "exists already")                                                                 \
    X(GW_EBUSY, "in use by another")                                                               \
    X(GW_EACCES, "not permitted")                                                                  \
    X(GW_EIO, "input/output error")                                                                \
    X(GW_ENOSPC, "no space left")                                                                  \
    X(GW_ECONN, "connection failed or lost")                                                       \
    X(GW_EPROTO, "protocol violated")                                                              \
    X(GW_EREFUSED, "refused by the other side")                                                    \
    X(GW_ECORRUPT, "data is damaged")                                                              \
    X(GW_ENOTDB, "no SQLite file")                                                                 \
    X(GW_EFOREIGN, "a SQLite file of another program")                                             \
    X(GW_ECONFIG, "configuration is not valid")                                                    \
    X(GW_ESYS, "system call failed")

enum gw_err {
#define X(code, text) code,
    GW_ERRORS(X)
#undef X
        GW_ERR_COUNT
};

/* A short English text, static; "unknown error" for a code outside the list. Any thread. */
const char *gw_strerror(enum gw_err err);

#endif
