/* SPDX-License-Identifier: Apache-2.0
 *
 * CPU architectures and their power: see cpu-model.h.
 */
#include "meter/cpu-model.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

const struct jk_cpu_row jk_cpu_rows[] = {
#include "cpu-models.inc"
};
const size_t jk_cpu_n_rows = JK_COUNT(jk_cpu_rows);

#define INTEL "GenuineIntel"
#define AMD   "AuthenticAMD"

/* Families and models, as in the kernel's arch/x86/include/asm/intel-family.h and AMD's revision
 * guides. The first row that fits counts. Parts with the client's core and uncore have rows of
 * their own, also where they are sold as a Xeon for one socket. */
static const struct {
        const char *vendor;
        int family, model_first, model_last;
        int stepping_first; /* this one and later */
        const char *name;   /* part of the model name, or NULL */
        const char *row;
} known[] = {
        { INTEL, 6, 15, 15, 0, NULL, "core" },
        { INTEL, 6, 23, 23, 0, NULL, "core" },
        { INTEL, 6, 29, 29, 0, NULL, "core" },
        { INTEL, 6, 26, 26, 0, NULL, "nehalem" },
        { INTEL, 6, 30, 30, 0, NULL, "nehalem" },
        { INTEL, 6, 37, 37, 0, NULL, "nehalem" },
        { INTEL, 6, 44, 44, 0, NULL, "nehalem" },
        { INTEL, 6, 46, 47, 0, NULL, "nehalem" },
        { INTEL, 6, 42, 42, 0, NULL, "sandybridge-client" },
        { INTEL, 6, 45, 45, 0, NULL, "sandybridge" },
        { INTEL, 6, 58, 58, 0, NULL, "ivybridge-client" },
        { INTEL, 6, 62, 62, 0, NULL, "ivybridge" },
        { INTEL, 6, 60, 60, 0, NULL, "haswell-client" },
        { INTEL, 6, 63, 63, 0, NULL, "haswell" },
        { INTEL, 6, 69, 70, 0, NULL, "haswell-client" },
        { INTEL, 6, 61, 61, 0, NULL, "haswell-client" },
        { INTEL, 6, 71, 71, 0, NULL, "haswell-client" },
        { INTEL, 6, 79, 79, 0, NULL, "broadwell" },
        { INTEL, 6, 86, 86, 0, NULL, "broadwell" },
        { INTEL, 6, 85, 85, 5, NULL, "cascadelake" },
        { INTEL, 6, 85, 85, 0, NULL, "skylake" },
        { INTEL, 6, 78, 78, 0, NULL, "skylake-client" },
        { INTEL, 6, 94, 94, 0, NULL, "skylake-client" },
        { INTEL, 6, 142, 142, 0, NULL, "skylake-client" },
        { INTEL, 6, 158, 158, 0, NULL, "skylake-client" },
        { INTEL, 6, 165, 167, 0, NULL, "skylake-client" },
        { INTEL, 6, 106, 106, 0, NULL, "icelake" },
        { INTEL, 6, 108, 108, 0, NULL, "icelake" },
        { INTEL, 6, 143, 143, 0, NULL, "sapphirerapids" },
        { INTEL, 6, 207, 207, 0, NULL, "emeraldrapids" },
        { INTEL, 6, 173, 174, 0, NULL, "graniterapids" },

        { AMD, 15, 0, INT_MAX, 0, NULL, "opteron" },
        { AMD, 16, 0, INT_MAX, 0, NULL, "opteron" },
        { AMD, 21, 0, INT_MAX, 0, NULL, "opteron" },
        { AMD, 23, 0, INT_MAX, 0, "Ryzen", "zen-desktop" },
        { AMD, 25, 0, INT_MAX, 0, "Ryzen", "zen-desktop" },
        { AMD, 26, 0, INT_MAX, 0, "Ryzen", "zen-desktop" },
        { AMD, 23, 0, 47, 0, NULL, "zen1" },
        { AMD, 23, 48, INT_MAX, 0, NULL, "zen2" },
        { AMD, 25, 16, 31, 0, NULL, "zen4" },
        { AMD, 25, 96, 127, 0, NULL, "zen4" },
        { AMD, 25, 160, 175, 0, NULL, "zen4" },
        { AMD, 25, 0, INT_MAX, 0, NULL, "zen3" },
        { "HygonGenuine", 24, 0, INT_MAX, 0, NULL, "zen1" },

        { INTEL, -1, 0, INT_MAX, 0, NULL, "intel-other" },
        { AMD, -1, 0, INT_MAX, 0, NULL, "amd-other" },
        { "HygonGenuine", -1, 0, INT_MAX, 0, NULL, "amd-other" },
};

