/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of /proc/PID/mountinfo or /proc/mounts, and the text of /proc/PID/cgroup; the first byte
 * says which. Mount points and cgroups are named by whoever makes them.
 */
#include "tests/fuzz/fuzz.h"

#include "workload/cgroup-mounts.h"

static void
try_mount(char *line, size_t size)
{
        struct jk_cgroup_mount mount;

        if (!jk_cgroup_mount_parse(line, &mount))
                return;
        PROMISE(mount.mode == JK_CGROUP_UNIFIED || mount.mode == JK_CGROUP_V1);
        PROMISE(mount.point && mount.point[0] == '/' && strlen(mount.point) <= size);
        PROMISE(mount.source && strlen(mount.source) <= size);
}

static void
try_process(char *text, size_t size, enum jk_cgroup_mode mode)
{
        const char *path = jk_cgroup_of_process(text, mode);

        PROMISE(!path || (path >= text && path <= text + size && strlen(path) <= size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text;

        if (size == 0)
                return 0;
        text = fuzz_string(data + 1, size - 1);
        if (data[0] == 'm')
                try_mount(text, size - 1);
        else
                try_process(text, size - 1, data[0] == 'u' ? JK_CGROUP_UNIFIED : JK_CGROUP_V1);
        free(text);
        return 0;
}
