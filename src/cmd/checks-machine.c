/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks: what kind of machine this is, and what on it changes how far the numbers can be trusted.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "cmd/checks.h"
#include "serve/serve.h"

/* ---- virtual machine, container ---- */

/* ": QEMU Standard PC", or nothing where the firmware does not say. */
static const char *
maker(const struct jk_root *root, char *buffer, size_t size)
{
        char vendor[64] = "", product[64] = "";

        jk_root_read(root, "sys/class/dmi/id/sys_vendor", vendor, sizeof vendor);
        jk_root_read(root, "sys/class/dmi/id/product_name", product, sizeof product);
        snprintf(buffer, size, "%s%s%s%s", *vendor || *product ? ": " : "", vendor,
                 *vendor && *product ? " " : "", product);
        return buffer;
}

/* An x86 CPU says so itself. ARM's does not: there, hypervisors tell by the device tree or the
 * firmware's names that the board is none. */
static bool
is_virtual(const struct jk_root *root)
{
        static const struct {
                const char *path, *begins;
        } rows[] = {
                { "sys/firmware/devicetree/base/hypervisor/compatible", "" },
                { "sys/firmware/devicetree/base/compatible", "linux,dummy-virt" },
                { "sys/class/dmi/id/sys_vendor", "QEMU" },
                { "sys/class/dmi/id/sys_vendor", "VMware" },
                { "sys/class/dmi/id/product_name", "KVM" },
                { "sys/class/dmi/id/product_name", "Google Compute Engine" },
                { "sys/class/dmi/id/product_name", "Virtual Machine" },
        };
        char text[128];

        if (jk_cpu_flag(root, "hypervisor") || jk_root_exists(root, "sys/hypervisor/type"))
                return true;
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (jk_root_read(root, rows[i].path, text, sizeof text) > 0 &&
                    strncmp(text, rows[i].begins, strlen(rows[i].begins)) == 0)
                        return true;
        return false;
}

static void
check_virtual(struct jk_diagnosis *diagnosis)
{
        bool virtual = is_virtual(diagnosis->root);
        char made[160];

        maker(diagnosis->root, made, sizeof made);
        if (!virtual) {
                jk_diagnosis_add(diagnosis, "machine", "kind", JK_CHECK_OK, "bare metal%s", made);
        } else if (diagnosis->energy_counted) {
                jk_diagnosis_add(diagnosis, "machine", "kind", JK_CHECK_OK, "virtual machine%s",
                                 made);
        } else {
                jk_diagnosis_add(diagnosis, "machine", "kind", JK_CHECK_LIMITED,
                                 "virtual machine%s; the meters are the host's", made);
                jk_diagnosis_remedy(diagnosis, "measure on the host");
        }
}

/* The initial pid namespace has a fixed inode number: PROC_PID_INIT_INO in the kernel's
 * include/linux/proc_ns.h. In another one the host's other tasks are out of sight. */
static void
check_container(struct jk_diagnosis *diagnosis)
{
        char namespace[64] = "";
        ssize_t n = readlink("/proc/self/ns/pid", namespace, sizeof namespace - 1);

        if (n > 0 && strcmp(namespace, "pid:[4026531836]") != 0) {
                jk_diagnosis_add(diagnosis, "machine", "container", JK_CHECK_LIMITED,
                                 "this is a pid namespace of its own: tasks outside are not seen");
                jk_diagnosis_remedy(diagnosis, "run on the host, or share its pid namespace "
                                               "(--pid=host, hostPID: true)");
        } else {
                jk_diagnosis_add(diagnosis, "machine", "container", JK_CHECK_OK,
                                 "all tasks of the machine are in sight");
        }
}

/* ---- clocks ---- */

static void
check_frequency(struct jk_diagnosis *diagnosis)
{
        char driver[64] = "";

        if (jk_root_read(diagnosis->root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver",
                         driver, sizeof driver) > 0)
                jk_diagnosis_add(diagnosis, "machine", "frequency", JK_CHECK_OK, "cpufreq, %s",
                                 driver);
        else
                jk_diagnosis_add(diagnosis, "machine", "frequency", JK_CHECK_NONE,
                                 "no cpufreq: the frequency of the CPUs is not known");
}

static void
check_clock(struct jk_diagnosis *diagnosis)
{
        static const char *const slow[] = { "hpet", "acpi_pm", "jiffies", "refined-jiffies",
                                            "pit" };
        char source[64] = "";

        if (jk_root_read(diagnosis->root,
                         "sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                         sizeof source) <= 0)
                return;

        for (size_t i = 0; i < JK_COUNT(slow); i++)
                if (strcmp(source, slow[i]) == 0) {
                        jk_diagnosis_add(diagnosis, "machine", "clock", JK_CHECK_LIMITED,
                                         "%s, which is slow to read: the kernel found the CPU's "
                                         "own clock unsteady",
                                         source);
                        jk_diagnosis_remedy(diagnosis, "look for \"clocksource\" in dmesg");
                        return;
                }
        jk_diagnosis_add(diagnosis, "machine", "clock", JK_CHECK_OK, "%s", source);
}

/* ---- HTTP ---- */

/* Start a server as the agent would, and stop it at once. */
static void
check_port(struct jk_diagnosis *diagnosis)
{
        const struct jk_serve_options options = { .listen = diagnosis->listen };
        struct jk_server *server;
        struct jk_shelf shelf;
        struct jk_error err;

        jk_shelf_init(&shelf);
        if (jk_serve_start(&options, &shelf, &server, &err) < 0) {
                jk_diagnosis_add(diagnosis, "machine", "HTTP", JK_CHECK_LIMITED, "%s", err.message);
        } else {
                jk_serve_stop(server);
                jk_diagnosis_add(diagnosis, "machine", "HTTP", JK_CHECK_OK, "%s is free",
                                 diagnosis->listen);
        }
        jk_shelf_destroy(&shelf);
}

void
jk_check_machine(struct jk_diagnosis *diagnosis)
{
        check_virtual(diagnosis);
        check_container(diagnosis);
        check_frequency(diagnosis);
        check_clock(diagnosis);
        check_port(diagnosis);
}
