"""`keras.ops`, imported on first use.

For the registries that the command line and `Config` read: these must start without importing Keras.
"""

import importlib
from typing import TYPE_CHECKING, Any


class _LazyModule:
    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


if TYPE_CHECKING:
    from keras import ops as ops
else:
    ops = _LazyModule("keras.ops")
