/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples to HWPC reports, so that PowerAPI's formulas can run on what joulekeeper recorded. One
 * report per tick is of the target "all": RAPL's energy, the clocks, and all that was counted; one
 * of each cgroup that did something, called by its path as the sensor calls it: what the tasks in
 * it counted, those in cgroups below it left out.
 *
 * A sample does not say what a report has to: on which CPU something was counted, of which package
 * a CPU is, and of which package a task's cycles are. What is made up is told in export.c, and in
 * docs/smartwatts.md.
 */
#pragma once

#include "base/error.h"
#include "hwpc/report.h"
#include "sample/sample.h"

/* What MPERF and TSC are taken to count in a second, as a sample does not know it. It is what
 * smartwatts-formula takes for the base frequency if it is not told. */
#define JK_HWPC_EXPORT_BASE_MHZ 2100

struct jk_hwpc_export;

/* Takes what is made: 0, or a negative errno (with a message) that ends it. */
typedef int jk_hwpc_take(void *data, const struct jk_hwpc_report *report, struct jk_error *err);

/* Reports of a sensor of that name; the names must outlive it. 0 or a negative errno with a
 * message. */
int jk_hwpc_export_open(const char *sensor, struct jk_hwpc_names *names,
                        struct jk_hwpc_export **ret_export, struct jk_error *err);
void jk_hwpc_export_close(struct jk_hwpc_export *export);

/* Make the reports of the next sample, which are valid during the call of take. What cannot stand
 * in a report (a count that no counter can show) is refused: -ERANGE with a message. */
int jk_hwpc_export_sample(struct jk_hwpc_export *export, const struct jk_sample *sample,
                          jk_hwpc_take *take, void *data, struct jk_error *err);

/* Whether there was energy in any of them: without it no formula can estimate anything. */
bool jk_hwpc_export_has_energy(const struct jk_hwpc_export *export);

/* Append a report as the JSON document that the sensor sends, and the end of the line. Rows of a
 * group and socket have to stand together, as they do in what is made here. */
void jk_hwpc_write_json(const struct jk_hwpc_report *report, const struct jk_hwpc_names *names,
                        struct jk_text *out);
