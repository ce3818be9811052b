/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPUs of a tick: see encoder.h. What was seen of one (frequency, temperature, voltage) changes
 * little, and is said as the difference to what was said before.
 */
#include <errno.h>

#include "base/array.h"
#include "record/columns.h"
#include "record/encoder.h"

static uint64_t
bits_of(const struct jk_cpu_reading *cpu)
{
        uint64_t bits = cpu->online ? JK_CPU_ONLINE : 0;

        for (size_t s = 0; s < JK_CPU_STATES; s++)
                bits |= (uint64_t)jk_cpu_state_is_seen(cpu, &jk_cpu_states[s])
                        << (JK_CPU_STATES_SHIFT + s);
        return bits;
}

static void
put_state(struct jk_text *body, const struct jk_sample *sample, struct jk_last_cpu *last, size_t s)
{
        for (size_t i = 0; i < sample->n_cpus; i++) {
                int64_t value = jk_cpu_state_get(&sample->cpus[i], &jk_cpu_states[s]);

                if (!jk_cpu_state_is_seen(&sample->cpus[i], &jk_cpu_states[s]))
                        continue;
                jk_wire_put_signed(body, value - last[i].states[s]);
                last[i].states[s] = value;
        }
}

int
jk_encode_cpus(struct jk_encoder *encoder, const struct jk_sample *sample)
{
        struct jk_last_tick *last = &encoder->last;
        struct jk_text *body = &encoder->body;

        if (jk_last_tick_set_cpus(last, sample->n_cpus) < 0)
                return -ENOMEM;

        jk_wire_put(body, sample->n_cpus);
        for (size_t i = 0; i < sample->n_cpus; i++) {
                jk_wire_put_signed(body, (int64_t)sample->cpus[i].cpu - (int64_t)i);
                jk_wire_put(body, bits_of(&sample->cpus[i]));
        }
        for (size_t c = 0; c < JK_COUNT(jk_cpu_columns); c++)
                for (size_t i = 0; i < sample->n_cpus; i++)
                        jk_wire_put(body, jk_column_get(&sample->cpus[i], jk_cpu_columns[c]));
        for (size_t s = 0; s < JK_CPU_STATES; s++)
                put_state(body, sample, last->cpus, s);
        return 0;
}
