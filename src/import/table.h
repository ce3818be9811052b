/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody's tables, by a mapping, to observations.
 */
#pragma once

#include <stdio.h>

#include "import/mapping.h"

struct jk_tables;

/* Make ready to read tables into the observations, both of which it borrows; the mapping too. */
int jk_tables_open(const struct jk_mapping *mapping, struct jk_observations *seen,
                   struct jk_tables **ret_tables, struct jk_error *err);
void jk_tables_close(struct jk_tables *tables);

/* Read one file, by the first table of the mapping all of whose columns it has. Messages name file,
 * line and column. */
int jk_tables_read(struct jk_tables *tables, FILE *file, const char *name, struct jk_error *err);
