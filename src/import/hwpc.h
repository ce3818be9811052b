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

/* Once all are taken: only then is it known what the sensor means by the time that a counter was
 * enabled. */
int jk_hwpc_import_finish(struct jk_hwpc_import *import, struct jk_error *err);
