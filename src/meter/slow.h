/* SPDX-License-Identifier: Apache-2.0
 *
 * Meters whose readings may wait for a device (jk_meter_ops.slow): they are opened and read by a
 * thread of their own, and the tick waits for a while only. A meter that does not answer in time is
 * given up; it is closed when it comes back, and until then it cannot be opened again.
 */
#pragma once

#include "meter/meter.h"

struct jk_slow;

/* As ops->open(), and ops->read() of a meter that was opened so, which after -ETIMEDOUT is not the
 * caller's any more. *slow is made where it is NULL. */
int jk_slow_open(struct jk_slow **slow, const struct jk_meter_ops *ops,
                 const struct jk_meter_env *env, struct jk_meter **ret_meter, struct jk_error *err);
int jk_slow_read(struct jk_slow *slow, struct jk_meter *meter, struct jk_sample *sample,
                 struct jk_error *err);

void jk_slow_free(struct jk_slow *slow);
