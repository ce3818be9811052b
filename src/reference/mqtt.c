/* SPDX-License-Identifier: Apache-2.0
 *
 * The source `mqtt`: a broker to which a plug or a meter publishes, by libmosquitto. Messages come
 * at quality of service 0, since a reading that is lost is worth less than one that is late. One
 * that the broker kept (retained) is of nobody knows when, and says nothing; a live one counts from
 * when it comes.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/mosquitto.h"
#include "reference/broker.h"
#include "reference/json.h"
#include "reference/web.h"

#define KEEPALIVE_S     10 /* a broker that says nothing for longer is asked whether it is there */
#define PAYLOAD_MAX     (1 << 20)
#define READS_AT_ONCE   8
#define HOUSEKEEPING_MS 1000

struct jk_reference {
        struct jk_mosquitto api;
        struct mosquitto *client;
        struct jk_broker broker;
        const struct jk_reference_config *config; /* the feed's, which outlives this */

        /* What the callbacks left: */
        struct jk_reference_value value;
        bool has_value, is_refused;
        struct jk_error refusal; /* of what came */
        int failure;             /* 0, or a negative errno: the broker refuses us */
        struct jk_error why;
        char complaint[200]; /* the library's own, of TLS */
};

/* ---- what comes ---- */

static void
on_connect(struct mosquitto *client, void *data, int code)
{
        static const int wrong_password = 4, not_allowed = 5;
        struct jk_reference *mqtt = data;

        if (code == 0) {
                if (mqtt->api.subscribe(client, NULL, mqtt->config->topic, 0) != MOSQ_ERR_SUCCESS)
                        mqtt->failure =
                                jk_fail(&mqtt->why, EINVAL, "'%.200s' cannot be subscribed to",
                                        mqtt->config->topic);
                return;
        }

        mqtt->failure = jk_fail(&mqtt->why, EACCES, "the broker refuses: %s%s",
                                mqtt->api.connack_string(code),
                                code != wrong_password && code != not_allowed ? ""
                                : *mqtt->config->credentials
                                        ? " is what the file named by wall.credentials holds right?"
                                        : " name a file with USER:PASSWORD by wall.credentials");
}

static void
on_subscribe(struct mosquitto *client, void *data, int number, int n, const int *granted)
{
        static const int refused = 0x80;
        struct jk_reference *mqtt = data;

        (void)client;
        (void)number;
        if (n > 0 && granted[0] == refused)
                mqtt->failure =
                        jk_fail(&mqtt->why, EACCES, "the broker does not let '%.200s' be read",
                                mqtt->config->topic);
}

static void
on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message)
{
        struct jk_reference *mqtt = data;
        int r;

        (void)client;
        if (message->retain)
                return;
        if (message->payloadlen > PAYLOAD_MAX)
                r = jk_fail(&mqtt->refusal, EFBIG, "mqtt: a message is longer than 1 MiB");
        else
                r = jk_answer_mqtt(message->payload ? message->payload : "",
                                   (size_t)message->payloadlen, mqtt->config->path, &mqtt->value,
                                   &mqtt->refusal);
        if (r == 0)
                mqtt->has_value = true;
        else
                mqtt->is_refused = true;
}

static void
on_log(struct mosquitto *client, void *data, int level, const char *text)
{
        struct jk_reference *mqtt = data;

        (void)client;
        if (level == MOSQ_LOG_ERR)
                snprintf(mqtt->complaint, sizeof mqtt->complaint, "%s", text);
}

/* ---- the connection ---- */

