/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model that is a program prints: its first line, and an answer for a tick with two zones
 * and three tasks.
 */
#include <math.h>

#include "model/program.h"
#include "tests/fuzz/fuzz.h"

static void
check_answer(const struct jk_sample *sample, const struct jk_answers *answers, size_t zone)
{
        const struct jk_answer *answer = &answers->zones[zone];
        double sum = answer->irq_weight + answer->softirq_weight;

        PROMISE(!answer->has_idle || (isfinite(answer->idle_w) && answer->idle_w >= 0));
        PROMISE(isnan(answer->idle_error_w) || answer->idle_error_w >= 0);
        PROMISE(isfinite(answer->uncertainty_pct) && answer->uncertainty_pct >= 0);
        PROMISE(isfinite(answer->expected_w) && answer->expected_w >= 0);
        if (!answer->has_weights)
                return;

        PROMISE(answer->row < answers->n_rows);
        for (size_t i = 0; i < sample->n_tasks; i++) {
                double weight = answers->weights[answer->row * sample->n_tasks + i];

                PROMISE(isfinite(weight) && weight >= 0);
                sum += weight;
        }
        PROMISE(isfinite(sum) && answer->irq_weight >= 0 && answer->softirq_weight >= 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct jk_zone_table zones = {
                .zones = { { .name = "package-0" }, { .name = "dram-0" } },
                .count = 2,
        };
        static struct jk_task_record tasks[] = { { .pid = 1 }, { .pid = 23 }, { .pid = 0 } };
        static struct jk_answers answers;
        struct jk_sample sample = {
                .sequence = 7,
                .zones = &zones,
                .readings = { { 1000000, 1000000000, JK_READING_SEEN } },
                .tasks = tasks,
                .n_tasks = 3,
        };
        struct jk_error err = { "" };
        char *line = fuzz_string(data, size);
        int r = jk_program_parse_greeting(line, size, &err);

        PROMISE(r == 0 || (r == -EBADMSG && err.message[0]));
        err.message[0] = '\0';
        r = jk_program_parse_answer(line, size, &sample, &answers, &err);
        PROMISE(r == 0 || (r == -EBADMSG && err.message[0]));
        for (size_t zone = 0; zone < JK_ZONES_MAX; zone++) {
                PROMISE(r == 0 || !answers.zones[zone].given);
                check_answer(&sample, &answers, zone);
        }
        free(line);
        return 0;
}
