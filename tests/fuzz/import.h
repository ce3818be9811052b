/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzzers of importers hold samples to: what a recording's decoder takes, in order.
 */
#pragma once

#include "tests/fuzz/fuzz.h"

#include "import/join.h"
#include "import/ticks.h"
#include "record/codec.h"

struct checked {
        struct jk_encoder *encoder;
        struct jk_decoder *decoder;
        struct jk_sample decoded;
        struct jk_text text;
};

static void
decode_all(struct checked *checked)
{
        const unsigned char *at = (const unsigned char *)checked->text.data;
        const unsigned char *end = at + checked->text.length;

        while (at < end) {
                struct jk_wire in = { .at = at + 1, .end = end };
                uint64_t length = jk_wire_get(&in);
                struct jk_error err = { "" };

                PROMISE(!in.fault && length + 4 <= jk_wire_left(&in));
                PROMISE(jk_decode(checked->decoder, at[0], in.at, length, &checked->decoded,
                                  &err) >= 0);
                at = in.at + length + 4;
        }
}

static void
check_sample(void *data, const struct jk_sample *sample)
{
        struct checked *checked = data;

        jk_text_clear(&checked->text);
        if (sample->flags & JK_SAMPLE_FIRST)
                jk_encode_header(checked->encoder, "{}", &checked->text);
        PROMISE(jk_encode_sample(checked->encoder, sample, NULL, NULL, &checked->text) == 0);
        decode_all(checked);
        for (size_t i = 0; i < sample->n_tasks; i++)
                PROMISE(sample->tasks[i].cpu_ns <= JK_RECORDED_MAX);
}

static inline void
free_checked(struct checked *checked)
{
        jk_encoder_free(checked->encoder);
        jk_decoder_free(checked->decoder);
        jk_sample_free(&checked->decoded);
        jk_text_free(&checked->text);
}

/* Convert what was read, whatever it is. */
static inline void
check_ticks(struct jk_observations *seen)
{
        struct checked checked = { .encoder = jk_encoder_new(NULL), .decoder = jk_decoder_new() };
        struct jk_error err = { "" };

        PROMISE(checked.encoder && checked.decoder);
        PROMISE(jk_join(seen, seen->n_items % 2 ? JK_NS_PER_S : 0) == 0);
        jk_ticks_sort(seen);
        PROMISE(jk_ticks_interval_ns(seen) > 0);
        if (jk_ticks_convert(seen, check_sample, &checked, &err) < 0)
                PROMISE(err.message[0] != '\0');
        free_checked(&checked);
}
