/* SPDX-License-Identifier: Apache-2.0
 *
 * What the checks of joulekeeper doctor share: see checks.h.
 */
#include "cmd/checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

const char *
jk_check_state_name(enum jk_check_state state)
{
        static const char *const names[] = {
                [JK_CHECK_OK] = "ok",
                [JK_CHECK_NONE] = "none",
                [JK_CHECK_LIMITED] = "limited",
                [JK_CHECK_MISSING] = "missing",
        };

        return names[state];
}

struct jk_finding *
jk_diagnosis_add(struct jk_diagnosis *diagnosis, const char *group, const char *name,
                 enum jk_check_state state, const char *format, ...)
{
        struct jk_finding *finding;
        va_list arguments;

        if (diagnosis->n == JK_FINDINGS_MAX)
                return NULL;

        finding = &diagnosis->findings[diagnosis->n++];
        *finding = (struct jk_finding){ .group = group, .state = state };
        snprintf(finding->name, sizeof finding->name, "%s", name);
        va_start(arguments, format);
        vsnprintf(finding->why, sizeof finding->why, format, arguments);
        va_end(arguments);
        return finding;
}

void
jk_diagnosis_remedy(struct jk_diagnosis *diagnosis, const char *format, ...)
{
        struct jk_finding *finding = &diagnosis->findings[diagnosis->n - 1];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(finding->remedy, sizeof finding->remedy, format, arguments);
        va_end(arguments);
}

struct jk_finding *
jk_diagnosis_message(struct jk_diagnosis *diagnosis, const char *group, const char *name,
                     enum jk_check_state state, const char *message)
{
        size_t length = strlen(name);

        if (strncmp(message, name, length) == 0 && message[length] == ':')
                message += length + strspn(message + length, ": ");

        return jk_diagnosis_add(diagnosis, group, name, state, "%s", message);
}

static bool
has_word(const char *line, const char *word)
{
        size_t length = strlen(word);

        for (const char *at = strstr(line, word); at; at = strstr(at + 1, word))
                if ((at == line || strchr(" \t", at[-1])) &&
                    (at[length] == '\0' || strchr(" \n", at[length])))
                        return true;

        return false;
}

bool
jk_cpu_flag(const struct jk_root *root, const char *flag)
{
        jk_autoclose int fd = jk_root_open_file(root, "proc/cpuinfo");
        jk_autofclose FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
        jk_autofree char *line = NULL;
        size_t size = 0;

        if (!file)
                return false;
        jk_steal_fd(&fd);

        while (getline(&line, &size, file) > 0)
                if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0)
                        return has_word(line, flag);

        return false;
}