static const struct jk_cpu_row *
find_row(const char *name)
{
        for (size_t i = 0; i < jk_cpu_n_rows; i++)
                if (strcmp(jk_cpu_rows[i].name, name) == 0)
                        return &jk_cpu_rows[i];

        return &jk_cpu_rows[jk_cpu_n_rows - 1];
}

const struct jk_cpu_row *
jk_cpu_find(const struct jk_cpu_identity *identity)
{
        for (size_t i = 0; i < JK_COUNT(known); i++) {
                if (strcmp(known[i].vendor, identity->vendor) != 0 ||
                    (known[i].family >= 0 && known[i].family != identity->family) ||
                    identity->model < known[i].model_first ||
                    identity->model > known[i].model_last ||
                    identity->stepping < known[i].stepping_first ||
                    (known[i].name && !strstr(identity->name, known[i].name)))
                        continue;
                return find_row(known[i].row);
        }

        return find_row("other");
}

double
jk_cpu_threads_each(const struct jk_cpu_row *row, const struct jk_cpu_identity *identity)
{
        bool switched_off = !identity->hypervisor && identity->cores > 0 &&
                            identity->siblings == identity->cores;

        return switched_off ? row->threads_per_core : 1;
}

double
jk_cpu_power_w(const struct jk_cpu_row *row, double utilisation)
{
        double position;
        int level;

        if (isnan(utilisation))
                return NAN;

        position = fmin(fmax(utilisation, 0), 1) * (JK_CPU_LEVELS - 1);
        level = (int)position;
        if (level == JK_CPU_LEVELS - 1)
                return jk_cpu_max_w(row);

        return row->power_w[level] +
               (row->power_w[level + 1] - row->power_w[level]) * (position - level);
}

/* ---- proc/cpuinfo ---- */

static void
take_line(struct jk_cpu_identity *identity, const char *key, const char *value)
{
        const struct {
                const char *key;
                int *number;
        } numbers[] = {
                { "cpu family", &identity->family }, { "model", &identity->model },
                { "stepping", &identity->stepping }, { "siblings", &identity->siblings },
                { "cpu cores", &identity->cores },
        };

        for (size_t i = 0; i < JK_COUNT(numbers); i++)
                if (strcmp(key, numbers[i].key) == 0)
                        *numbers[i].number = (int)strtol(value, NULL, 10);

        if (strcmp(key, "vendor_id") == 0)
                snprintf(identity->vendor, sizeof identity->vendor, "%s", value);
        else if (strcmp(key, "model name") == 0)
                snprintf(identity->name, sizeof identity->name, "%s", value);
        else if (strcmp(key, "CPU implementer") == 0)
                identity->implementer = (unsigned)strtoul(value, NULL, 0);
        else if (strcmp(key, "CPU part") == 0)
                identity->part = (unsigned)strtoul(value, NULL, 0);
        else if (strcmp(key, "flags") == 0)
                identity->hypervisor = strstr(value, " hypervisor") != NULL;
}

/* "model name\t: Intel(R) …" -> key and value, in place: false if it is no such line. */
static bool
split_line(char *line, char **ret_value)
{
        char *colon = strchr(line, ':');
        char *end;

        if (!colon)
                return false;

        *ret_value = colon + 1 + strspn(colon + 1, " \t");
        (*ret_value)[strcspn(*ret_value, "\n")] = '\0';
        end = colon;
        while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        *end = '\0';
        return true;
}

int
jk_cpu_identify_file(FILE *file, const char *name, struct jk_cpu_identity *ret_identity,
                     struct jk_error *err)
{
        struct jk_cpu_identity identity = { 0 };
        jk_autofree char *line = NULL;
        size_t size = 0;

        while (getline(&line, &size, file) > 0) {
                char *value;

                if (!split_line(line, &value))
                        continue;
                if (strcmp(line, "processor") == 0)
                        identity.n_cpus++;
                else if (identity.n_cpus <= 1)
                        take_line(&identity, line, value);
        }
        if (ferror(file))
                return jk_fail(err, EIO, "%s: cannot be read", name);

        *ret_identity = identity;
        return 0;
}

int
jk_cpu_identify(const struct jk_root *root, struct jk_cpu_identity *ret_identity,
                struct jk_error *err)
{
        jk_autofclose FILE *file = NULL;
        int fd;

        /* The only procfs file here that is larger than one read(2) on many CPUs. */
        fd = jk_root_open_file(root, "proc/cpuinfo");
        if (fd < 0)
                return jk_fail(err, fd, "estimate: proc/cpuinfo: %m");
        file = fdopen(fd, "r");
        if (!file) {
                close(fd);
                return jk_fail(err, ENOMEM, "estimate: out of memory");
        }
        return jk_cpu_identify_file(file, "estimate: proc/cpuinfo", ret_identity, err);
}
