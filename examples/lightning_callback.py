"""A Lightning callback that records the latent space of any module with `encode`, and writes a video at the end.

pip install lightning scikit-learn
python examples/lightning_callback.py --epochs 20 --out digits-lightning
"""

import argparse
from pathlib import Path

import lightning
import torch
from pytorch_vae import VAE  # the model of the example beside this file
from sklearn.datasets import load_digits

import keras_vae as kv


class LatentVideo(lightning.Callback):
    """Records `module.encode(x)` every `every` optimizer steps; `path` is the MP4."""

    def __init__(self, x, labels, path: Path, every: int = 1):
        self.x, self.labels, self.path, self.every = x, labels, path, every

    def on_train_start(self, trainer, module):
        def encode(x):
            module.eval()
            with torch.no_grad():
                outputs = module.encode(x.to(module.device))
            module.train()
            return outputs

        self.recorder = kv.Recorder(encode, self.x, self.labels)
        self.recorder.record(trainer.global_step, trainer.current_epoch)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_step % self.every == 0:  # counts optimizer steps, also where gradients are accumulated
            epoch = trainer.current_epoch + (batch_idx + 1) / trainer.num_training_batches
            self.recorder.record(trainer.global_step, epoch)

    def on_train_end(self, trainer, module):
        kv.video.write(self.recorder.trajectory, self.path)


class LitVAE(VAE, lightning.LightningModule):
    def training_step(self, batch, batch_idx):
        return self.loss(batch)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def main(epochs: int, out: Path) -> None:
    lightning.seed_everything(0)
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)
    out.mkdir(parents=True, exist_ok=True)
    callback = LatentVideo(x[:60], digits.target[:60], out / "latent.mp4")
    trainer = lightning.Trainer(max_epochs=epochs, callbacks=[callback], logger=False, enable_checkpointing=False)
    trainer.fit(LitVAE(), torch.utils.data.DataLoader(x, batch_size=128, shuffle=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("digits-lightning"))
    main(**vars(parser.parse_args()))
