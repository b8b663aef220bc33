"""Takes secrets out of texts that leave a cluster: keys, tokens, passwords, credentials in addresses. Pure."""

from __future__ import annotations

import re

HIDDEN = "[redacted]"
_NAMES = r"(?:[\w.-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?))"
_QUOTE = r"(?:\\*[\"'])"
"""Of JSON in JSON, too."""
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN ([A-Z ]+)-----.*?(?:-----END \1-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"(?<=://)[^\s/:@\"']*:[^\s\"']+(?=@)"), HIDDEN),
    (re.compile(r"(?<=://)[^\s/:@\"'\[]+(?=@)"), HIDDEN),
    (
        re.compile(
            rf"(?i)\b((?:proxy-)?authorization{_QUOTE}?\s*[:=]\s*{_QUOTE}?)"
            r"(?:(?:bearer|basic|token)\s+)?(?!\[redacted\])[^\s,;'\"\\]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\bya29\.[\w-]+|\bAIza[\w-]{30,}|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bGOCSPX-[\w-]+"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"), HIDDEN),
    (re.compile(rf"(?i)(\"{_NAMES}\"\s*:\s*)(\"(?:[^\"\\]|\\.)*\"|[^\s,}}]+)"), rf'\1"{HIDDEN}"'),
    (re.compile(rf"(?i)('{_NAMES}'\s*:\s*)('(?:[^'\\]|\\.)*'|[^\s,}}]+)"), rf"\1'{HIDDEN}'"),
    (re.compile(rf"(?i)((\\+\"){_NAMES}\2\s*:\s*\2).*?(?=\2|\Z)"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(?<![\w\"'])({_NAMES}\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)]+)"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(?<![\w\"'])({_NAMES}\s*:\s*)(?!\[redacted\])(\"[^\"]*\"|'[^']*'|[^\s,;\"']+)"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(--{_NAMES}\s+)(?![-\[])\S+"), rf"\1{HIDDEN}"),
)
"""What is looked for, whole blocks first, and what stands in its place: the name of a secret is left to be read."""


def redacted(text: str) -> str:
    """Return ``text`` without what looks like a secret; what is cut off in the middle of a key goes to the end."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
