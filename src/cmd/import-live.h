/* SPDX-License-Identifier: Apache-2.0
 *
 * HWPC reports into a recording while a sensor sends them.
 */
#pragma once

#include "record/recording.h"

/* Listen at "ADDR:PORT" until SIGINT or SIGTERM, and record as about says, but for the interval,
 * which is the sensor's: 0, or a negative errno with a message. What was whole is recorded in any
 * case; nothing is left if nothing came. */
int jk_import_live(const char *listen, const char *output, struct jk_about *about,
                   struct jk_error *err);
