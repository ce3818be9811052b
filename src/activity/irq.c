/* SPDX-License-Identifier: Apache-2.0
 *
 * Where interrupt time is counted: see irq.h. The kernel's type information (BTF) is searched as
 * bytes: struct rq has the field prev_irq_time only where interrupts are accounted for, and member
 * names are plain strings there.
 */
#include "activity/irq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static FILE *
open_file(const struct jk_root *root, const char *path)
{
        int fd = jk_root_open_file(root, path);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "re");

        if (fd >= 0 && !file)
                close(fd);
        return file;
}

static FILE *
open_config(const struct jk_root *root)
{
        char release[128], path[160];

        if (jk_root_read(root, "proc/sys/kernel/osrelease", release, sizeof release) <= 0)
                return NULL;

        snprintf(path, sizeof path, "boot/config-%s", release);
        return open_file(root, path);
}

static bool
config_accounts(FILE *config)
{
        static const char *const options[] = { "CONFIG_IRQ_TIME_ACCOUNTING=y\n",
                                               "CONFIG_VIRT_CPU_ACCOUNTING_NATIVE=y\n" };
        jk_autofree char *line = NULL;
        size_t size = 0;

        while (getline(&line, &size, config) >= 0)
                for (size_t i = 0; i < sizeof options / sizeof *options; i++)
                        if (strcmp(line, options[i]) == 0)
                                return true;

        return false;
}

/* Search in blocks that overlap by the length of what is looked for. */
static bool
types_account(FILE *types)
{
        static const char field[] = "\0prev_irq_time"; /* with both its NULs */
        char block[16 * 1024];
        size_t kept = 0, n;

        while ((n = fread(block + kept, 1, sizeof block - kept, types)) > 0) {
                n += kept;
                if (memmem(block, n, field, sizeof field))
                        return true;
                kept = n < sizeof field ? n : sizeof field;
                memmove(block, block + n - kept, kept);
        }
        return false;
}

bool
jk_irq_time_is_in_tasks(const struct jk_root *root)
{
        jk_autofclose FILE *config = open_config(root);
        jk_autofclose FILE *types = config ? NULL : open_file(root, "sys/kernel/btf/vmlinux");

        if (config)
                return !config_accounts(config);

        return types ? !types_account(types) : true;
}