static int
fail(struct jk_reference *mqtt, int code, int library_errno, struct jk_error *err)
{
        static const struct {
                int code, error;
                const char *text; /* where the library's own says too little */
        } rows[] = {
                { MOSQ_ERR_CONN_LOST, EPIPE, "the broker closed the connection" },
                { MOSQ_ERR_NO_CONN, EPIPE, "there is no connection any more" },
                { MOSQ_ERR_KEEPALIVE, ETIMEDOUT, "the broker does not answer" },
                { MOSQ_ERR_EAI, EHOSTUNREACH, "the name of the host cannot be looked up" },
                { MOSQ_ERR_TLS, EPROTO, "TLS failed" },
                { MOSQ_ERR_PROTOCOL, EPROTO, "it does not speak MQTT" },
                { MOSQ_ERR_NOMEM, ENOMEM, "out of memory" },
        };
        const char *text = mqtt->api.strerror(code);
        int error = EIO;

        if (code == MOSQ_ERR_ERRNO && library_errno > 0) {
                error = library_errno;
                text = strerror(library_errno);
        }
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].code == code) {
                        error = rows[i].error;
                        text = rows[i].text;
                }

        return jk_fail(err, error, "%s: port %d: %s%s%s", mqtt->broker.host, mqtt->broker.port,
                       text, *mqtt->complaint ? ": " : "", mqtt->complaint);
}

static int
set_credentials(struct jk_reference *mqtt, struct jk_error *err)
{
        char line[JK_CREDENTIALS_MAX], *colon;
        int r = jk_credentials_read(mqtt->config->credentials, line, err);

        if (r < 0)
                return r;

        colon = strchr(line, ':');
        if (colon) {
                *colon = '\0';
                r = mqtt->api.username_pw_set(mqtt->client, line, colon + 1);
        }
        explicit_bzero(line, sizeof line);
        if (!colon || r != MOSQ_ERR_SUCCESS)
                return jk_fail(err, EINVAL, "%s: its first line has to hold USER:PASSWORD",
                               mqtt->config->credentials);
        return 0;
}

/* Certificates are verified, and that they are of this host, unless the library is told otherwise,
 * which it is not. */
static int
set_tls(struct jk_reference *mqtt, struct jk_error *err)
{
        const char *file = mqtt->config->certificate;
        int code = *file ? mqtt->api.tls_set(mqtt->client, file, NULL, NULL, NULL, NULL)
                         : mqtt->api.int_option(mqtt->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);

        if (code == MOSQ_ERR_SUCCESS)
                return 0;
        return jk_fail(err, EINVAL, "%s: %s", *file ? file : "the system's certificates",
                       mqtt->api.strerror(code));
}

/* A name of its own, as a broker throws out the older of two clients of one name. */
static int
create_client(struct jk_reference *mqtt, struct jk_error *err)
{
        unsigned long long number = 0;
        char name[24]; /* what every broker has to take */

        if (getrandom(&number, sizeof number, 0) < 0)
                return jk_fail(err, errno, "getrandom: %m");
        snprintf(name, sizeof name, "jk-%016llx", number);

        mqtt->api.lib_init();
        mqtt->client = mqtt->api.create(name, true, mqtt);
        if (!mqtt->client)
                return jk_fail(err, ENOMEM, "out of memory");

        mqtt->api.connect_callback_set(mqtt->client, on_connect);
        mqtt->api.subscribe_callback_set(mqtt->client, on_subscribe);
        mqtt->api.message_callback_set(mqtt->client, on_message);
        mqtt->api.log_callback_set(mqtt->client, on_log);
        return 0;
}

static int
connect_broker(struct jk_reference *mqtt, struct jk_error *err)
{
        int r = create_client(mqtt, err);
        int code;

        if (r == 0 && *mqtt->config->credentials)
                r = set_credentials(mqtt, err);
        if (r == 0 && mqtt->broker.tls)
                r = set_tls(mqtt, err);
        if (r < 0)
                return r;

        code = mqtt->api.connect(mqtt->client, mqtt->broker.host, mqtt->broker.port, KEEPALIVE_S);
        if (code != MOSQ_ERR_SUCCESS)
                return fail(mqtt, code, errno, err);

        /* The library leaves it to go with exec() into programs that others run. */
        if (fcntl(mqtt->api.socket(mqtt->client), F_SETFD, FD_CLOEXEC) < 0)
                return jk_fail(err, errno, "fcntl: %m");
        return 0;
}

