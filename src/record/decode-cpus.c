/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPUs of a tick: see decoder.h.
 */
#include <errno.h>

#include "base/array.h"
#include "record/columns.h"
#include "record/decoder.h"

#define CPUS_MAX 8192

/* Which CPUs there are, and what was seen of each: its value comes later. */
static int
get_list(struct jk_wire *in, struct jk_sample *sample)
{
        size_t n = jk_wire_get_max(in, CPUS_MAX, "has too many CPUs");

        if (n > jk_wire_left(in))
                jk_wire_fail(in, "ends within its CPUs");
        for (size_t i = 0; i < n && !in->fault; i++) {
                struct jk_cpu_reading *cpu = jk_sample_add_cpu(sample);
                uint64_t bits;

                if (!cpu)
                        return -ENOMEM;
                cpu->cpu = (uint32_t)jk_decode_near(in, (int64_t)i);
                bits = jk_wire_get_max(in, JK_CPU_BITS, "has an unknown state of a CPU");
                cpu->online = bits & JK_CPU_ONLINE;
                for (size_t s = 0; s < JK_CPU_STATES; s++)
                        if (bits >> (JK_CPU_STATES_SHIFT + s) & 1)
                                jk_cpu_state_set(cpu, &jk_cpu_states[s], 0);
        }
        return 0;
}

static void
get_state(struct jk_wire *in, struct jk_sample *sample, struct jk_last_cpu *last, size_t s)
{
        const struct jk_cpu_state *state = &jk_cpu_states[s];

        for (size_t i = 0; i < sample->n_cpus; i++) {
                int64_t value = 0;

                if (!jk_cpu_state_is_seen(&sample->cpus[i], state))
                        continue;
                if (__builtin_add_overflow(last[i].states[s], jk_wire_get_signed(in), &value) ||
                    value < state->least || value > state->most) {
                        jk_wire_fail(in, state->fault);
                        return;
                }
                jk_cpu_state_set(&sample->cpus[i], state, value);
                last[i].states[s] = value;
        }
}

int
jk_decode_cpus(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        struct jk_last_tick *last = &decoder->last;
        int r = get_list(in, sample);

        if (r == 0)
                r = jk_last_tick_set_cpus(last, sample->n_cpus);
        if (r < 0)
                return r;
        for (size_t c = 0; c < JK_COUNT(jk_cpu_columns); c++)
                for (size_t i = 0; i < sample->n_cpus; i++)
                        jk_column_set(&sample->cpus[i], jk_cpu_columns[c],
                                      jk_wire_get_max(in, JK_RECORDED_MAX, "has an absurd time"));
        for (size_t s = 0; s < JK_CPU_STATES; s++)
                get_state(in, sample, last->cpus, s);
        return 0;
}
