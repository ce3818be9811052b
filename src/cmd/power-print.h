/* SPDX-License-Identifier: Apache-2.0
 *
 * Power reports in the forms of PowerAPI: CSV with its columns, or a JSON document a line.
 */
#pragma once

#include <stdio.h>

#include "model/smartwatts-formula.h"

enum jk_power_form { JK_POWER_CSV, JK_POWER_JSON };

struct jk_power_printer {
        FILE *file;
        enum jk_power_form form;
        struct jk_text line; /* again and again */
        bool has_begun;
        int error; /* the errno of what was not printed; 0: all was */
};

/* The titles of the columns, also if nothing follows; nothing in JSON. */
void jk_power_print_titles(struct jk_power_printer *printer);

void jk_power_print(struct jk_power_printer *printer, const struct jk_smartwatts_power *power);
