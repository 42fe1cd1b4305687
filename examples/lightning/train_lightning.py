"""Train a Lightning module on handwritten digits; with `--multirun`, tune it.

python examples/lightning/train_lightning.py
python examples/lightning/train_lightning.py --multirun
python examples/lightning/train_lightning.py --multirun devices=2 strategy=ddp
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train with one config and return the validation accuracy."""
    from classifier import Classifier, Report, digits, pl  # torch is not needed to hand out trials

    pl.seed_everything(config.seed, verbose=False)
    folder = qgtune.checkpoint_dir()  # the same for each attempt at this configuration, and for each rank
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=config.devices,
        strategy=config.strategy,
        max_epochs=config.epochs,
        logger=False,
        callbacks=[Report(), pl.callbacks.ModelCheckpoint(folder, filename="last", enable_version_counter=False)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    last = folder / "last.ckpt"
    trainer.fit(Classifier(config.model), *digits(config.batch_size), ckpt_path=last if last.exists() else None)
    return float(trainer.callback_metrics["accuracy"])


if __name__ == "__main__":
    main()
