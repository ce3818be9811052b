/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling the service manager how we are: the protocol of sd_notify(3), which is one datagram of
 * text to the socket named in NOTIFY_SOCKET. Spoken directly: libsystemd would cost a library for
 * the thirty lines.
 */
#pragma once

#include <stdint.h>

/* Send "READY=1\nSTATUS=…". 0 if nobody asks to be told (or it was sent), else a negative errno. */
int jk_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "RELOADING=1" with the time that systemd wants beside it (Type=notify-reload). */
int jk_notify_reloading(void);

/* How often the manager wants to hear "WATCHDOG=1", at the latest, in ns; 0: not at all. */
int64_t jk_notify_watchdog_ns(void);
