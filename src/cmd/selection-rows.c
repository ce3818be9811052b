/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings to rows: see selection-rows.h.
 */
#include "cmd/selection-rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/units.h"
#include "model/load.h"
#include "record/recording.h"

void
jk_recorded_rows_free(struct jk_recorded_rows *rows)
{
        free(rows->x);
        free(rows->y);
        rows->x = rows->y = NULL;
}

bool
jk_recorded_rows_power(struct jk_recorded_rows *rows, const struct jk_sample *sample,
                       double *ret_power_w)
{
        const struct jk_zone_table *table = sample->zones;
        double power_w = 0;
        size_t n = 0;

        for (size_t i = 0; i < table->count; i++) {
                const struct jk_zone *zone = &table->zones[i];
                const struct jk_zone_reading *reading = &sample->readings[i];
                bool by_name = strcmp(zone->name, rows->zone) == 0;

                if (!by_name && strcmp(jk_zone_kind_name(zone->kind), rows->zone) != 0)
                        continue;
                if (!(reading->flags & JK_READING_SEEN) || reading->elapsed_ns <= 0 ||
                    jk_sample_has_gap(sample, i))
                        return false;
                power_w += jk_power_w(reading->energy_uj, reading->elapsed_ns);
                rows->kind = zone->kind;
                rows->by_name = by_name;
                n++;
        }
        rows->package = jk_zone_only_package(table, rows->kind);
        *ret_power_w = power_w;
        return n > 0;
}

/* What the first tick that has something counts is what is chosen from. */
static bool
find_counts(struct jk_recorded_rows *rows, const struct jk_sample *sample,
            struct jk_count ret_counts[JK_COUNTS_MAX])
{
        if (rows->n_counts == 0)
                rows->n_counts = jk_count_list(sample, rows->package, rows->counts);
        for (size_t i = 0; i < rows->n_counts; i++)
                if (jk_count_find(sample, rows->counts[i].name, rows->package, &ret_counts[i]) < 0)
                        return false;

        return rows->n_counts > 0;
}

static int
add_row(struct jk_recorded_rows *rows, const struct jk_sample *sample,
        const struct jk_count *counts, double power_w)
{
        double elapsed_s = (double)sample->elapsed_ns / 1e9;
        struct jk_load load = jk_load_of(sample);
        double *x;

        if (jk_array_grow(&rows->x, &rows->x_capacity, (rows->n + 1) * rows->n_counts) < 0 ||
            jk_array_grow(&rows->y, &rows->y_capacity, rows->n + 1) < 0)
                return -ENOMEM;

        x = rows->x + rows->n * rows->n_counts;
        for (size_t i = 0; i < rows->n_counts; i++)
                x[i] = jk_load_with_interrupts(&load) * jk_count_sum(&counts[i], sample) /
                       elapsed_s;
        rows->y[rows->n++] = power_w;
        return 0;
}

static int
take(struct jk_recorded_rows *rows, const struct jk_sample *sample)
{
        struct jk_count counts[JK_COUNTS_MAX];
        double power_w;

        if (!(sample->flags & JK_SAMPLE_TASKS) || sample->elapsed_ns <= 0 ||
            (sample->flags & (JK_SAMPLE_FIRST | JK_SAMPLE_SUSPENDED)))
                return 0;
        if (!jk_recorded_rows_power(rows, sample, &power_w) || !find_counts(rows, sample, counts)) {
                rows->left_out++;
                return 0;
        }
        return add_row(rows, sample, counts, power_w);
}

static int
read_one(struct jk_recorded_rows *rows, const char *path, struct jk_error *err)
{
        struct jk_sample sample = { 0 };
        struct jk_reader *reader;
        size_t before = rows->n;
        int r = jk_reader_open(path, &reader, err);

        if (r < 0)
                return r;
        if (!rows->cpu[0])
                memcpy(rows->cpu, jk_reader_about(reader)->cpu, sizeof rows->cpu);
        while ((r = jk_reader_next(reader, &sample, err)) > 0) {
                r = take(rows, &sample);
                if (r < 0) {
                        jk_fail(err, r, "out of memory");
                        break;
                }
        }
        if (r == 0 && jk_reader_is_cut(reader))
                rows->cut = path;
        if (r == 0 && rows->n == before)
                r = jk_fail(err, ENODATA,
                            "%s: in no tick zone %s was read and all was counted that is counted "
                            "before",
                            path, rows->zone);
        jk_sample_free(&sample);
        jk_reader_close(reader);
        return r;
}

int
jk_recorded_rows_read(struct jk_recorded_rows *rows, const char *const *paths, size_t n_paths,
                      struct jk_error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n_paths; i++)
                r = read_one(rows, paths[i], err);
        return r;
}
