/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model server offers (docs/model-server.md): its list, as others may have written it, and
 * which of its models fits a CPU best.
 */
#pragma once

#include "base/sha256.h"
#include "model/match.h"

struct jk_offered {
        char name[sizeof((struct jk_model_file *)0)->name];
        char sha256[JK_SHA256_HEX_SIZE]; /* of the file */
        struct jk_model_match match;
};

/* Call take(data, …) with each one of the list for this kind of zone, and how it fits this CPU,
 * until that returns other than 0: then that. An entry that cannot be is passed over, as it may be
 * of a later version. -EBADMSG: that is no list. */
int jk_offered_each(const char *text, size_t length, const struct jk_model_cpu *cpu,
                    enum jk_zone_kind zone,
                    int (*take)(void *data, const struct jk_offered *offered), void *data,
                    struct jk_error *err);

/* The best one of them. -ENOENT: there is none. */
int jk_offered_best(const char *text, size_t length, const struct jk_model_cpu *cpu,
                    enum jk_zone_kind zone, struct jk_offered *ret_offered, struct jk_error *err);

/* The model file that was offered so, once it is there: -EBADMSG if it is another. */
int jk_offered_check(const struct jk_offered *offered, const char *text, size_t length,
                     struct jk_model_file *ret_file, struct jk_error *err);
