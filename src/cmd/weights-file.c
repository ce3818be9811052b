/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of events to a model file: see weights-file.h.
 */
#include "cmd/weights-file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void
add_feature(struct jk_model_file *file, const struct jk_found_weights *found, size_t i)
{
        struct jk_model_feature *feature = &file->features[file->n_features++];

        *feature = (struct jk_model_feature){
                .weight = found->weights[i],
                .minimum = found->minimum[i],
                .maximum = found->maximum[i],
        };
        memcpy(feature->name, found->counts[i].name, sizeof feature->name);
        snprintf(feature->unit, sizeof feature->unit, "%s", jk_count_unit(feature->name));
}

static void
set_date(char *ret_date, size_t size)
{
        time_t now = time(NULL);
        struct tm tm;

        if (gmtime_r(&now, &tm))
                strftime(ret_date, size, "%Y-%m-%d", &tm);
}

int
jk_found_weights_save(const struct jk_found_weights *found, const char *path, struct jk_error *err)
{
        struct jk_model_file file;

        jk_model_file_init(&file);
        file.kind = JK_MODEL_EVENTS;
        snprintf(file.name, sizeof file.name, "events-%s", jk_zone_kind_name(found->zone));
        snprintf(file.summary, sizeof file.summary, "event weights of this machine's %s",
                 jk_zone_kind_name(found->zone));
        file.zone = found->zone;
        file.per = found->per;
        file.idle_w = found->idle_w;
        file.n_features = 0;
        for (size_t i = 0; i < found->n_counts; i++)
                if (found->weights[i] > 0)
                        add_feature(&file, found, i);

        file.cpu = found->cpu;
        snprintf(file.provenance.program, sizeof file.provenance.program,
                 "joulekeeper " JK_VERSION);
        snprintf(file.provenance.method, sizeof file.provenance.method, "%s", found->method);
        snprintf(file.provenance.source, sizeof file.provenance.source, "%s", found->source);
        set_date(file.provenance.date, sizeof file.provenance.date);
        file.error.mae_w = found->mae_w;
        file.error.mape_pct = found->mape_pct;
        file.error.n = found->n;
        snprintf(file.error.method, sizeof file.error.method, "%s", found->held_out);
        return jk_model_file_save(&file, path, err);
}
