/* SPDX-License-Identifier: Apache-2.0
 *
 * The BMC: see bmc.h. Its device is opened for reading, as its driver asks for no more, and reading
 * is what the service has the right to.
 */
#include "reference/bmc.h"

#include <fcntl.h>
#include <linux/ipmi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define ANSWER_MAX_NS (10 * JK_NS_PER_S)

/* As ipmitool looks for it. */
static const char *const devices[] = { "/dev/ipmi0", "/dev/ipmi/0", "/dev/ipmidev/0" };

struct jk_bmc {
        int fd;
        long n_asked; /* the latest question's number */
};

/* ---- the device ---- */

static int
fail_open(int code, const char *device, struct jk_error *err)
{
        if (code == ENOENT || code == ENXIO || code == ENODEV)
                return jk_fail(err, code,
                               "%s: there is no BMC's device; if the machine has a BMC, load the "
                               "modules ipmi_devintf and ipmi_si (or ipmi_ssif)",
                               device);
        if (code == EACCES || code == EPERM)
                return jk_fail(err, code,
                               "%s: cannot be opened: %s; docs/wall.md tells what the service "
                               "needs for it",
                               device, strerror(code));

        return jk_fail(err, code, "%s: cannot be opened: %s", device, strerror(code));
}

static int
open_device(const char *device, struct jk_error *err)
{
        size_t n = *device ? 1 : JK_COUNT(devices);

        for (size_t i = 0; i < n; i++) {
                const char *path = *device ? device : devices[i];
                int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

                if (fd >= 0)
                        return fd;
                if (errno != ENOENT)
                        return fail_open(errno, path, err);
        }

        return fail_open(ENOENT, *device ? device : devices[0], err);
}

int
jk_bmc_open(const char *device, struct jk_bmc **ret_bmc, struct jk_error *err)
{
        struct jk_bmc *bmc = calloc(1, sizeof *bmc);

        if (!bmc)
                return jk_fail(err, ENOMEM, "out of memory");

        bmc->fd = open_device(device, err);
        if (bmc->fd < 0) {
                int r = bmc->fd;

                free(bmc);
                return r;
        }

        *ret_bmc = bmc;
        return 0;
}

void
jk_bmc_close(struct jk_bmc *bmc)
{
        if (!bmc)
                return;
        close(bmc->fd);
        free(bmc);
}

/* ---- a question and its answer ---- */

static int
send_question(struct jk_bmc *bmc, const struct jk_dcmi_question *question, struct jk_error *err)
{
        struct ipmi_system_interface_addr address = {
                .addr_type = IPMI_SYSTEM_INTERFACE_ADDR_TYPE,
                .channel = IPMI_BMC_CHANNEL,
        };
        uint8_t data[sizeof question->data];
        struct ipmi_req request = {
                .addr = (unsigned char *)&address,
                .addr_len = sizeof address,
                .msgid = ++bmc->n_asked,
                .msg = {
                        .netfn = JK_DCMI_NETFN,
                        .cmd = question->command,
                        .data_len = question->length,
                        .data = data,
                },
        };

        memcpy(data, question->data, sizeof data);
        if (ioctl(bmc->fd, IPMICTL_SEND_COMMAND, &request) < 0)
                return errno == ENOTTY ? jk_fail(err, errno, "this is no device of a BMC")
                                       : jk_fail(err, errno, "the BMC cannot be asked: %m");
        return 0;
}

/* 1 if it was the answer to the latest question; 0 if it was something else, or nothing. */
static int
receive(struct jk_bmc *bmc, uint8_t ret_answer[static JK_BMC_ANSWER_MAX], size_t *ret_length,
        struct jk_error *err)
{
        struct ipmi_addr address;
        uint8_t data[JK_BMC_ANSWER_MAX];
        struct ipmi_recv received = {
                .addr = (unsigned char *)&address,
                .addr_len = sizeof address,
                .msg = { .data = data, .data_len = sizeof data },
        };
        bool cut = false;

