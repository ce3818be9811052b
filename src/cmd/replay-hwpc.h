/* SPDX-License-Identifier: Apache-2.0
 *
 * A recording as HWPC reports, for PowerAPI's formulas.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Write the reports of so many ticks to standard output, a JSON document a line, each as soon as
 * it is there to be read: 0 or a negative errno with a message; what was whole before is
 * written. */
int jk_replay_hwpc(const char *path, uint64_t ticks, struct jk_error *err);
