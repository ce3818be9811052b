/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of PowerAPI's HWPC sensor, to observations: RAPL's energy of the target "all" to zones,
 * its APERF, MPERF and TSC to the frequency, and what other targets count to features and events of
 * tasks.
 */
#pragma once

#include "hwpc/reader.h"
#include "import/observations.h"

struct jk_hwpc_import;

/* Make ready to take reports into the observations, which it borrows as it does the names. */
int jk_hwpc_import_open(struct jk_observations *seen, struct jk_hwpc_names *names,
                        struct jk_hwpc_import **ret_import, struct jk_error *err);
void jk_hwpc_import_close(struct jk_hwpc_import *import);

/* Take all that a reader has, in order of time. */
int jk_hwpc_import_read(struct jk_hwpc_import *import, struct jk_hwpc_reader *reader,
                        struct jk_error *err);

/* Take the next one: 1; 0 at the end; or a negative errno, after which there may be others if the
 * observations are to leave out what is wrong. ret_time_ns: its time. */
int jk_hwpc_import_next(struct jk_hwpc_import *import, struct jk_hwpc_reader *reader,
                        int64_t *ret_time_ns, struct jk_error *err);

/* What was taken of times up to this one becomes observations, and no report of them may follow.
 * The first part has to hold a few times: only then is it known what the sensor means by the time
 * that a counter was enabled. */
int jk_hwpc_import_until(struct jk_hwpc_import *import, int64_t until_ns, struct jk_error *err);

/* How much memory waits for that, in counts. */
size_t jk_hwpc_import_waiting(const struct jk_hwpc_import *import);

/* Once all are taken: only then is it known what the sensor means by the time that a counter was
 * enabled. */
int jk_hwpc_import_finish(struct jk_hwpc_import *import, struct jk_error *err);
