/* SPDX-License-Identifier: Apache-2.0
 *
 * Suggestions: the name that was probably meant. Offer every valid name, then look at `best`; the
 * names may come from any table, so there is no array of them to build.
 *
 *     struct jk_suggest s = { .wrong = "intervall" };
 *     for (…)
 *             jk_suggest_offer(&s, rows[i].name);
 */
#pragma once

#include <stddef.h>

struct jk_suggest {
        const char *wrong;
        const char *best; /* the nearest name so far, or NULL if none is near; borrowed */
        size_t distance;  /* of best; meaningless without one */
};

/* Take the name if it is nearer than what was offered before (ties go to the first). Near is: it
 * begins with what was written, or at most a third of its letters (and at most three) were
 * inserted, dropped, exchanged or swapped with their neighbour. Case does not count. */
void jk_suggest_offer(struct jk_suggest *suggest, const char *name);

/* Edit distance of two names, case ignored: insertions, deletions, substitutions and swaps of
 * neighbours (optimal string alignment). Names longer than JK_SUGGEST_MAX are as far as can be. */
#define JK_SUGGEST_MAX 63
size_t jk_edit_distance(const char *a, const char *b);
