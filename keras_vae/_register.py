"""Import hook that registers the package's classes with Keras when Keras is imported, and not before."""

import importlib
import importlib.abc
import importlib.util
import sys

# Modules that start with `import keras` and are imported by `models`, which the registration imports.
_BELOW_MODELS = (
    "keras_vae.fast_fit.epoch_images",
    "keras_vae.fast_fit.epoch_order",
    "keras_vae.fast_fit.fit_arguments",
    "keras_vae.fast_fit.functions",
    "keras_vae.fast_fit.image_checks",
    "keras_vae.fast_fit.keras_internals",
    "keras_vae.fast_fit.observers",
    "keras_vae.fast_fit.ordered_fit",
    "keras_vae.fast_fit.output_layers",
    "keras_vae.fast_fit.policy",
    "keras_vae.fast_fit.steps_per_call",
    "keras_vae.fast_fit.support",
    "keras_vae.layers",
)


class _RegisterAfterKeras(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports Keras with its own loader, then imports the modules whose classes register themselves with it."""

    def find_spec(self, fullname, path, target=None):
        if fullname in _BELOW_MODELS:
            # Keras is imported first: imported from within this module, it would import `models`, which needs this
            # module complete.
            importlib.import_module("keras")
            return _already_imported(fullname)
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)  # the search below must not reach this finder again
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        importlib.import_module("keras_vae.models")


class _AlreadyImported(importlib.abc.Loader):
    """Returns a module that was imported while its spec was being searched, without executing it again."""

    def __init__(self, module):
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        module.__spec__ = self.spec


def _already_imported(fullname: str):
    module = sys.modules[fullname]
    # Python uses the module's own spec if the module appeared in `sys.modules` in the meantime.
    module.__spec__ = importlib.util.spec_from_loader(fullname, _AlreadyImported(module))
    return module.__spec__


def register() -> None:
    """Registers the classes now if Keras is imported, otherwise as soon as it is imported."""
    if "keras" not in sys.modules:
        sys.meta_path.insert(0, _RegisterAfterKeras())
    # If Keras itself imports this package, Keras is only partially imported and its classes do not exist yet.
    elif hasattr(sys.modules["keras"], "Model"):
        importlib.import_module("keras_vae.models")
