/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for the BPF collector where it was not built.
 */
#include <errno.h>

#include "activity/activity.h"

static int
refuse(const struct jk_activity_env *env, struct jk_collector **ret_collector, struct jk_error *err)
{
        (void)env;
        (void)ret_collector;
        return jk_fail(
                err, EOPNOTSUPP,
                "bpf: not built in; building it takes libbpf 1.0 or later, clang and bpftool");
}

const struct jk_collector_ops jk_collector_bpf = {
        .name = "bpf",
        .summary = "eBPF task iterator and exit tracepoint (not built in)",
        .open = refuse,
};
