"""Train variational autoencoders, watch their latent space form, and measure what it became.

Names are imported when first used, so that `import keras_vae` loads no backend. Once Keras is imported, before
or after, the package's classes are registered with it, and `keras.models.load_model` finds them.
"""

import importlib
import importlib.abc
import importlib.util
import sys

__version__ = "0.1.0"

_MODULES = (
    "architecture", "audit", "audit_panels", "bubble_panels", "bubbles", "builders", "callbacks", "charts",
    "datasets", "diagnostics", "dynamics", "embedding", "errors", "evaluation", "experiment", "explorer", "features",
    "figures", "folder_page", "gallery", "geometry", "layers", "likelihoods", "memory", "models", "pages", "panels",
    "portable", "report", "results", "runs", "samplers", "space", "stepping", "study", "study_page", "tables", "tiles",
    "trajectory", "verdicts", "video",
)  # fmt: skip
_HOME = {
    "BetaWarmup": "callbacks",
    "LatentRecorder": "callbacks",
    "UnitMonitor": "callbacks",
    "Dataset": "datasets",
    "load": "datasets",
    "InputError": "errors",
    "TrainingDiverged": "errors",
    "evaluate": "evaluation",
    "Config": "experiment",
    "train": "experiment",
    "GaussianSampling": "layers",
    "KLDivergence": "layers",
    "Bernoulli": "likelihoods",
    "ContinuousBernoulli": "likelihoods",
    "Gaussian": "likelihoods",
    "Likelihood": "likelihoods",
    "Encoding": "models",
    "VAE": "models",
    "conv_vae": "builders",
    "dense_vae": "builders",
    "spatial_vae": "builders",
    "Run": "runs",
    "Trajectory": "trajectory",
}
__all__ = sorted([*_MODULES, *_HOME])


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"keras_vae.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"keras_vae.{_HOME[name]}"), name)
    raise AttributeError(f"module 'keras_vae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


# What begins with `import keras`, and `models`, which registering imports, builds on.
_BENEATH_MODELS = ("keras_vae.batches", "keras_vae.layers", "keras_vae.likelihoods", "keras_vae.stepping")


class _RegisterAfterKeras(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets Keras be imported as ever, then imports the modules whose classes register themselves with it."""

    def find_spec(self, fullname, path, target=None):
        if fullname in _BENEATH_MODELS:
            # Keras first: else it would be imported from within this module, and what it registers be in need of it.
            importlib.import_module("keras")
            return _already_imported(fullname)
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)  # once is enough, and the search below must not come here again
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
    """Gives a module that was imported while it was looked for, and doesn't execute it again."""

    def __init__(self, module):
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        module.__spec__ = self.spec


def _already_imported(fullname: str):
    module = sys.modules[fullname]
    # Python takes the module's own, where it finds that the module has come in the meantime.
    module.__spec__ = importlib.util.spec_from_loader(fullname, _AlreadyImported(module))
    return module.__spec__


if "keras" in sys.modules:
    # Keras may be half imported when it is what imports us; then its classes aren't there to build on yet.
    if hasattr(sys.modules["keras"], "Model"):
        importlib.import_module("keras_vae.models")
else:
    sys.meta_path.insert(0, _RegisterAfterKeras())
