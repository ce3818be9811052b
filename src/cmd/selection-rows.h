/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings to rows for event selection: per tick what was counted of all tasks and what a zone
 * drew.
 */
#pragma once

#include "base/error.h"
#include "model/select.h"
#include "sample/zone.h"

struct jk_recorded_rows {
        const char *zone; /* in: a zone's name, or a kind, whose zones are added up */

        enum jk_zone_kind kind;
        bool by_name;
        int package; /* whose counts are looked at besides those of all CPUs, or -1 */
        size_t n_counts;
        struct jk_count counts[JK_COUNTS_MAX];
        size_t n, x_capacity, y_capacity;
        double *x, *y;   /* as jk_selection_rows has them */
        size_t left_out; /* ticks in which something was not seen */
        const char *cut; /* the latest recording that ends within a tick, or NULL */
        char cpu[128];   /* as the first recording says */
};

/* 0, or a negative errno with a message. The caller frees in either case. */
int jk_recorded_rows_read(struct jk_recorded_rows *rows, const char *const *paths, size_t n_paths,
                          struct jk_error *err);

/* Power of the zone in a tick, or of all zones of the kind: false if one was not read. Sets what is
 * known of the zone. */
bool jk_recorded_rows_power(struct jk_recorded_rows *rows, const struct jk_sample *sample,
                            double *ret_power_w);

void jk_recorded_rows_free(struct jk_recorded_rows *rows);