static int
mqtt_check(const struct jk_reference_config *config, struct jk_error *err)
{
        struct jk_broker broker;
        int r = jk_broker_parse(config->url, &broker, err);

        if (r < 0) {
                jk_error_prefix(err, "wall.url: ");
                return r;
        }
        r = jk_broker_check_topic(config->topic, err);
        if (r < 0)
                jk_error_prefix(err, "wall.topic: ");
        return r;
}

static void
mqtt_close(struct jk_reference *mqtt)
{
        if (mqtt->client)
                mqtt->api.destroy(mqtt->client);
        free(mqtt);
}

static int
mqtt_open(const struct jk_reference_config *config, struct jk_reference **ret_reference,
          struct jk_error *err)
{
        struct jk_reference *mqtt = calloc(1, sizeof *mqtt);
        int r;

        if (!mqtt)
                return jk_fail(err, ENOMEM, "wall: mqtt: out of memory");

        mqtt->config = config;
        r = jk_broker_parse(config->url, &mqtt->broker, err);
        if (r == 0)
                r = jk_mosquitto_load(&mqtt->api, err);
        if (r == 0)
                r = connect_broker(mqtt, err);
        if (r < 0) {
                jk_error_prefix(err, "wall: mqtt: ");
                mqtt_close(mqtt);
                return r;
        }

        *ret_reference = mqtt;
        return 0;
}

/* ---- reading ---- */

/* What has come by now, up to the first message that counts. TLS may hold more than the socket
 * shows, so it is read until nothing comes. */
static int
take_in(struct jk_reference *mqtt, struct jk_error *err)
{
        int code = MOSQ_ERR_SUCCESS, library_errno;

        errno = 0;
        for (int i = 0; i < READS_AT_ONCE && code == MOSQ_ERR_SUCCESS; i++)
                if (!mqtt->has_value && !mqtt->is_refused)
                        code = mqtt->api.loop_read(mqtt->client, 1);
        if (code == MOSQ_ERR_SUCCESS && mqtt->api.want_write(mqtt->client))
                code = mqtt->api.loop_write(mqtt->client, 1);
        if (code == MOSQ_ERR_SUCCESS)
                code = mqtt->api.loop_misc(mqtt->client);
        library_errno = errno;

        if (mqtt->failure < 0)
                return jk_fail(err, mqtt->failure, "%s", mqtt->why.message);
        return code == MOSQ_ERR_SUCCESS ? 0 : fail(mqtt, code, library_errno, err);
}

static int
wait_for_more(struct jk_reference *mqtt, int stop_fd)
{
        struct pollfd fds[] = {
                { .fd = stop_fd, .events = POLLIN },
                { .fd = mqtt->api.socket(mqtt->client), .events = POLLIN },
        };

        if (mqtt->api.want_write(mqtt->client))
                fds[1].events |= POLLOUT;
        poll(fds, JK_COUNT(fds), HOUSEKEEPING_MS);
        return fds[0].revents ? -ECANCELED : 0;
}

static int
mqtt_read(struct jk_reference *mqtt, int stop_fd, struct jk_reference_value *ret_value,
          struct jk_error *err)
{
        for (;;) {
                int r = take_in(mqtt, err);

                if (r < 0) {
                        jk_error_prefix(err, "wall: mqtt: ");
                        return r;
                }
                if (mqtt->has_value) {
                        mqtt->has_value = false;
                        *ret_value = mqtt->value;
                        return 0;
                }
                if (mqtt->is_refused) {
                        mqtt->is_refused = false;
                        return jk_fail(err, EAGAIN, "wall: %s", mqtt->refusal.message);
                }

                r = wait_for_more(mqtt, stop_fd);
                if (r < 0)
                        return r;
        }
}

const struct jk_reference_ops jk_reference_mqtt = {
        .name = "mqtt",
        .summary = "a plug or a meter that publishes to an MQTT broker",
        .needs = { "wall-url", "wall-topic" },
        .uncertainty_pct = 3,
        .streams = true,
        .check = mqtt_check,
        .open = mqtt_open,
        .read = mqtt_read,
        .close = mqtt_close,
};
