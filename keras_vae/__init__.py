"""Keras 3 package that trains variational autoencoders, records and draws their latent space, and measures it.

Names are imported when they are first used, so that `import keras_vae` loads no backend. The package's classes are
registered with Keras whenever Keras is imported, before or after, and `keras.models.load_model` finds them.
"""

import importlib

from keras_vae._register import register
from keras_vae._version import __version__ as __version__

# The public names, by the module that defines them.
_HOME = {
    "BetaWarmup": "callbacks",
    "LatentRecorder": "callbacks",
    "UnitMonitor": "callbacks",
    "Dataset": "data.dataset",
    "load": "data.dataset",
    "InputError": "errors",
    "TrainingDiverged": "errors",
    "WriteError": "errors",
    "score": "evaluation.item_scores",
    "evaluate": "evaluation.run_evaluation",
    "GaussianSampling": "layers",
    "KLDivergence": "layers",
    "Bernoulli": "likelihoods",
    "ContinuousBernoulli": "likelihoods",
    "Gaussian": "likelihoods",
    "Likelihood": "likelihoods",
    "OptimalGaussian": "likelihoods",
    "PixelwiseGaussian": "likelihoods",
    "Encoding": "models",
    "VAE": "models",
    "Posterior": "posteriors",
    "conv_vae": "networks.builders",
    "dense_vae": "networks.builders",
    "spatial_vae": "networks.builders",
    "compare": "report.run_table",
    "show": "report.browser",
    "Recorder": "recorder",
    "prune": "networks.pruning",
    "Run": "runs.folder",
    "Config": "runs.config",
    "train": "runs.training",
    "Trajectory": "trajectory",
}
# Public modules, by their place in the package.
_MODULES = {
    "diagnostics": "diagnostics",
    "likelihoods": "likelihoods",
    "objectives": "objectives",
    "plots": "plots",
    "posteriors": "posteriors",
    "priors": "priors",
    "report": "report",
    "samplers": "samplers",
    "studies": "studies",
    "trackers": "trackers",
    "video": "plots.video",
}
__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"keras_vae.{_MODULES[name]}")
    if name in _HOME:
        return getattr(importlib.import_module(f"keras_vae.{_HOME[name]}"), name)
    raise AttributeError(f"module 'keras_vae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


register()
