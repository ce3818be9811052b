/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of collectors and the choice among them: see activity.h.
 */
#include <stdio.h>
#include <string.h>

#include "activity/activity.h"

const struct jk_collector_ops *const jk_collector_list[] = {
        &jk_collector_bpf,
        &jk_collector_proc,
        NULL,
};

static int
unknown(const char *name, struct jk_error *err)
{
        char names[64] = "auto";
        size_t length = strlen(names);

        for (size_t i = 0; jk_collector_list[i] && length < sizeof names; i++)
                length += (size_t)snprintf(names + length, sizeof names - length, ", %s",
                                           jk_collector_list[i]->name);
        return jk_fail(err, EINVAL, "activity %s: there is no such collector; use one of: %s", name,
                       names);
}

/* Why a better one did not open, put before what there is to say of the next. Messages name their
 * collector. */
static void
add_reason(struct jk_error *reasons, const struct jk_error *why)
{
        size_t length = strlen(reasons->message);

        snprintf(reasons->message + length, sizeof reasons->message - length, "%s%s",
                 length > 0 ? "; " : "", why->message);
}

int
jk_collector_open(const struct jk_activity_env *env, const char *name,
                  const struct jk_collector_ops **ret_ops, struct jk_collector **ret_collector,
                  struct jk_error *err)
{
        bool any = !name || strcmp(name, "auto") == 0;
        struct jk_error reasons = { "" };
        int r = -ENOENT;

        for (size_t i = 0; jk_collector_list[i]; i++) {
                const struct jk_collector_ops *ops = jk_collector_list[i];
                struct jk_error why = { "" };

                if (!any && strcmp(ops->name, name) != 0)
                        continue;

                r = ops->open(env, ret_collector, &why);
                if (r < 0)
                        add_reason(&reasons, &why);
                if (r == 0)
                        *ret_ops = ops;
                if (r == 0 || !any)
                        break;
        }

        if (r == -ENOENT && reasons.message[0] == '\0')
                return unknown(name, err);
        if (err)
                *err = reasons;
        return r;
}
