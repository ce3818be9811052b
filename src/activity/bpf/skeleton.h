/* SPDX-License-Identifier: Apache-2.0
 *
 * The skeletons of the BPF programs, as bpftool generates them. They are included through this file
 * because their functions are static: not every includer uses all of them. Both have the same
 * programs, maps and variables, as they are made from one source.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "activity.skel.h"
#include "activity_no_walk.skel.h"
#pragma GCC diagnostic pop

/* What user space reads and sets lies in the same places in both. */
#define JK_SAME_PLACE(section, member)                                                             \
        _Static_assert(offsetof(struct jk_activity__##section, member) ==                          \
                               offsetof(struct jk_activity_no_walk__##section, member),            \
                       #section "." #member)
JK_SAME_PLACE(bss, want_all);
JK_SAME_PLACE(bss, features);
JK_SAME_PLACE(bss, lost_events);
JK_SAME_PLACE(rodata, use_v1);
JK_SAME_PLACE(rodata, hierarchy);
JK_SAME_PLACE(rodata, n_counters);
JK_SAME_PLACE(rodata, wake_bytes);
JK_SAME_PLACE(rodata, walk_max);
_Static_assert(sizeof(struct jk_activity__bss) == sizeof(struct jk_activity_no_walk__bss), "bss");
