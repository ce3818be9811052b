/* SPDX-License-Identifier: Apache-2.0
 *
 * The model files that an agent offers to others (docs/model-server.md): those that are shipped
 * with it, and those of a directory, as it was when it was read. A file of the directory stands in
 * for a shipped one of the same name.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct jk_offers;

/* `directory`: NULL or "" for none. What is no model in it is said and left out. */
int jk_offers_open(const char *directory, struct jk_offers **ret_offers, struct jk_error *err);
void jk_offers_close(struct jk_offers *offers);

/* {"models":[{"name":…,"zone":…,"cpu":{…},"error":{…},"bytes":…,"sha256":…},…]} */
const char *jk_offers_list(const struct jk_offers *offers);

/* The file of that model, byte by byte, or NULL. */
const char *jk_offers_file(const struct jk_offers *offers, const char *name, size_t *ret_length);
