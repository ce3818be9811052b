/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as a whole: defaults, the command line's setter, the defaults as a file.
 */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "config/rows.h"

int
jk_config_init(struct jk_config *ret_config)
{
        jk_autoconfig struct jk_config config = { 0 };

        for (size_t i = 0; i < jk_config_n_rows; i++) {
                int r = jk_config_assign(&config, &jk_config_rows[i], jk_config_rows[i].initial,
                                         NULL, NULL);

                if (r < 0)
                        return r;
        }

        *ret_config = config;
        config = (struct jk_config){ 0 };
        return 0;
}

void
jk_config_free(struct jk_config *config)
{
        for (size_t i = 0; i < jk_config_n_rows; i++) {
                const struct jk_config_row *row = &jk_config_rows[i];

                if (row->type == JK_CONFIG_STRING || row->type == JK_CONFIG_CHOICE)
                        free(*(char **)((char *)config + row->offset));
        }

        *config = (struct jk_config){ 0 };
}

static int
unknown_option(const char *option, struct jk_error *err)
{
        struct jk_suggest suggest = { .wrong = option };

        for (size_t i = 0; i < jk_config_n_rows; i++)
                jk_suggest_offer(&suggest, jk_config_rows[i].option);

        return jk_fail(err, EINVAL, "%s: there is no such option%s%s%s", option,
                       suggest.best ? "; did you mean " : "", suggest.best ? suggest.best : "",
                       suggest.best ? "?" : "");
}

int
jk_config_set(struct jk_config *config, const char *option, const char *value,
              jk_config_check *check, struct jk_error *err)
{
        const struct jk_config_row *row = jk_config_row(option);
        int r;

        if (!row)
                return unknown_option(option, err);

        r = jk_config_assign(config, row, value, check, err);
        if (r < 0)
                jk_error_prefix(err, "%s: ", option);
        return r;
}

/* ---- the defaults as a file ---- */

/* A comment of whole words, broken at 80 columns. */
static void
print_comment(FILE *out, int indent, const char *text)
{
        size_t room = 80 - (size_t)indent - strlen("# ");

        while (*text) {
                size_t length = strlen(text);

                if (length > room) {
                        length = room;
                        while (length > 1 && text[length] != ' ')
                                length--;
                }
                fprintf(out, "%*s# %.*s\n", indent, "", (int)length, text);
                text += length + strspn(text + length, " ");
        }
}

static void
print_row(FILE *out, const struct jk_config_row *row)
{
        char range[JK_CONFIG_RANGE_SIZE];
        int indent = row->section ? 2 : 0;

        print_comment(out, indent, row->help);
        if (*jk_config_range(row, range))
                print_comment(out, indent, range);
        fprintf(out, "%*s%s: %s\n", indent, "", row->key, jk_config_initial(row));
}

int
jk_config_print_defaults(FILE *out)
{
        const char *section = NULL;

        print_comment(out, 0,
                      "Configuration of joulekeeper run. Every line shows the default. SIGHUP "
                      "reads the file again; joulekeeper config --check FILE tells what is wrong "
                      "with it.");
        for (size_t i = 0; i < jk_config_n_rows; i++) {
                const struct jk_config_row *row = &jk_config_rows[i];

                fputc('\n', out);
                if (row->section && (!section || strcmp(section, row->section) != 0)) {
                        print_comment(out, 0, jk_config_section_help(row->section));
                        fprintf(out, "%s:\n", row->section);
                }
                section = row->section;
                print_row(out, row);
        }

        return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
