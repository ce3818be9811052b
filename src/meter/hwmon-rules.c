/* SPDX-License-Identifier: Apache-2.0
 *
 * What the channels of hwmon drivers measure: the table. hwmon says "power1" and perhaps a label;
 * which part of the machine that is, only knowledge of the driver tells (the kernel's
 * Documentation/hwmon/ and the drivers themselves). What no rule knows is shown as a zone of kind
 * OTHER and never added to anything.
 */
#include "meter/hwmon.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

#define NO_PART JK_ZONE_KIND_INVALID

static const struct jk_hwmon_rule rules[] = {
        /* AMD family 17h and later: one 64-bit counter per core and per socket. The cores lie in
         * the socket, and each reading of a core wakes it: left out. */
        { "amd_energy", "Esocket*", JK_HWMON_BY_LABEL, JK_ZONE_PACKAGE, NO_PART, 3, false },
        { "amd_energy", NULL, JK_HWMON_IGNORED, JK_ZONE_CORE, NO_PART, 0, false },
        { "zenergy", "Esocket*", JK_HWMON_BY_LABEL, JK_ZONE_PACKAGE, NO_PART, 3, false },
        { "zenergy", NULL, JK_HWMON_IGNORED, JK_ZONE_CORE, NO_PART, 0, false },
        { "fam15h_power", NULL, JK_HWMON_BY_DEVICE, JK_ZONE_PACKAGE, NO_PART, 10, false },

        /* On an APU "power1" is the whole socket, CPU included (Documentation/gpu/amdgpu). */
        { "amdgpu-apu", NULL, JK_HWMON_BY_DEVICE, JK_ZONE_PACKAGE, NO_PART, 10, false },
        { "amdgpu", NULL, JK_HWMON_BY_DEVICE, JK_ZONE_GPU, NO_PART, 5, true },
        { "nouveau", NULL, JK_HWMON_BY_DEVICE, JK_ZONE_GPU, NO_PART, 5, true },
        /* xe: energy1 is the card, energy2 the chip on it; i915: the card contains its tiles. */
        { "xe", NULL, JK_HWMON_BY_DEVICE, JK_ZONE_GPU, NO_PART, 5, true },
        { "i915", NULL, JK_HWMON_BY_DEVICE, JK_ZONE_GPU, NO_PART, 5, true },
        { "i915_gt*", NULL, JK_HWMON_IGNORED, JK_ZONE_GPU, NO_PART, 0, false },

        /* NVIDIA Grace: ACPI power meters, told apart by power1_oem_info. The module contains the
         * Grace socket and, on Grace Hopper, the GPU, which its own meter reads. */
        { "power_meter", "Grace Power Socket *", JK_HWMON_BY_LABEL, JK_ZONE_PACKAGE, NO_PART, 5,
          false },
        { "power_meter", "CPU Power Socket *", JK_HWMON_BY_LABEL, JK_ZONE_CORE, NO_PART, 5, false },
        { "power_meter", "SysIO Power Socket *", JK_HWMON_BY_LABEL, JK_ZONE_UNCORE, NO_PART, 5,
          false },
        { "power_meter", "Module Power Socket *", JK_HWMON_UNKNOWN, JK_ZONE_OTHER, NO_PART, 5,
          false },
        /* Elsewhere an ACPI power meter reads the machine's input (ACPI 6.5, 10.4). */
        { "power_meter", NULL, JK_HWMON_ALONE, JK_ZONE_WALL, NO_PART, 5, false },

        { "corsairpsu", "power total", JK_HWMON_ALONE, JK_ZONE_WALL, NO_PART, 5, false },
        { "corsairpsu", NULL, JK_HWMON_IGNORED, JK_ZONE_OTHER, NO_PART, 0, false },
        { "macsmc_hwmon", "Total System Power", JK_HWMON_ALONE, JK_ZONE_WALL, NO_PART, 5, false },
        { "macsmc_hwmon", NULL, JK_HWMON_UNKNOWN, JK_ZONE_OTHER, NO_PART, 10, false },

        /* Applied Micro X-Gene: the cores and the rest of the chip, side by side. */
        { "apm_xgene", "CPU power", JK_HWMON_RAIL, JK_ZONE_PACKAGE, JK_ZONE_CORE, 5, false },
        { "apm_xgene", "IO power", JK_HWMON_RAIL, JK_ZONE_PACKAGE, JK_ZONE_UNCORE, 5, false },
};

/* Rails of boards, known by their labels: words, without digits at the end. */
static const struct {
        const char *word;
        enum jk_zone_kind kind;
} words[] = {
        { "cpu", JK_ZONE_PACKAGE },   { "arm", JK_ZONE_PACKAGE },    { "kfc", JK_ZONE_PACKAGE },
        { "core", JK_ZONE_PACKAGE },  { "cores", JK_ZONE_PACKAGE },  { "cluster", JK_ZONE_PACKAGE },
        { "big", JK_ZONE_PACKAGE },   { "little", JK_ZONE_PACKAGE }, { "pcore", JK_ZONE_PACKAGE },
        { "jcore", JK_ZONE_PACKAGE }, { "a7", JK_ZONE_PACKAGE },     { "a15", JK_ZONE_PACKAGE },
        { "a53", JK_ZONE_PACKAGE },   { "a57", JK_ZONE_PACKAGE },    { "a72", JK_ZONE_PACKAGE },
        { "a73", JK_ZONE_PACKAGE },   { "proc", JK_ZONE_PACKAGE },   { "gpu", JK_ZONE_GPU },
        { "g3d", JK_ZONE_GPU },       { "mali", JK_ZONE_GPU },       { "gfx", JK_ZONE_GPU },
        { "mem", JK_ZONE_DRAM },      { "memory", JK_ZONE_DRAM },    { "ddr", JK_ZONE_DRAM },
        { "dram", JK_ZONE_DRAM },     { "lpddr", JK_ZONE_DRAM },     { "dimm", JK_ZONE_DRAM },
        { "in", JK_ZONE_WALL },       { "vin", JK_ZONE_WALL },       { "system", JK_ZONE_WALL },
        { "soc", JK_ZONE_OTHER },     { "cv", JK_ZONE_OTHER },       { "io", JK_ZONE_OTHER },
};

