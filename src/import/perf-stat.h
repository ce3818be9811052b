/* SPDX-License-Identifier: Apache-2.0
 *
 * What `perf stat -I TIME -x,` prints, to observations: RAPL's energy to zones, counts to the
 * features of the machine, of cgroups (--for-each-cgroup) or of threads (--per-thread).
 */
#pragma once

#include <stdio.h>

#include "import/observations.h"

int jk_perf_stat_read(struct jk_observations *seen, FILE *file, const char *name, char separator,
                      struct jk_error *err);
