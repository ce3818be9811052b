/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources that are asked over HTTP: `http`, `prometheus`, `redfish` and `kwollect` differ in
 * what is asked and what the answer means (json.h), and in nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "reference/line.h"
#include "reference/web.h"

struct jk_reference {
        const struct jk_reference_ops *ops;
        struct jk_web *web;
        struct jk_text url, time_url; /* time_url: asks only what time the value is of; or empty */
        char path[JK_REFERENCE_TEXT_MAX];
        struct jk_text body;
};

static void
web_close(struct jk_reference *reference)
{
        jk_web_close(reference->web);
        jk_text_free(&reference->url);
        jk_text_free(&reference->time_url);
        jk_text_free(&reference->body);
        free(reference);
}

/* BASE/api/v1/query?query=… An instant query tells when it was asked, and timestamp() of what time
 * the latest sample is: a target that is scraped no more would else look fresh for five minutes. */
static void
prometheus_urls(struct jk_reference *reference, const struct jk_reference_config *config)
{
        jk_autotext struct jk_text timestamp = { 0 };
        size_t length = strlen(config->url);

        while (length > 0 && config->url[length - 1] == '/')
                length--;
        jk_text_printf(&timestamp, "timestamp(%s)", config->query);
        jk_text_printf(&reference->url, "%.*s/api/v1/query?query=", (int)length, config->url);
        jk_text_string(&reference->time_url, reference->url.data ? reference->url.data : "");
        jk_web_escape(reference->web, config->query, &reference->url);
        jk_web_escape(reference->web, timestamp.data ? timestamp.data : "", &reference->time_url);
}

static void
kwollect_url(struct jk_reference *reference, const struct jk_reference_config *config)
{
        jk_text_printf(&reference->url, "%s%smetrics=", config->url,
                       strchr(config->url, '?') ? "&" : "?");
        jk_web_escape(reference->web, *config->query ? config->query : "wattmetre_power_watt",
                      &reference->url);
}

static void
make_urls(struct jk_reference *reference, const struct jk_reference_config *config)
{
        if (config->ops == &jk_reference_prometheus)
                prometheus_urls(reference, config);
        else if (config->ops == &jk_reference_kwollect)
                kwollect_url(reference, config);
        else
                jk_text_string(&reference->url, config->url);
}

static int
web_check(const struct jk_reference_config *config, struct jk_error *err)
{
        if (strncmp(config->url, "http:", sizeof "http:" - 1) == 0 ||
            strncmp(config->url, "https:", sizeof "https:" - 1) == 0)
                return 0;

        return jk_fail(err, EINVAL, "wall.url: %s needs one that begins with http:// or https://",
                       config->ops->name);
}

static int
web_open(const struct jk_reference_config *config, struct jk_reference **ret_reference,
         struct jk_error *err)
{
        struct jk_reference *reference = calloc(1, sizeof *reference);
        int r;

        if (!reference)
                return jk_fail(err, ENOMEM, "wall: out of memory");

        reference->ops = config->ops;
        snprintf(reference->path, sizeof reference->path, "%s", config->path);
        r = jk_web_open(config, &reference->web, err);
        if (r == 0) {
                make_urls(reference, config);
                if (reference->url.failed || reference->time_url.failed)
                        r = jk_fail(err, ENOMEM, "out of memory");
        }
        if (r < 0) {
                jk_error_prefix(err, "wall: %s: ", config->ops->name);
                web_close(reference);
                return r;
        }

        *ret_reference = reference;
        return 0;
}

static int
ask(struct jk_reference *reference, const char *url, int stop_fd, jk_answer *answer,
    struct jk_reference_value *ret_value, struct jk_error *err)
{
        int r = jk_web_get(reference->web, url, stop_fd, &reference->body, err);

        if (r < 0) {
                jk_error_prefix(err, "%s: ", reference->ops->name);
        } else {
                r = answer(reference->body.data ? reference->body.data : "", reference->body.length,
                           reference->path, ret_value, err);
        }
        if (r < 0)
                jk_error_prefix(err, "wall: ");
        return r;
}

/* The time first: a sample that comes in between has its own time at the next asking. */
static int
prometheus_read(struct jk_reference *reference, int stop_fd, struct jk_reference_value *ret_value,
                struct jk_error *err)
{
        struct jk_reference_value time = { 0 }, value = { 0 };
        int r = ask(reference, reference->time_url.data, stop_fd, jk_answer_prometheus, &time,
                    NULL);

        if (r == -ECANCELED)
                return r;
        r = ask(reference, reference->url.data, stop_fd, jk_answer_prometheus, &value, err);
        if (r < 0)
                return r;

        ret_value->value = value.value;
        ret_value->realtime_ns = jk_reference_time(time.value);
        return 0;
}

static int
http_read(struct jk_reference *reference, int stop_fd, struct jk_reference_value *ret_value,
          struct jk_error *err)
{
        return ask(reference, reference->url.data, stop_fd, jk_answer_http, ret_value, err);
}

static int
redfish_read(struct jk_reference *reference, int stop_fd, struct jk_reference_value *ret_value,
             struct jk_error *err)
{
        return ask(reference, reference->url.data, stop_fd, jk_answer_redfish, ret_value, err);
}

static int
kwollect_read(struct jk_reference *reference, int stop_fd, struct jk_reference_value *ret_value,
              struct jk_error *err)
{
        return ask(reference, reference->url.data, stop_fd, jk_answer_kwollect, ret_value, err);
}

const struct jk_reference_ops jk_reference_http = {
        .name = "http",
        .summary = "a plug, a PDU or anything else that answers in JSON",
        .needs = { "wall-url" },
        .uncertainty_pct = 3,
        .check = web_check,
        .open = web_open,
        .read = http_read,
        .close = web_close,
};

const struct jk_reference_ops jk_reference_prometheus = {
        .name = "prometheus",
        .summary = "a query that a Prometheus answers",
        .needs = { "wall-url", "wall-query" },
        .uncertainty_pct = 3,
        .check = web_check,
        .open = web_open,
        .read = prometheus_read,
        .close = web_close,
};

const struct jk_reference_ops jk_reference_redfish = {
        .name = "redfish",
        .summary = "a BMC, by Redfish",
        .needs = { "wall-url" },
        .uncertainty_pct = 12,
        .watts_only = true,
        .check = web_check,
        .open = web_open,
        .read = redfish_read,
        .close = web_close,
};

const struct jk_reference_ops jk_reference_kwollect = {
        .name = "kwollect",
        .summary = "Grid'5000's wattmeters, by Kwollect",
        .needs = { "wall-url" },
        .uncertainty_pct = 2,
        .watts_only = true,
        .check = web_check,
        .open = web_open,
        .read = kwollect_read,
        .close = web_close,
};
