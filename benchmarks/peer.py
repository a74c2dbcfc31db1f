"""One peer: trains 784-256-2 on 60,000 generated images, batches of 128, Adam 1e-3; one epoch per line of stdin.

Run by `peers.py` in the peers' own environment: `python benchmarks/peer.py eager`, `compiled` or `pythae`.
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
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        logits = self.logits(torch.relu(self.back(z)))
        reconstruction = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * (mean**2 + torch.exp(log_var) - 1 - log_var).sum()
        return (reconstruction + kl) / len(x)


def pytorch(x: np.ndarray, compiled: bool) -> Callable[[], None]:
    """A function that trains an epoch by a loop in PyTorch."""
    data, network = torch.from_numpy(x), Network()
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
    kind = sys.argv[1]
    x = np.random.default_rng(0).uniform(size=(60_000, 784)).astype("float32")
    epoch = pythae(x) if kind == "pythae" else pytorch(x, kind == "compiled")
    for _ in sys.stdin:
        began = time.perf_counter()
        epoch()
        print("seconds", time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
