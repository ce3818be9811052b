/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's own BMC, by the device of the kernel's IPMI driver (linux/ipmi.h; driver
 * ipmi_devintf and one of ipmi_si, ipmi_ssif). A question may take seconds, so this is for threads
 * of which nobody waits for.
 */
#pragma once

#include "reference/dcmi.h"

#define JK_BMC_ANSWER_MAX 64 /* bytes; what is longer is refused */

struct jk_bmc;

/* The device, or where it is "" the first that there is. -ENOENT, -EACCES and so on, with the
 * remedy. */
int jk_bmc_open(const char *device, struct jk_bmc **ret_bmc, struct jk_error *err);
void jk_bmc_close(struct jk_bmc *bmc);

/* Ask: its answer, which begins with the completion code. -ETIMEDOUT after ten seconds without one;
 * -ECANCELED once stop_fd is readable. */
int jk_bmc_ask(struct jk_bmc *bmc, const struct jk_dcmi_question *question, int stop_fd,
               uint8_t ret_answer[static JK_BMC_ANSWER_MAX], size_t *ret_length,
               struct jk_error *err);

/* Get Power Reading. -EOPNOTSUPP: it does not speak DCMI, or measures no power; -ENODATA: it
 * measures none at present; and as above. */
int jk_bmc_power(struct jk_bmc *bmc, int stop_fd, struct jk_dcmi_power *ret_power,
                 struct jk_error *err);
