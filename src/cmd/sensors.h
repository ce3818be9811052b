/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports from sensors that connect, until a signal says that it is enough.
 */
#pragma once

#include "hwpc/reader.h"

struct jk_sensors {
        struct jk_hwpc_reader *reader;
        int stop_fd;    /* a signalfd; -1: not open */
        int port;       /* that sensors may connect to */
        bool is_public; /* not on a loopback address: others than this machine can connect */
};

/* Listen at "ADDR:PORT"; SIGINT and SIGTERM end what the reader reads, and nothing else from now
 * on, also in threads that are begun later. 0 or a negative errno with a message; to be closed in
 * any case. */
int jk_sensors_open(const char *listen, struct jk_hwpc_names *names, struct jk_sensors *sensors,
                    struct jk_error *err);
void jk_sensors_close(struct jk_sensors *sensors);

/* Say on stderr that sensors are awaited, and who can pass for one. */
void jk_sensors_tell(const struct jk_sensors *sensors, const char *command);
