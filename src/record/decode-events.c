/* SPDX-License-Identifier: Apache-2.0
 *
 * The events of a recording: see decoder.h. What messages say is kept apart from the table that is
 * lent to samples, which has to stay as it is until the next tick.
 */
#include "record/decoder.h"

#define PACKAGES_MAX (1U << 16)

void
jk_decode_event(struct jk_decoder *decoder, struct jk_wire *in)
{
        struct jk_event_table *said = &decoder->events_said;
        size_t index = jk_wire_get_max(in, JK_EVENTS_MAX - 1, "has too many events");
        struct jk_event event = { 0 };
        int64_t package;

        jk_decode_string(in, event.name, sizeof event.name);
        package = jk_wire_get_signed(in);
        if (package < -1 || package >= PACKAGES_MAX)
                jk_wire_fail(in, "has an event with an absurd package");
        if (event.name[0] == '\0')
                jk_wire_fail(in, "has an event without a name");
        if (index > 0 && index != said->count)
                jk_wire_fail(in, "leaves an event out, or says one again");
        if (in->fault)
                return;

        event.package = (int)package;
        if (index == 0)
                said->count = 0;
        if (jk_event_add(said, &event) < 0)
                jk_wire_fail(in, "has two events of one name and package");
}

/* A table that goes on with other events is another one: who knows the indices of the one before
 * sees that by its address. */
static const struct jk_event_table *
lend(struct jk_decoder *decoder)
{
        const struct jk_event_table *said = &decoder->events_said;

        if (!jk_events_continue(said, &decoder->events[decoder->lent]))
                decoder->lent = !decoder->lent;
        decoder->events[decoder->lent] = *said;
        return &decoder->events[decoder->lent];
}

void
jk_decode_events(struct jk_decoder *decoder, struct jk_wire *in, struct jk_sample *sample)
{
        size_t n = jk_wire_get_max(in, JK_EVENTS_MAX, "has too many events");

        if (n > 0 && n != decoder->events_said.count)
                jk_wire_fail(in, "has counts of unknown events");
        else
                sample->events = n > 0 ? lend(decoder) : NULL;
}

void
jk_decode_counts(struct jk_wire *in, struct jk_sample *sample)
{
        size_t n = jk_sample_n_events(sample);
        uint64_t mask =
                n > 0 ? jk_wire_get_max(in, (UINT64_C(1) << n) - 1, "counts unknown events") : 0;

        for (size_t e = 0; e < n; e++)
                for (size_t i = 0; mask >> e & 1 && i < sample->n_tasks; i++)
                        jk_sample_task_events(sample, i)[e] =
                                jk_wire_get_max(in, JK_RECORDED_MAX, "has an absurd count");
}
