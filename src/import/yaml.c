/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading YAML by tables of keys: see yaml.h. The depth is looked at before the document is built,
 * which takes libyaml quadratic time in it.
 */
#include "import/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"

enum { NESTING_MAX = 16 };

#define autoparser   __attribute__((cleanup(yaml_parser_delete)))
#define autodocument __attribute__((cleanup(yaml_document_delete)))

/* ---- messages ---- */

static int
refuse_line(const struct jk_yaml *yaml, size_t line, const char *message)
{
        jk_autotext struct jk_text safe = { 0 };

        jk_text_utf8(&safe, message);
        return jk_fail(yaml->err, EINVAL, "%s:%zu: %s", yaml->name, line + 1,
                       safe.data ? safe.data : "out of memory");
}

int
jk_yaml_refuse(const struct jk_yaml *yaml, const yaml_node_t *node, const char *format, ...)
{
        char message[sizeof yaml->err->message];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        return refuse_line(yaml, node->start_mark.line, message);
}

static int
refuse_syntax(const struct jk_yaml *yaml, const yaml_parser_t *parser)
{
        char message[256];

        if (parser->error == YAML_MEMORY_ERROR)
                return jk_fail(yaml->err, ENOMEM, "%s: out of memory", yaml->name);
        snprintf(message, sizeof message, "not valid YAML: %s%s%s",
                 parser->context ? parser->context : "", parser->context ? ", " : "",
                 parser->problem ? parser->problem : "cannot be read");
        return refuse_line(yaml, parser->problem_mark.line, message);
}

/* ---- the document ---- */

static int
depth_change(yaml_event_type_t type)
{
        switch (type) {
        case YAML_MAPPING_START_EVENT:
        case YAML_SEQUENCE_START_EVENT:
                return 1;
        case YAML_MAPPING_END_EVENT:
        case YAML_SEQUENCE_END_EVENT:
                return -1;
        default:
                return 0;
        }
}

/* One document, of bounded depth. An alias could make a value its own part, so there are none. */
static int
check_shape(const struct jk_yaml *yaml, const char *text, size_t length)
{
        autoparser yaml_parser_t parser;
        int documents = 0, depth = 0;
        bool ended = false;

        if (!yaml_parser_initialize(&parser))
                return jk_fail(yaml->err, ENOMEM, "%s: out of memory", yaml->name);
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
        while (!ended) {
                yaml_event_type_t type;
                yaml_event_t event;
                size_t line;

                if (!yaml_parser_parse(&parser, &event))
                        return refuse_syntax(yaml, &parser);
                type = event.type;
                line = event.start_mark.line;
                yaml_event_delete(&event);

                ended = type == YAML_STREAM_END_EVENT;
                documents += type == YAML_DOCUMENT_START_EVENT;
                depth += depth_change(type);
                if (depth > NESTING_MAX)
                        return refuse_line(yaml, line, "nested too deeply");
                if (documents > 1)
                        return refuse_line(yaml, line, "a second document begins here");
                if (type == YAML_ALIAS_EVENT)
                        return refuse_line(yaml, line, "an alias (*) is not taken; write it out");
        }
        return 0;
}

int
jk_yaml_parse(const char *name, const char *text, size_t length, const struct jk_yaml_key *keys,
              size_t n, void *into, struct jk_error *err)
{
        autodocument yaml_document_t document = { 0 };
        struct jk_error unused = { "" };
        struct jk_yaml yaml = { .name = name, .document = &document, .err = err ? err : &unused };
        autoparser yaml_parser_t parser = { 0 };
        const yaml_node_t *top;
        int r = check_shape(&yaml, text, length);

        if (r < 0)
                return r;
        if (!yaml_parser_initialize(&parser))
                return jk_fail(err, ENOMEM, "%s: out of memory", name);
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
        if (!yaml_parser_load(&parser, &document))
                return refuse_syntax(&yaml, &parser);
        top = yaml_document_get_root_node(&document);
        if (!top)
                return refuse_line(&yaml, 0, "is empty");
        return jk_yaml_mapping(&yaml, top, "the file", keys, n, into);
}

/* ---- nodes ---- */

