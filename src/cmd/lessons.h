/* SPDX-License-Identifier: Apache-2.0
 *
 * What failed and is tried again, ever later: delays, and the models whose training is put off so
 * that the others get their turn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* How long something that failed is left alone. Zeroed: it did not fail. */
struct jk_delay {
        unsigned int failures;
        int64_t until_ns; /* monotonic */
};

/* After two seconds, and twice as long after each more, to some five hours. */
void jk_delay_more(struct jk_delay *delay, int64_t now_ns);

#define JK_LESSONS_MAX     16
#define JK_LESSON_NAME_MAX 48

struct jk_lesson {
        char name[JK_LESSON_NAME_MAX]; /* of the model; "": none */
        struct jk_delay delay;
};

/* Zeroed: none is put off. */
struct jk_lessons {
        struct jk_lesson lessons[JK_LESSONS_MAX];
};

/* Leave a model out for a while. Where there are too many, the one that is due first is forgotten.
 * False for a name that no model has ("", or too long). */
bool jk_lessons_put_off(struct jk_lessons *lessons, const char *name, size_t length,
                        int64_t now_ns);

void jk_lessons_forget(struct jk_lessons *lessons, const char *name, size_t length);

/* Those that were due then: they went well, or there is nothing to train them by any more. */
void jk_lessons_forget_due(struct jk_lessons *lessons, int64_t then_ns);

/* When the first of them is due; INT64_MAX: none is put off. */
int64_t jk_lessons_next_ns(const struct jk_lessons *lessons);

/* The names of those that are put off now, with a comma after each; "," where there is none. The
 * text keeps it. */
const char *jk_lessons_list(const struct jk_lessons *lessons, int64_t now_ns, struct jk_text *text);
