"""One trial as one Hydra job: the same folder, files, log, `HydraConfig` and callbacks.

This is what `hydra.core.utils.run_job` does, minus its four deep copies of the config: they cost more than all the rest
of a trial of ours. `tests/sweep/test_job.py` compares the two, file by file.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import version
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, env_override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from qgtune.space.reading.yaml_files import dump_yaml
from qgtune.sweep.compose.arguments import task_overrides
from qgtune.sweep.hydra.job_private import raw_value, share_hydra_node
from qgtune.sweep.hydra.versions import allowed_targets, configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.types import HydraContext, TaskFunction


def set_job(config: DictConfig, sweep: Path, number: int, overrides: Sequence[str], dirname: str) -> None:
    """Write a job's own fields into the `hydra` node of its config; its folder lies in that of the sweep."""
    node = config.hydra
    with read_write(node), open_dict(node):
        job = node.job
        job.id = str(number)
        job.num = number
        job.override_dirname = dirname
        node.overrides.task = list(overrides)
        node.runtime.output_dir = os.path.abspath(os.path.join(sweep, str(node.sweep.subdir)))


def override_dirname(overrides: Sequence[str], whole: DictConfig) -> str:
    """Return what Hydra calls `override_dirname`."""
    config = whole.hydra.job.config.override_dirname
    keys = {text: text.lstrip("+~").split("=", 1)[0] for text in overrides}
    kept = sorted(_without_quotes(text) for text, key in keys.items() if key not in config.exclude_keys)
    return str(config.item_sep).join(kept).replace("=", str(config.kv_sep))


def _without_quotes(text: str) -> str:
    """Return an override without the quotes around its whole value, which no folder's name needs."""
    key, equals, value = text.partition("=")
    is_quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return f"{key}{equals}{value[1:-1]}" if is_quoted else text


def set_folder(config: DictConfig, folder: Path) -> None:
    """Let a job run in another folder."""
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = str(folder)


def run_job(
    call: TaskFunction,
    whole: DictConfig,
    task: DictConfig,
    hydra_context: HydraContext,
    function: TaskFunction | None = None,
    differs: str = "",
    texts: dict[str, str] | None = None,
) -> JobReturn:
    """Run one job.

    Args:
        call: takes `task`; what it raises is kept in the result.
        whole: the config with its `hydra` node, after `set_job`.
        task: the config without it.
        hydra_context: carries the callbacks.
        function: the user's function, which `call` calls, for the callbacks to see; None if it is `call` itself.
        differs: why the overrides do not make the config again; empty if they do.
        texts: what other jobs have in the `hydra` node, too, as YAML by key: it grows by what is written here.

    Returns:
        Hydra's record of the job.
    """
    before = HydraConfig.instance().cfg
    hydra_config: Any = share_hydra_node(whole)
    HydraConfig.instance().cfg = hydra_config
    try:
        with _inside(Path(whole.hydra.runtime.output_dir), chdir=_changes_folder(whole)):
            configure_logging(whole.hydra.job_logging, whole.hydra.verbose, hydra_context)
            _write_files(whole, task, differs, {} if texts is None else texts)
            job = JobReturn(
                overrides=task_overrides(whole),
                cfg=task,
                hydra_cfg=hydra_config,
                working_dir=os.getcwd(),
                task_name=JobRuntime.instance().get("name"),
            )
            with allowed_targets(hydra_context), env_override(dict(whole.hydra.job.env_set)):
                hydra_context.callbacks.on_job_start(config=whole, task_function=function or call)
                _call(call, task, job)
                flush_logs()
                hydra_context.callbacks.on_job_end(config=whole, job_return=job)
            return job
    finally:
        HydraConfig.instance().cfg = before


def _changes_folder(whole: DictConfig) -> bool:
    chdir = whole.hydra.job.chdir
    return not version.base_at_least("1.2") if chdir is None else bool(chdir)


def _call(task_function: TaskFunction, task: DictConfig, job: JobReturn) -> None:
    try:
        job.return_value = task_function(task)
        job.status = JobStatus.COMPLETED
    except Exception as error:
        job.return_value = error
        job.status = JobStatus.FAILED


@contextmanager
def _inside(folder: Path, *, chdir: bool) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    before = os.getcwd()
    if chdir:
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)  # wherever the function went


def _write_files(whole: DictConfig, task: DictConfig, differs: str, texts: dict[str, str]) -> None:
    if whole.hydra.output_subdir is None:
        return
    folder = Path(whole.hydra.runtime.output_dir, whole.hydra.output_subdir)
    folder.mkdir(parents=True, exist_ok=True)
    note = f"# These do not make the trial's config again: {differs}.\n" if differs else ""
    written = {
        "config": dump_yaml(_plain(task)),
        "hydra": _hydra_text(whole.hydra, texts),
        "overrides": note + dump_yaml(_plain(whole.hydra.overrides.task)),
    }
    for name, text in written.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def _hydra_text(node: DictConfig, texts: dict[str, str]) -> str:
    """Return a `hydra` node as YAML: writing the same keys again in each job costs as much as all else together."""
    parts = []
    for key in map(str, node):
        if key not in texts:
            text = dump_yaml({"hydra": {key: _plain(raw_value(node, key))}}).partition("\n")[2]
            if key in _JOBS_OWN:
                parts.append(text)
                continue
            texts[key] = text
        parts.append(texts[key])
    return "hydra:\n" + "".join(parts)


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False, enum_to_str=True) if OmegaConf.is_config(node) else node


_JOBS_OWN = ("job", "overrides", "runtime")
"""The parts of the `hydra` node that `set_job` writes to."""


def flush_logs() -> None:
    """Write out what the root logger's handlers hold back."""
    for handler in logging.getLogger().handlers:
        with suppress(OSError, ValueError):  # the function has closed what it writes to
            handler.flush()
