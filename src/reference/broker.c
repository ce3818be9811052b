/* SPDX-License-Identifier: Apache-2.0
 *
 * Brokers' addresses and topics: see broker.h.
 */
#include "reference/broker.h"

#include <string.h>

#include "base/array.h"
#include "base/root.h"

static const struct {
        const char *prefix;
        int port;
        bool tls;
} schemes[] = {
        { "mqtt://", 1883, false },
        { "mqtts://", 8883, true },
};

static int
wrong_form(const char *url, struct jk_error *err)
{
        return jk_fail(err, EINVAL,
                       "'%.200s' is no broker's address; give mqtt://HOST, mqtt://HOST:PORT, or "
                       "mqtts:// for TLS",
                       url);
}

/* What stands behind the host: nothing, or :PORT; and a slash, perhaps. */
static bool
parse_port(const char *rest, int *port)
{
        char digits[6];
        uint64_t number;
        size_t length;

        if (*rest == ':') {
                length = strspn(++rest, "0123456789");
                if (length == 0 || length >= sizeof digits)
                        return false;
                memcpy(digits, rest, length);
                digits[length] = '\0';
                if (jk_parse_u64(digits, &number) < 0 || number == 0 || number > UINT16_MAX)
                        return false;
                *port = (int)number;
                rest += length;
        }

        return strcmp(rest, "") == 0 || strcmp(rest, "/") == 0;
}

int
jk_broker_parse(const char *url, struct jk_broker *ret_broker, struct jk_error *err)
{
        struct jk_broker broker = { 0 };
        const char *host = NULL, *end;

        for (size_t i = 0; i < JK_COUNT(schemes) && !host; i++) {
                size_t length = strlen(schemes[i].prefix);

                if (strncmp(url, schemes[i].prefix, length) != 0)
                        continue;
                host = url + length;
                broker.port = schemes[i].port;
                broker.tls = schemes[i].tls;
        }
        if (!host)
                return wrong_form(url, err);

        if (*host == '[') {
                end = strchr(++host, ']');
                if (!end || !parse_port(end + 1, &broker.port))
                        return wrong_form(url, err);
        } else {
                end = host + strcspn(host, ":/?#[]@");
                if (!parse_port(end, &broker.port))
                        return wrong_form(url, err);
        }
        if (end == host || (size_t)(end - host) >= sizeof broker.host)
                return wrong_form(url, err);

        memcpy(broker.host, host, (size_t)(end - host));
        *ret_broker = broker;
        return 0;
}

int
jk_broker_check_topic(const char *topic, struct jk_error *err)
{
        if (strpbrk(topic, "+#"))
                return jk_fail(err, EINVAL,
                               "'%.200s' stands for the topics of several meters; name the one",
                               topic);

        return 0;
}
