/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/configuration.md, from the rows.
 */
#include <string.h>

#include "config/rows.h"

static const char head[] =
        "# Configuration\n"
        "\n"
        "<!-- Made from src/config/rows.c; a test holds it to them. JK_UPDATE_DOCS=1 meson test "
        "config\n"
        "     writes it anew. -->\n"
        "\n"
        "The agent needs no configuration. What it is told differently stands in a YAML file, "
        "which it\n"
        "reads with `joulekeeper run --config FILE`, or on the command line, which wins over the "
        "file.\n"
        "\n"
        "    joulekeeper config --print-defaults > joulekeeper.yaml\n"
        "    joulekeeper config --check joulekeeper.yaml\n"
        "\n"
        "A key that is not known, a value of the wrong type or out of range, and a key that "
        "stands twice\n"
        "are refused with file, line and what would be right; nothing is then changed:\n"
        "\n"
        "    joulekeeper.yaml:3: intervall: there is no such key; did you mean 'interval'?\n"
        "\n"
        "`SIGHUP` (`systemctl reload joulekeeper`) reads the file again. A file that is refused "
        "leaves\n"
        "everything as it was, and the log says why. Options without a yes in the column *reload* "
        "need a\n"
        "restart; the log says that, too.\n"
        "\n"
        "Durations are a number and its unit: `10ms`, `1s`, `1.5s`, `2m`, `1h`. A file larger "
        "than 1 MiB, or\n"
        "with more than one YAML document, is refused.\n"
        "\n"
        "| key | command line | default | values | reload | meaning |\n"
        "| --- | --- | --- | --- | --- | --- |\n";

static void
document_row(struct jk_text *text, const struct jk_config_row *row)
{
        char name[JK_CONFIG_NAME_SIZE], range[JK_CONFIG_RANGE_SIZE];

        jk_text_printf(text, "| `%s` | `--%s %s` | `%s` | %s | %s | %s |\n",
                       jk_config_name(row, name), row->option, row->argument,
                       jk_config_initial(row), jk_config_range(row, range),
                       row->while_running ? "yes" : "", row->help);
}

void
jk_config_document(struct jk_text *text)
{
        jk_text_string(text, head);
        for (size_t i = 0; i < jk_config_n_rows; i++)
                document_row(text, &jk_config_rows[i]);

        jk_text_string(text, "\nA name with a dot is a key in a section: `metrics.processes` is "
                             "written\n\n    metrics:\n      processes: 20\n");
}
