from keras_vae import diagnostics as diagnostics
from keras_vae import likelihoods as likelihoods
from keras_vae import objectives as objectives
from keras_vae import plots as plots
from keras_vae import posteriors as posteriors
from keras_vae import priors as priors
from keras_vae import report as report
from keras_vae import samplers as samplers
from keras_vae import studies as studies
from keras_vae import trackers as trackers
from keras_vae._version import __version__ as __version__
from keras_vae.callbacks import BetaWarmup as BetaWarmup
from keras_vae.callbacks import LatentRecorder as LatentRecorder
from keras_vae.callbacks import UnitMonitor as UnitMonitor
from keras_vae.data.dataset import Dataset as Dataset
from keras_vae.data.dataset import load as load
from keras_vae.errors import InputError as InputError
from keras_vae.errors import TrainingDiverged as TrainingDiverged
from keras_vae.errors import WriteError as WriteError
from keras_vae.evaluation.item_scores import score as score
from keras_vae.evaluation.run_evaluation import evaluate as evaluate
from keras_vae.layers import GaussianSampling as GaussianSampling
from keras_vae.layers import KLDivergence as KLDivergence
from keras_vae.likelihoods import Bernoulli as Bernoulli
from keras_vae.likelihoods import ContinuousBernoulli as ContinuousBernoulli
from keras_vae.likelihoods import Gaussian as Gaussian
from keras_vae.likelihoods import Likelihood as Likelihood
from keras_vae.likelihoods import OptimalGaussian as OptimalGaussian
from keras_vae.likelihoods import PixelwiseGaussian as PixelwiseGaussian
from keras_vae.models import VAE as VAE
from keras_vae.models import Encoding as Encoding
from keras_vae.networks.builders import conv_vae as conv_vae
from keras_vae.networks.builders import dense_vae as dense_vae
from keras_vae.networks.builders import spatial_vae as spatial_vae
from keras_vae.networks.pruning import prune as prune
from keras_vae.plots import video as video
from keras_vae.posteriors import Posterior as Posterior
from keras_vae.recorder import Recorder as Recorder
from keras_vae.report.browser import show as show
from keras_vae.report.run_table import compare as compare
from keras_vae.runs.config import Config as Config
from keras_vae.runs.folder import Run as Run
from keras_vae.runs.training import train as train
from keras_vae.trajectory import Trajectory as Trajectory

__all__ = [
    "VAE",
    "Bernoulli",
    "BetaWarmup",
    "Config",
    "ContinuousBernoulli",
    "Dataset",
    "Encoding",
    "Gaussian",
    "GaussianSampling",
    "InputError",
    "KLDivergence",
    "LatentRecorder",
    "Likelihood",
    "OptimalGaussian",
    "PixelwiseGaussian",
    "Posterior",
    "Recorder",
    "Run",
    "TrainingDiverged",
    "Trajectory",
    "UnitMonitor",
    "WriteError",
    "compare",
    "conv_vae",
    "dense_vae",
    "diagnostics",
    "evaluate",
    "likelihoods",
    "load",
    "objectives",
    "plots",
    "posteriors",
    "priors",
    "prune",
    "report",
    "samplers",
    "score",
    "show",
    "spatial_vae",
    "studies",
    "trackers",
    "train",
    "video",
]