/* Voltage and current of the same rail. Only where the driver says so: ltc4261, for one, counts its
 * voltages at free pins, and ina3221 has the shunts' voltages from in4 on. */
static const struct {
        const char *driver; /* shell pattern */
        unsigned voltage, current;
} pairs[] = {
        { "ina3221", 1, 1 }, { "ina3221", 2, 2 },
        { "ina3221", 3, 3 }, { "ina2[0-9][0-9]", 1, 1 }, /* in0 is the shunt */
        { "ltc4151", 1, 1 }, { "ltc4260", 1, 1 },
};

static bool
rule_matches(const struct jk_hwmon_rule *rule, const char *driver, const char *label)
{
        return fnmatch(rule->driver, driver, 0) == 0 &&
               (!rule->label || fnmatch(rule->label, label, FNM_CASEFOLD) == 0);
}

/* A driver without a rule: boards' sensors, which only their labels tell apart. */
static struct jk_hwmon_rule
rule_by_label(const char *label)
{
        struct jk_hwmon_rule rule = {
                .naming = JK_HWMON_UNKNOWN,
                .kind = jk_hwmon_label_kind(label),
                .part = NO_PART,
                .uncertainty_pct = 5,
        };

        if (rule.kind == JK_ZONE_WALL)
                rule.naming = JK_HWMON_ALONE;
        else if (rule.kind != JK_ZONE_OTHER)
                rule.naming = JK_HWMON_RAIL;
        if (rule.kind == JK_ZONE_PACKAGE)
                rule.part = JK_ZONE_CORE;
        return rule;
}

struct jk_hwmon_rule
jk_hwmon_rule_find(const char *driver, const char *label)
{
        for (size_t i = 0; i < JK_COUNT(rules); i++)
                if (rule_matches(&rules[i], driver, label))
                        return rules[i];

        return rule_by_label(label);
}

bool
jk_hwmon_pair(const char *driver, size_t n, unsigned *ret_voltage, unsigned *ret_current)
{
        for (size_t i = 0; i < JK_COUNT(pairs); i++) {
                if (fnmatch(pairs[i].driver, driver, 0) != 0 || n-- > 0)
                        continue;
                *ret_voltage = pairs[i].voltage;
                *ret_current = pairs[i].current;
                return true;
        }

        return false;
}

/* The next word of a label, in lower case: false at its end. */
static bool
next_word(const char **label, char *word, size_t size)
{
        size_t length = 0;

        while (**label && !isalnum((unsigned char)**label))
                (*label)++;
        while (isalnum((unsigned char)**label)) {
                if (length + 1 < size)
                        word[length++] = (char)tolower((unsigned char)**label);
                (*label)++;
        }
        word[length] = '\0';
        return length > 0;
}

static enum jk_zone_kind
word_kind(char *word)
{
        for (;;) {
                size_t length = strlen(word);

                for (size_t i = 0; i < JK_COUNT(words); i++)
                        if (strcmp(words[i].word, word) == 0)
                                return words[i].kind;

                if (length == 0 || !isdigit((unsigned char)word[length - 1]))
                        return JK_ZONE_KIND_INVALID;
                word[length - 1] = '\0'; /* "cpu0" is a "cpu" */
        }
}

enum jk_zone_kind
jk_hwmon_label_kind(const char *label)
{
        enum jk_zone_kind kind = JK_ZONE_KIND_INVALID;
        char word[32];

        while (next_word(&label, word, sizeof word)) {
                enum jk_zone_kind told = word_kind(word);

                if (told == JK_ZONE_KIND_INVALID || told == kind)
                        continue;
                if (kind != JK_ZONE_KIND_INVALID)
                        return JK_ZONE_OTHER;
                kind = told;
        }

        return kind == JK_ZONE_KIND_INVALID ? JK_ZONE_OTHER : kind;
}

void
jk_hwmon_slug(const char *label, char *slug, size_t size)
{
        static const char *const noise[] = { "vdd",  "vcc", "power", "pwr",
                                             "rail", "sys", "pow",   "enm" };
        size_t length = 0;
        char word[32];

        while (next_word(&label, word, sizeof word)) {
                bool skipped = false;

                for (size_t i = 0; i < JK_COUNT(noise); i++)
                        skipped |= strcmp(noise[i], word) == 0;
                if (skipped || length + strlen(word) + 2 > size)
                        continue;
                length += (size_t)snprintf(slug + length, size - length, "%s%s", length ? "-" : "",
                                           word);
        }

        if (length < size)
                slug[length] = '\0';
}
