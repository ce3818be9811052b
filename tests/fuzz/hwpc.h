/* SPDX-License-Identifier: Apache-2.0
 *
 * What the harnesses of HWPC reports share: what every report and every estimate has to be.
 */
#pragma once

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <math.h>

#include "hwpc/reader.h"
#include "model/smartwatts-formula.h"

struct hwpc_fuzz {
        struct jk_hwpc_names names;
        struct jk_hwpc_report report;
        struct jk_smartwatts_formula *formula;
};

static inline void
hwpc_fuzz_power(void *data, const struct jk_smartwatts_power *power)
{
        (void)data;
        PROMISE(isfinite(power->power_w) && power->power_w >= 0);
        PROMISE(isfinite(power->ratio) && power->ratio >= 0);
        PROMISE(power->timestamp_ms > 0 && power->target[0] && power->sensor[0]);
}

static inline void
hwpc_fuzz_complain(void *data, enum jk_smartwatts_problem problem, const char *message)
{
        (void)data;
        PROMISE(problem < JK_SMARTWATTS_PROBLEM_MAX && message[0]);
}

/* Learning begins early, so that short inputs get there. */
static inline void
hwpc_fuzz_begin(struct hwpc_fuzz *fuzz)
{
        const struct jk_smartwatts_sink sink = { hwpc_fuzz_power, hwpc_fuzz_complain, NULL };
        struct jk_smartwatts_options options = jk_smartwatts_defaults;

        for (int scope = 0; scope < JK_SMARTWATTS_SCOPE_MAX; scope++) {
                options.learning[scope].min_samples = 1;
                options.learning[scope].history_window = 2;
                options.learning[scope].error_window = 2;
                options.learning[scope].error_threshold_w = 0;
        }
        *fuzz = (struct hwpc_fuzz){ 0 };
        PROMISE(jk_smartwatts_open(&options, &fuzz->names, &sink, &fuzz->formula, NULL) == 0);
}

static inline void
hwpc_fuzz_take(struct hwpc_fuzz *fuzz)
{
        const struct jk_hwpc_report *report = &fuzz->report;

        PROMISE(report->timestamp_ms > 0 && report->timestamp_ms <= JK_HWPC_TIMESTAMP_MAX_MS);
        PROMISE(report->sensor.length > 0 && report->target.length > 0);
        for (size_t i = 0; i < report->n_rows; i++) {
                PROMISE(report->rows[i].socket <= JK_HWPC_SOCKET_MAX);
                PROMISE(report->rows[i].cpu <= JK_HWPC_CPU_MAX);
                PROMISE(report->rows[i].first + (size_t)report->rows[i].n <= report->n_values);
                PROMISE(report->rows[i].group < fuzz->names.count);
        }
        for (size_t i = 0; i < report->n_values; i++) {
                PROMISE(report->values[i].count <= JK_HWPC_COUNT_MAX);
                PROMISE(report->values[i].event < fuzz->names.count);
        }
        PROMISE(jk_smartwatts_take(fuzz->formula, report) == 0);
}

static inline void
hwpc_fuzz_end(struct hwpc_fuzz *fuzz)
{
        PROMISE(jk_smartwatts_flush(fuzz->formula) == 0);
        jk_smartwatts_close(fuzz->formula);
        jk_hwpc_report_free(&fuzz->report);
        jk_hwpc_names_free(&fuzz->names);
}
