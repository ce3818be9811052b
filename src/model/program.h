/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines that a model which is a program gets and answers (docs/custom-models.md): one JSON
 * object a line and tick each way, after one each way that says the version.
 */
#pragma once

#include "base/text.h"
#include "model/model.h"

#define JK_PROGRAM_VERSION 1

/* What a program answered about a zone. What it left out is as `share` has it. */
struct jk_answer {
        bool given;
        bool has_weights, has_idle, has_uncertainty, has_expected;
        size_t row; /* of the weights, if it has any */
        double irq_weight, softirq_weight;
        double idle_w, idle_error_w; /* the error NaN: it did not say */
        double uncertainty_pct;
        double expected_w;
        bool blind;
};

/* Of a tick. Zeroed is none; keeps its memory from tick to tick. */
struct jk_answers {
        struct jk_answer zones[JK_ZONES_MAX]; /* by zone index */
        double *weights;                      /* [rows][tasks of the sample] */
        size_t n_rows, weights_capacity;
};

void jk_answers_free(struct jk_answers *answers);

/* Append what begins the conversation, and the sample as a line, without the newline. */
void jk_program_write_greeting(struct jk_text *text);
void jk_program_write_tick(struct jk_text *text, const struct jk_sample *sample);

/* 0, or -EBADMSG with what is wrong with it. */
int jk_program_parse_greeting(const char *line, size_t length, struct jk_error *err);

/* All numbers of what was answered are finite and none is negative; weights are set for every task,
 * and their sum is finite. 0; -EBADMSG with what is wrong, or -ENOMEM: there are no answers then.
 */
int jk_program_parse_answer(const char *line, size_t length, const struct jk_sample *sample,
                            struct jk_answers *answers, struct jk_error *err);
