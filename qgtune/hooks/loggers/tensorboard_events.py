"""TensorBoard: a folder of event files for each configuration, with its hyperparameters for the plugin HParams."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune.hooks.hook import Hook
from qgtune.hooks.loggers.names import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    from qgtune.hooks.hook import SweepInfo, TrialInfo

FOLDER, PARENT = "tensorboard", "sweep"
_FLUSH_S = 10


class TensorBoardLogger(Hook):
    """Writes event files, which `tensorboard --logdir FOLDER` shows.

    Each attempt at a configuration adds a file to the configuration's folder.

    Args:
        folder: where the folders of the configurations are; None for `tensorboard` in the sweep folder.
    """

    def __init__(self, folder: str | None = None) -> None:
        require("tensorboard", "hydra/sweeper/logger=tensorboard", "tensorboard")
        self.folder = None if folder is None else Path(folder).absolute()
        self._writers: dict[int, EventFileWriter] = {}

    def sweep_started(self, sweep: SweepInfo) -> None:
        """Write where the sweep is."""
        writer = self._open(sweep, PARENT)
        _write(writer, _text("folder", str(sweep.folder)))
        writer.close()

    def trial_started(self, trial: TrialInfo) -> None:
        """Open a file, and write the hyperparameters."""
        writer = self._writers[trial.number] = self._open(trial.sweep, trial.configuration)
        _write(writer, _start(trial))
        _write(writer, _text("folder", str(trial.folder)))
        writer.flush()

    def trial_reported(self, trial: TrialInfo, value: float, step: int) -> None:
        """Write the value as `report`."""
        if (writer := self._writers.get(trial.number)) is not None:
            _write(writer, _scalar("report", value), step)

    def trial_ended(self, trial: TrialInfo) -> None:
        """Write how it ended, and close the file."""
        writer = self._writers.pop(trial.number, None) or self._open(trial.sweep, trial.configuration)
        step = max(trial.reports, default=0)
        for name, value in trial.metrics.items():
            _write(writer, _scalar(name, value), step)
        said = f"{trial.state}: {trial.reason}" if trial.reason else trial.state
        _write(writer, _text("state", said), step)
        if trial.state in ("complete", "pruned", "failed"):  # the others may go on, and the first end is the one shown
            _write(writer, _end(is_failure=trial.state == "failed"))
        writer.close()

    def sweep_ended(self, sweep: SweepInfo) -> None:
        """Write the counts and the best trial into the folder `sweep`."""
        writer = self._open(sweep, PARENT)
        for name, value in sweep.metrics.items():
            _write(writer, _scalar(name, value))
        best = ", ".join(str(trial.number) for trial in sweep.best)
        for name, text in (("best", best), ("failure", sweep.failure)):
            if text:
                _write(writer, _text(name, text))
        writer.close()

    def _open(self, sweep: SweepInfo, name: str) -> EventFileWriter:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        return EventFileWriter(str((self.folder or sweep.folder / FOLDER) / name), flush_secs=_FLUSH_S)


def _write(writer: EventFileWriter, value: Any, step: int = 0) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))


def _scalar(name: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=name, simple_value=value)


def _text(name: str, text: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

    plugin = SummaryMetadata.PluginData(plugin_name="text")
    tensor = TensorProto(dtype="DT_STRING", string_val=[text.encode()])
    return Summary.Value(tag=name, metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)


# The plugin's own functions for what follows need TensorFlow; this is what they write.


def _start(trial: TrialInfo) -> Any:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

    started_s = time.time() if trial.started is None else trial.started.timestamp()
    info = SessionStartInfo(group_name=trial.configuration, start_time_secs=started_s)
    _fill(info.hparams, trial.params)
    return _of_plugin("_hparams_/session_start_info", HParamsPluginData(session_start_info=info, version=0))


def _fill(hparams: Any, params: Mapping[str, Any]) -> None:
    for path, value in params.items():
        if isinstance(value, bool):
            hparams[path].bool_value = value
        elif isinstance(value, (int, float)):
            hparams[path].number_value = value
        else:
            hparams[path].string_value = str(value)


def _end(*, is_failure: bool) -> Any:
    from tensorboard.plugins.hparams.api_pb2 import Status
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    status = Status.Value("STATUS_FAILURE" if is_failure else "STATUS_SUCCESS")
    info = SessionEndInfo(status=status, end_time_secs=time.time())
    return _of_plugin("_hparams_/session_end_info", HParamsPluginData(session_end_info=info, version=0))


def _of_plugin(tag: str, data: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data.SerializeToString())
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))
