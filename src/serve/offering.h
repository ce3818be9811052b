/* SPDX-License-Identifier: Apache-2.0
 *
 * The model files in force, for the one thread that serves them and for others that have them read
 * again: whoever reads the directory does so in its own thread, and the one that serves takes over
 * what was read between two requests.
 */
#pragma once

#include <stdbool.h>

#include "serve/offers.h"

struct jk_offering;

/* As jk_offers_open(). */
int jk_offering_open(const char *directory, struct jk_offering **ret_offering,
                     struct jk_error *err);

/* No thread uses it any more. May be NULL. */
void jk_offering_close(struct jk_offering *offering);

/* For the thread that serves: what is in force, until it calls this again. */
const struct jk_offers *jk_offering_get(struct jk_offering *offering);

/* From any thread: read the directory again where it has changed (a file came, went, or was
 * replaced), or anyway. 1: it was read; 0: there was nothing to do; negative: it cannot be read,
 * and what was offered stays. */
int jk_offering_renew(struct jk_offering *offering, bool anyway, struct jk_error *err);
