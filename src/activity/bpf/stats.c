/* SPDX-License-Identifier: Apache-2.0
 *
 * Run-time statistics of the BPF programs: how often each ran, and for how long. The kernel counts
 * only while somebody holds a descriptor, as counting costs some nanoseconds at each run.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>

#include "activity/bpf/collector.h"
#include "activity/bpf/skeleton.h"

int
jk_bpf_stats_enable(void)
{
        int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

        return fd < 0 ? -errno : fd;
}

size_t
jk_bpf_stats(const struct jk_collector *collector, struct jk_bpf_program_stats *ret_stats, size_t n)
{
        struct bpf_program *program;
        size_t count = 0;

        bpf_object__for_each_program(program, collector->programs->obj)
        {
                struct bpf_prog_info info = { 0 };
                __u32 size = sizeof info;

                if (bpf_program__fd(program) < 0 ||
                    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) < 0)
                        continue;
                if (count < n) {
                        struct jk_bpf_program_stats *stats = &ret_stats[count];

                        snprintf(stats->name, sizeof stats->name, "%s", bpf_program__name(program));
                        stats->runs = info.run_cnt;
                        stats->ns = info.run_time_ns;
                }
                count++;
        }
        return count;
}
