/* SPDX-License-Identifier: Apache-2.0
 *
 * Where mappings are found: in a file, or among those that come with the program.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "base/text.h"
#include "import/mapping.h"

#define FILE_MAX (1 << 20)

static const struct built_in {
        const char *name, *text;
} built_in[] = {
#include "mappings.inc"
};

static int
load_file(const char *path, struct jk_mapping *ret_mapping, struct jk_error *err)
{
        jk_autotext struct jk_text text = { 0 };
        jk_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char buffer[4096];
        ssize_t n;

        if (fd < 0)
                return jk_fail(err, errno, "%s: cannot be read: %m", path);
        while ((n = read(fd, buffer, sizeof buffer)) > 0 && text.length <= FILE_MAX)
                jk_text_bytes(&text, buffer, (size_t)n);
        if (n < 0)
                return jk_fail(err, errno, "%s: cannot be read: %m", path);
        if (text.length > FILE_MAX)
                return jk_fail(err, EFBIG, "%s: is larger than 1 MiB; is it the mapping?", path);
        if (text.failed)
                return jk_fail(err, ENOMEM, "%s: out of memory", path);
        return jk_mapping_parse(path, text.data ? text.data : "", text.length, ret_mapping, err);
}

static int
refuse_name(const char *name, struct jk_error *err)
{
        struct jk_suggest suggest = { .wrong = name };
        jk_autotext struct jk_text names = { 0 };

        for (size_t i = 0; i < JK_COUNT(built_in); i++) {
                jk_suggest_offer(&suggest, built_in[i].name);
                jk_text_printf(&names, "%s%s", i == 0 ? "" : ", ", built_in[i].name);
        }
        if (suggest.best)
                return jk_fail(err, ENOENT, "there is no mapping '%s'; did you mean '%s'?", name,
                               suggest.best);
        return jk_fail(err, ENOENT,
                       "there is no mapping '%s'; there are %s, and files of your own: ./%s", name,
                       names.failed ? "" : names.data, name);
}

int
jk_mapping_load(const char *name, struct jk_mapping *ret_mapping, struct jk_error *err)
{
        if (strpbrk(name, "/."))
                return load_file(name, ret_mapping, err);
        for (size_t i = 0; i < JK_COUNT(built_in); i++)
                if (strcmp(built_in[i].name, name) == 0)
                        return jk_mapping_parse(name, built_in[i].text, strlen(built_in[i].text),
                                                ret_mapping, err);
        return refuse_name(name, err);
}
