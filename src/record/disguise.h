/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that tell nothing, in place of those of programs, users and cgroups: numbered as they come,
 * the same for the same name all through a recording. What every machine has (root, system.slice,
 * kubepods) stays, and so does what systemd calls the kind of a unit (.service), as it says how a
 * machine is laid out and not whose it is.
 */
#pragma once

#include "record/codec.h"

struct jk_disguiser;

struct jk_disguiser *jk_disguiser_new(void); /* NULL: out of memory */
void jk_disguiser_free(struct jk_disguiser *disguiser);

/* To be given to an encoder or a recorder, which the disguiser has to outlive. */
struct jk_disguise jk_disguiser_disguise(struct jk_disguiser *disguiser);
