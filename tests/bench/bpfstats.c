/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bpfstats.h"

#ifdef BENCH_BPF

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"

static bool enabled;

void
bpfstats_start(bool enable)
{
        if (!enable)
                return;
        enabled = bpf_enable_stats(BPF_STATS_RUN_TIME) >= 0;
        if (!enabled)
                fprintf(stderr, "bench-tick: no BPF run-time statistics: %s\n", strerror(errno));
}

/* Whether a descriptor of ours is a BPF program that has run: other descriptors are refused. */
static bool
info_of(int fd, struct bpf_prog_info *ret_info)
{
        char path[64], target[64] = "";
        __u32 length = sizeof *ret_info;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof target - 1) < 0 ||
            strcmp(target, "anon_inode:bpf-prog") != 0)
                return false;
        memset(ret_info, 0, sizeof *ret_info);
        return bpf_obj_get_info_by_fd(fd, ret_info, &length) == 0 && ret_info->run_cnt > 0;
}

void
bpfstats_print(FILE *out)
{
        jk_autoclosedir DIR *directory = enabled ? opendir("/proc/self/fd") : NULL;
        const char *separator = "";
        struct dirent *entry;

        while (directory && (entry = readdir(directory))) {
                struct bpf_prog_info info;

                if (!info_of((int)strtol(entry->d_name, NULL, 10), &info))
                        continue;
                fprintf(out, "%s{\"name\": \"%s\", \"runs\": %llu, \"ns_per_run\": %.1f}",
                        separator, info.name, (unsigned long long)info.run_cnt,
                        (double)info.run_time_ns / (double)info.run_cnt);
                separator = ", ";
        }
}

#else

void
bpfstats_start(bool enable)
{
        if (enable)
                fprintf(stderr, "bench-tick: built without BPF\n");
}

void
bpfstats_print(FILE *out)
{
        (void)out;
}

#endif