int
jk_yaml_scalar(struct jk_yaml *yaml, const yaml_node_t *node, const char **ret_text)
{
        const char *text;

        if (node->type != YAML_SCALAR_NODE)
                return jk_yaml_refuse(yaml, node, "a single value is wanted here");
        text = (const char *)node->data.scalar.value;
        if (strlen(text) != node->data.scalar.length)
                return jk_yaml_refuse(yaml, node, "has a NUL character in its value");
        if (text[0] == '\0')
                return jk_yaml_refuse(yaml, node, "has no value");
        *ret_text = text;
        return 0;
}

int
jk_yaml_string(struct jk_yaml *yaml, const yaml_node_t *node, char **ret_string)
{
        const char *text = "";
        char *copy;
        int r = jk_yaml_scalar(yaml, node, &text);

        if (r < 0)
                return r;
        copy = strdup(text);
        if (!copy)
                return jk_fail(yaml->err, ENOMEM, "%s: out of memory", yaml->name);
        free(*ret_string);
        *ret_string = copy;
        return 0;
}

int
jk_yaml_list(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
             int (*read)(struct jk_yaml *yaml, const yaml_node_t *item, void *into), void *into)
{
        int r = 0;

        if (node->type != YAML_SEQUENCE_NODE)
                return jk_yaml_refuse(yaml, node, "%s is a list: each item begins with '- '", what);
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             r == 0 && item < node->data.sequence.items.top; item++)
                r = read(yaml, yaml_document_get_node(yaml->document, *item), into);
        return r;
}

/* A key's text, which no pair before it has. */
static int
read_key(struct jk_yaml *yaml, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
         const char **ret_key)
{
        const yaml_node_t *node = yaml_document_get_node(yaml->document, pair->key);
        int r = jk_yaml_scalar(yaml, node, ret_key);

        for (const yaml_node_pair_t *other = mapping->data.mapping.pairs.start;
             r == 0 && other < pair; other++) {
                const yaml_node_t *before = yaml_document_get_node(yaml->document, other->key);

                if (strcmp((const char *)before->data.scalar.value, *ret_key) == 0)
                        r = jk_yaml_refuse(yaml, node,
                                           "%s stands here for the second time; the first is in "
                                           "line %zu",
                                           *ret_key, before->start_mark.line + 1);
        }
        return r;
}

int
jk_yaml_pairs(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
              int (*read)(struct jk_yaml *yaml, const char *key, const yaml_node_t *value,
                          void *into),
              void *into)
{
        int r = 0;

        if (node->type != YAML_MAPPING_NODE)
                return jk_yaml_refuse(yaml, node, "%s has lines 'KEY: VALUE'", what);
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             r == 0 && pair < node->data.mapping.pairs.top; pair++) {
                const char *key = "";

                r = read_key(yaml, node, pair, &key);
                if (r == 0)
                        r = read(yaml, key, yaml_document_get_node(yaml->document, pair->value),
                                 into);
        }
        return r;
}

/* ---- keys that are known ---- */

struct known {
        const char *what;
        const struct jk_yaml_key *keys;
        size_t n;
        uint64_t met; /* bits */
        void *into;
};

static int
read_known(struct jk_yaml *yaml, const char *key, const yaml_node_t *value, void *data)
{
        struct known *known = data;
        struct jk_suggest suggest = { .wrong = key };

        for (size_t i = 0; i < known->n; i++) {
                if (strcmp(known->keys[i].name, key) == 0) {
                        known->met |= UINT64_C(1) << i;
                        return known->keys[i].read(yaml, value, known->into);
                }
                jk_suggest_offer(&suggest, known->keys[i].name);
        }
        if (suggest.best)
                return jk_yaml_refuse(yaml, value, "%s has no key '%s'; did you mean '%s'?",
                                      known->what, key, suggest.best);
        return jk_yaml_refuse(yaml, value, "%s has no key '%s'", known->what, key);
}

int
jk_yaml_mapping(struct jk_yaml *yaml, const yaml_node_t *node, const char *what,
                const struct jk_yaml_key *keys, size_t n, void *into)
{
        struct known known = { .what = what, .keys = keys, .n = n, .into = into };
        int r = jk_yaml_pairs(yaml, node, what, read_known, &known);

        for (size_t i = 0; r == 0 && i < n; i++)
                if (keys[i].required && !(known.met >> i & 1))
                        r = jk_yaml_refuse(yaml, node, "%s lacks '%s'", what, keys[i].name);
        return r;
}