        if (ioctl(bmc->fd, IPMICTL_RECEIVE_MSG_TRUNC, &received) < 0) {
                if (errno == EAGAIN || errno == EINTR)
                        return 0;
                if (errno != EMSGSIZE)
                        return jk_fail(err, errno, "the BMC's answer cannot be read: %m");
                cut = true;
        }
        if (received.recv_type != IPMI_RESPONSE_RECV_TYPE || received.msgid != bmc->n_asked)
                return 0; /* an event, or an answer that comes too late */
        if (cut || received.msg.data_len > sizeof data)
                return jk_fail(err, EBADMSG, "the BMC's answer is longer than %d bytes",
                               JK_BMC_ANSWER_MAX);

        memcpy(ret_answer, data, received.msg.data_len);
        *ret_length = received.msg.data_len;
        return 1;
}

/* Until something can be received. */
static int
wait_for_answer(const struct jk_bmc *bmc, int stop_fd, int64_t until_ns, struct jk_error *err)
{
        struct pollfd fds[] = {
                { .fd = stop_fd, .events = POLLIN },
                { .fd = bmc->fd, .events = POLLIN },
        };
        int64_t left_ns = until_ns - jk_monotonic_ns();
        struct timespec patience = { .tv_sec = left_ns / JK_NS_PER_S,
                                     .tv_nsec = left_ns % JK_NS_PER_S };
        int r = left_ns > 0 ? ppoll(fds, JK_COUNT(fds), &patience, NULL) : 0;

        if (r < 0)
                return errno == EINTR ? 0 : jk_fail(err, errno, "waiting for the BMC: %m");
        if (r == 0)
                return jk_fail(err, ETIMEDOUT, "the BMC has not answered for %d s",
                               (int)(ANSWER_MAX_NS / JK_NS_PER_S));
        if (fds[0].revents)
                return -ECANCELED;
        if (!(fds[1].revents & POLLIN))
                return jk_fail(err, EIO, "the BMC's device has failed");

        return 0;
}

int
jk_bmc_ask(struct jk_bmc *bmc, const struct jk_dcmi_question *question, int stop_fd,
           uint8_t ret_answer[static JK_BMC_ANSWER_MAX], size_t *ret_length, struct jk_error *err)
{
        int64_t until_ns = jk_monotonic_ns() + ANSWER_MAX_NS;
        int r = send_question(bmc, question, err);

        while (r == 0) {
                r = wait_for_answer(bmc, stop_fd, until_ns, err);
                if (r == 0)
                        r = receive(bmc, ret_answer, ret_length, err);
        }

        return r < 0 ? r : 0;
}

/* ---- power ---- */

/* It knows no Get Power Reading, or refuses it: what it says of itself tells why. */
static int
explain(struct jk_bmc *bmc, int stop_fd, int refused, struct jk_error *err)
{
        struct jk_dcmi_capabilities capabilities;
        uint8_t answer[JK_BMC_ANSWER_MAX];
        size_t length = 0;
        int r = jk_bmc_ask(bmc, &jk_dcmi_ask_capabilities, stop_fd, answer, &length, NULL);

        if (r == -ECANCELED)
                return r;
        if (r == 0)
                r = jk_dcmi_capabilities(answer, length, &capabilities, NULL);
        if (refused == -EOPNOTSUPP && r < 0)
                jk_error_prefix(err, "this BMC does not speak DCMI: ");
        if (r == 0 && !capabilities.power)
                return jk_fail(err, EOPNOTSUPP,
                               "this BMC speaks DCMI %d.%d, but measures no power, as its "
                               "capabilities say",
                               capabilities.major, capabilities.minor);

        return refused;
}

int
jk_bmc_power(struct jk_bmc *bmc, int stop_fd, struct jk_dcmi_power *ret_power, struct jk_error *err)
{
        struct jk_dcmi_power power;
        uint8_t answer[JK_BMC_ANSWER_MAX];
        size_t length = 0;
        int r = jk_bmc_ask(bmc, &jk_dcmi_ask_power, stop_fd, answer, &length, err);

        if (r < 0)
                return r;
        r = jk_dcmi_power(answer, length, &power, err);
        if (r == -EOPNOTSUPP || r == -EIO)
                return explain(bmc, stop_fd, r, err);
        if (r < 0)
                return r;
        if (!power.active)
                return jk_fail(err, ENODATA,
                               "the BMC says that power measurement is not active; it may have to "
                               "be switched on in the BMC's settings");

        *ret_power = power;
        return 0;
}
