# SPDX-License-Identifier: Apache-2.0
"""A strict reader of Prometheus text 0.0.4 and OpenMetrics 1.0: what it does not understand, and
what the formats forbid, is an error."""

import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
UNESCAPE = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

SUFFIXES = {  # of samples, by type: text, OpenMetrics
    "counter": ([""], ["_total", "_created"]),
    "gauge": ([""], [""]),
    "info": (None, ["_info"]),
    "unknown": (None, [""]),
    "untyped": ([""], None),
    "summary": (["", "_sum", "_count"], ["", "_sum", "_count", "_created"]),
    "histogram": (["_bucket", "_sum", "_count"], ["_bucket", "_sum", "_count", "_created"]),
}


class Malformed(Exception):
    pass


def _labels(text, line):
    labels, position = {}, 0
    while position < len(text):
        found = LABEL.match(text, position)
        if not found or found[1] in labels:
            raise Malformed(f"labels: {line!r}")
        labels[found[1]] = re.sub(r"\\.", lambda escape: UNESCAPE[escape[0]], found[2])
        position = found.end()
        if position < len(text) and text[position] != ",":
            raise Malformed(f"labels: {line!r}")
        position += 1
    return labels


def _sample(line):
    name = NAME.match(line)
    if not name:
        raise Malformed(f"no name: {line!r}")
    rest, labels = line[name.end():], {}
    if rest.startswith("{"):
        end = _end_of_labels(rest, line)
        labels, rest = _labels(rest[1:end], line), rest[end + 1:]
    if not re.fullmatch(r" [^ ]+", rest):
        raise Malformed(f"value: {line!r}")
    return name[0], tuple(sorted(labels.items())), float(rest)


def _end_of_labels(text, line):
    quoted, i = False, 1
    while i < len(text):
        if quoted and text[i] == "\\":
            i += 1
        elif text[i] == '"':
            quoted = not quoted
        elif text[i] == "}" and not quoted:
            return i
        i += 1
    raise Malformed(f"labels do not end: {line!r}")


class Page:
    """types: family -> type; samples: (name, labels) -> value."""

    def __init__(self, body, openmetrics=False):
        self.types, self.samples = {}, {}
        self._openmetrics, self._family, self._done = openmetrics, None, set()
        text = body.decode("utf-8")
        if not text.endswith("\n"):
            raise Malformed("the last line does not end")
        lines = text[:-1].split("\n")
        if openmetrics and lines.pop() != "# EOF":
            raise Malformed("no # EOF at the end")
        for line in lines:
            if line.startswith("#"):
                self._comment(line)
            else:
                self._value(line)

    def _comment(self, line):
        words = line.split(" ", 3)
        if len(words) < 4 or words[1] not in ("HELP", "TYPE", "UNIT"):
            raise Malformed(f"comment: {line!r}")
        _, what, family, value = words
        if family != self._family:
            if family in self._done:
                raise Malformed(f"{family} is in two places")
            self._family = family
            self._done.add(family)
        if what == "TYPE":
            if family in self.types or not (SUFFIXES.get(value) or (None, None))[self._openmetrics]:
                raise Malformed(f"type: {line!r}")
            self.types[family] = value

    def _value(self, line):
        name, labels, value = _sample(line)
        kind = self.types.get(self._family, "untyped")
        if not any(name == self._family + suffix for suffix in SUFFIXES[kind][self._openmetrics]):
            raise Malformed(f"{name} stands under {self._family}, a {kind}")
        if (name, labels) in self.samples:
            raise Malformed(f"twice: {line!r}")
        self.samples[name, labels] = value

    def counters(self):
        """Those samples that only rise."""
        return {key: value for key, value in self.samples.items() if self._rises(key[0])}

    def _rises(self, name):
        if self.types.get(name) == "counter" or self.types.get(name.removesuffix("_total")) == "counter":
            return not name.endswith("_created")
        return any(name.endswith(suffix) and self.types.get(name.removesuffix(suffix)) == "summary"
                   for suffix in ("_sum", "_count"))

    def labelled(self, name):
        """Labels (a dict) and value of each sample of that name."""
        return [(dict(labels), value) for (sample, labels), value in self.samples.items()
                if sample == name]
