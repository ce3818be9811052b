/* SPDX-License-Identifier: Apache-2.0
 *
 * How warm packages are: hwmon (coretemp, k10temp, zenpower), else the thermal zones of packages. A
 * package's temperature is told for one of its CPUs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/root.h"

struct jk_temperature;

/* Works without any sensor: then nothing is ever seen. 0 or -ENOMEM. */
int jk_temperature_open(const struct jk_root *sys_root, struct jk_temperature **ret_temperature);
void jk_temperature_close(struct jk_temperature *temperature);

/* A tick begins. Sensors are read once a second at most: that may wake a CPU up, and heat takes its
 * time. */
void jk_temperature_begin(struct jk_temperature *temperature);

/* Whether a temperature is told for the CPU: its package's, in m°C, as it was read last. */
bool jk_temperature_of(const struct jk_temperature *temperature, uint32_t cpu, int32_t *ret_mc);
