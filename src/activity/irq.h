/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the time a CPU spends in interrupts is inside the CPU time of the task it interrupted:
 * so it is, unless the kernel was built with CONFIG_IRQ_TIME_ACCOUNTING (or the ppc64 and s390
 * equivalent, CONFIG_VIRT_CPU_ACCOUNTING_NATIVE).
 */
#pragma once

#include <stdbool.h>

#include "base/root.h"

/* From the kernel's configuration in boot/, else from its type information; if neither can be read,
 * true, as kernels are by default. */
bool jk_irq_time_is_in_tasks(const struct jk_root *root);
