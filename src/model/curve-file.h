/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves (curve/curve.h) from model files and into them.
 */
#pragma once

#include "curve/curve.h"
#include "model/file.h"

/* Of a file of any kind: what it says of the machine's zones of its kind together. */
void jk_curve_from_file(const struct jk_model_file *file, struct jk_curve *ret_curve);

/* Read a model file, for a machine with that CPU: the less it is the file's, the wider is the error
 * bar. NULL: as the file has it. 0, or a negative errno with a message that begins with the path.
 */
int jk_curve_read(const char *path, const struct jk_model_cpu *cpu, struct jk_curve *ret_curve,
                  struct jk_error *err);

/* Set the kind, zone, points and features of the file; the rest stays. */
void jk_curve_to_file(const struct jk_curve *curve, struct jk_model_file *file);
