"""skein, imported when it is first needed: on a node without YARN it need not be there.

Untyped on purpose: skein marks required fields by a default value, which no type checker understands.
"""

from __future__ import annotations

from typing import Any


class _Lazy:
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # who only looks what this is, need not wait for it
        import skein

        return getattr(skein, name)


skein: Any = _Lazy()
