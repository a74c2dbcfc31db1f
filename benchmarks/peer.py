"""One peer: trains a network on generated images, batches of 128, Adam 1e-3; one epoch per line of stdin.

Run by `peers.py` in the peers' own environment: `python benchmarks/peer.py KIND IMAGES`. `eager`, `compiled` and
`pythae` train 784-256-2, `convolutional` c32-c64-256-16, and `map` c32-c64-8x8x1024.
"""

import contextlib
import io
import logging
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

BATCH = 128


class Network(nn.Module):
    """The VAE 784-256-2 whose forward pass returns the loss, nats per image."""

    def __init__(self):
        super().__init__()
        self.hidden, self.mean, self.log_var = nn.Linear(784, 256), nn.Linear(256, 2), nn.Linear(256, 2)
        self.back, self.logits = nn.Linear(2, 256), nn.Linear(256, 784)

    def forward(self, x):
        h = torch.relu(self.hidden(x))
        mean, log_var = self.mean(h), self.log_var(h)
        return loss(x, mean, log_var, self.logits(torch.relu(self.back(sample(mean, log_var)))))


class Convolutional(nn.Module):
    """The VAE c32-c64-256-16, with images and maps in the layout `channels_last`, PyTorch's faster one on a CPU."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 3, 2, 1), nn.Conv2d(32, 64, 3, 2, 1)
        self.hidden, self.mean, self.log_var = nn.Linear(64 * 7 * 7, 256), nn.Linear(256, 16), nn.Linear(256, 16)
        self.back, self.map = nn.Linear(16, 256), nn.Linear(256, 64 * 7 * 7)
        self.doubled, self.logits = nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ConvTranspose2d(32, 1, 3, 2, 1, 1)

    def forward(self, x):
        h = torch.relu(self.second(torch.relu(self.first(x))))
        h = torch.relu(self.hidden(h.flatten(1)))
        mean, log_var = self.mean(h), self.log_var(h)
        h = torch.relu(self.map(torch.relu(self.back(sample(mean, log_var)))))
        h = h.reshape(-1, 64, 7, 7).contiguous(memory_format=torch.channels_last)
        return loss(x, mean, log_var, self.logits(torch.relu(self.doubled(h))))


class Map(nn.Module):
    """The VAE c32-c64-8x8x1024, in the layout `channels_last`; images are padded to 32 × 32."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 3, 2, 1), nn.Conv2d(32, 64, 3, 2, 1)
        self.mean, self.log_var, self.back = nn.Conv2d(64, 1024, 1), nn.Conv2d(64, 1024, 1), nn.Conv2d(1024, 64, 1)
        self.doubled, self.logits = nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ConvTranspose2d(32, 1, 3, 2, 1, 1)

    def forward(self, x):
        h = torch.relu(self.second(torch.relu(self.first(nn.functional.pad(x, (2, 2, 2, 2))))))
        mean, log_var = self.mean(h), self.log_var(h)
        h = torch.relu(self.doubled(torch.relu(self.back(sample(mean, log_var)))))
        return loss(x, mean, log_var, self.logits(h)[:, :, 2:-2, 2:-2])


def sample(mean, log_var):
    return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)


def loss(x, mean, log_var, logits):
    """−ELBO, nats per image."""
    reconstruction = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = 0.5 * (mean**2 + torch.exp(log_var) - 1 - log_var).sum()
    return (reconstruction + kl) / len(x)


def in_channels_last(x: np.ndarray, network: nn.Module) -> Callable[[], None]:
    """A function that trains an epoch of a convolutional network by a loop in PyTorch."""
    shaped = x.reshape(-1, 1, 28, 28)
    return pytorch(shaped, network.to(memory_format=torch.channels_last))


def pytorch(x: np.ndarray, network: nn.Module, compiled: bool = False) -> Callable[[], None]:
    """A function that trains an epoch by a loop in PyTorch."""
    data = torch.from_numpy(x)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    loss_of = torch.compile(network) if compiled else network

    def epoch() -> None:
        order = torch.randperm(len(data))
        for i in range(0, len(data), BATCH):
            optimizer.zero_grad()
            loss_of(data[order[i : i + BATCH]]).backward()
            optimizer.step()

    return epoch


def pythae(x: np.ndarray) -> Callable[[], None]:
    """A function that trains an epoch by pythae's pipeline."""
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.hidden, self.mean, self.log_var = nn.Linear(784, 256), nn.Linear(256, 2), nn.Linear(256, 2)

        def forward(self, x):
            h = torch.relu(self.hidden(x.reshape(len(x), -1)))
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.back, self.pixels = nn.Linear(2, 256), nn.Linear(256, 784)

        def forward(self, z):
            pixels = torch.sigmoid(self.pixels(torch.relu(self.back(z))))
            return ModelOutput(reconstruction=pixels.reshape(-1, 1, 28, 28))

    logging.disable(logging.WARNING)  # pythae logs its configuration in every epoch
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=2, reconstruction_loss="bce")
    model = VAE(config, Encoder(), Decoder())
    data = torch.from_numpy(x).reshape(-1, 1, 28, 28)

    def epoch() -> None:
        ignored = io.StringIO()
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(ignored),
            contextlib.redirect_stderr(ignored),
        ):
            training = BaseTrainerConfig(
                folder, num_epochs=1, per_device_train_batch_size=BATCH, learning_rate=1e-3, optimizer_cls="Adam"
            )
            TrainingPipeline(training_config=training, model=model)(train_data=data)

    return epoch


def main() -> None:
    kind, n_images = sys.argv[1], int(sys.argv[2])
    x = np.random.default_rng(0).uniform(size=(n_images, 784)).astype("float32")
    makers = {
        "eager": lambda: pytorch(x, Network()),
        "compiled": lambda: pytorch(x, Network(), compiled=True),
        "pythae": lambda: pythae(x),
        "convolutional": lambda: in_channels_last(x, Convolutional()),
        "map": lambda: in_channels_last(x, Map()),
    }
    epoch = makers[kind]()
    for _ in sys.stdin:
        began = time.perf_counter()
        epoch()
        print("seconds", time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
