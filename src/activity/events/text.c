/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts that events are named by: see text.h.
 */
#include "activity/events/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
is_word(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == ':';
}

/* ---- lists of names ---- */

/* Where the name ends that begins here, or NULL if its second slash is missing. */
static const char *
end_of_name(const char *name)
{
        const char *slash = name + strcspn(name, ",/");

        if (*slash != '/')
                return slash;
        slash = strchr(slash + 1, '/');
        return slash ? slash + 1 + strcspn(slash + 1, ",") : NULL;
}

int
jk_event_next_name(const char **list, char *ret_name, size_t size)
{
        const char *start = *list + strspn(*list, " \t"), *end = end_of_name(start), *last = end;

        if (*start == '\0')
                return 0;
        if (!end)
                return -EINVAL;
        while (last > start && isblank((unsigned char)last[-1]))
                last--;
        if (last == start || (*end == ',' && end[1 + strspn(end + 1, " \t")] == '\0'))
                return -EINVAL;
        if ((size_t)(last - start) >= size)
                return -ENAMETOOLONG;

        memcpy(ret_name, start, (size_t)(last - start));
        ret_name[last - start] = '\0';
        *list = end + (*end == ',');
        return 1;
}

/* ---- terms ---- */

/* A whole number, and what follows it. strtoull() takes signs and blanks, and leading zeros for
 * octal. Base 0: decimal, or with 0x hexadecimal. */
static int
read_number(const char **text, int base, uint64_t *ret_value)
{
        unsigned long long value;
        char *end;

        if (!isxdigit((unsigned char)**text))
                return -EINVAL;
        if (base == 0)
                base = (*text)[0] == '0' && ((*text)[1] | 0x20) == 'x' ? 16 : 10;
        errno = 0;
        value = strtoull(*text, &end, base);
        if (errno || end == *text)
                return -EINVAL;

        *text = end;
        *ret_value = value;
        return 0;
}

int
jk_event_next_term(const char **terms, struct jk_event_term *ret_term)
{
        struct jk_event_term term = { .value = 1 };
        const char *text = *terms;
        size_t length = 0;

        if (*text == '\0')
                return 0;
        while (is_word(text[length]))
                length++;
        if (length == 0 || length >= sizeof term.name)
                return -EINVAL;
        memcpy(term.name, text, length);
        text += length;

        if (*text == '=') {
                text++;
                if (read_number(&text, 0, &term.value) < 0)
                        return -EINVAL;
        }
        if (*text != '\0' && (*text != ',' || text[1] == '\0'))
                return -EINVAL;

        *terms = text + (*text == ',');
        *ret_term = term;
        return 1;
}

/* ---- formats ---- */

/* "config1:" → 1, and what follows it. */
static int
read_config_number(const char **format)
{
        static const char word[] = "config";
        int which = 0;

        if (strncmp(*format, word, sizeof word - 1) != 0)
                return -EINVAL;
        *format += sizeof word - 1;
        if (**format >= '1' && **format < '0' + JK_EVENT_CONFIGS)
                which = *(*format)++ - '0';
        if (*(*format)++ != ':')
                return -EINVAL;
        return which;
}

/* "0-7" or "21". */
static int
read_span(const char **text, uint64_t most, uint64_t *ret_first, uint64_t *ret_last)
{
        if (!isdigit((unsigned char)**text) || read_number(text, 10, ret_first) < 0)
                return -EINVAL;
        *ret_last = *ret_first;
        if (**text == '-') {
                ++*text;
                if (!isdigit((unsigned char)**text) || read_number(text, 10, ret_last) < 0)
                        return -EINVAL;
        }
        return *ret_first <= *ret_last && *ret_last <= most ? 0 : -EINVAL;
}

int
jk_event_put(const char *format, uint64_t value, uint64_t ret_configs[static JK_EVENT_CONFIGS])
{
        int which = read_config_number(&format);
        uint64_t first, last, config;

        if (which < 0)
                return which;

        config = ret_configs[which];
        do {
                if (read_span(&format, 63, &first, &last) < 0)
                        return -EINVAL;
                for (uint64_t bit = first; bit <= last; bit++) {
                        config = (config & ~(UINT64_C(1) << bit)) | (value & 1) << bit;
                        value >>= 1;
                }
        } while (*format == ',' && *++format);
        if (*format)
                return -EINVAL;
        if (value)
                return -ERANGE;

        ret_configs[which] = config;
        return 0;
}

/* ---- names of more than one part ---- */

int
jk_event_split(const char *name, char ret_pmu[static JK_PMU_NAME_SIZE], const char **ret_terms,
               size_t *ret_length)
{
        size_t length = strcspn(name, "/");
        const char *terms = name + length + 1, *end;

        if (length == 0 || length >= JK_PMU_NAME_SIZE || name[length] != '/' || *name == '.')
                return -EINVAL;
        for (size_t i = 0; i < length; i++)
                if (!is_word(name[i]))
                        return -EINVAL;
        end = strchr(terms, '/');
        if (!end || end == terms || end[1])
                return -EINVAL;

        memcpy(ret_pmu, name, length);
        ret_pmu[length] = '\0';
        *ret_terms = terms;
        *ret_length = (size_t)(end - terms);
        return 0;
}

int
jk_event_raw(const char *name, uint64_t *ret_config)
{
        const char *digits = name + 1;
        uint64_t config;

        if (*name != 'r' || read_number(&digits, 16, &config) < 0 || *digits)
                return -EINVAL;

        *ret_config = config;
        return 0;
}

int
jk_event_cpus(const char *list, cpu_set_t *ret_cpus)
{
        uint64_t first, last;
        cpu_set_t cpus;

        CPU_ZERO(&cpus);
        while (*list) {
                if (read_span(&list, 1 << 20, &first, &last) < 0)
                        return -EINVAL;
                for (uint64_t cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
                        CPU_SET(cpu, &cpus);
                if (*list && (*list != ',' || list[1] == '\0'))
                        return -EINVAL;
                list += *list == ',';
        }
        *ret_cpus = cpus;
        return 0;
}
