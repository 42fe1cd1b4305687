"""`qgtune convert`."""

from __future__ import annotations

from pathlib import Path

import click

from qgtune.command.answers.answer import JSON, answer
from qgtune.errors import QGTuneError


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Where to write; else beside FILE.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@JSON
def convert(file: Path, out: Path | None, force: bool) -> None:  # noqa: FBT001 - click's
    """Split one file with the tags of QuantumGrav (!sweep, !range, !reference, ...) into the three files of a sweep.

    Writes base_settings.yaml, search_space.yaml and dependency_mapping.yaml. What cannot be carried over is named with
    its line.

    \b
    qgtune convert config.yaml --out conf
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from omegaconf import OmegaConf

    from qgtune.command.answers.shapes import Converted
    from qgtune.space.dependencies.resolvers import register_resolvers
    from qgtune.space.reading.build import build_space, check_space
    from qgtune.space.reading.tagged import Apart, has_tags
    from qgtune.space.reading.yaml_files import load_yaml_file, write_yaml

    register_resolvers()
    data = load_yaml_file(file, "config file", tags=True)
    if not has_tags(data):
        raise QGTuneError(f"Cannot convert {str(file)!r}: it holds no tag such as !sweep. Give a file that does.")
    apart = Apart(str(file)).read(data)
    folder = file.parent if out is None else out
    parts = {
        folder / "base_settings.yaml": apart.base,
        folder / "search_space.yaml": apart.space,
        folder / "dependency_mapping.yaml": apart.dependencies,
    }
    there = [str(path) for path in parts if path.exists()]
    if there and not force:
        raise QGTuneError(f"Cannot write {', '.join(there)}: there already. Give another --out, or --force.")
    space = build_space(apart.space, apart.base, apart.dependencies, space_source=str(file))
    check_space(space, OmegaConf.create(apart.base))
    folder.mkdir(parents=True, exist_ok=True)
    for path, part in parts.items():
        write_yaml(path, part)
    notices = (*apart.notices, *space.notices)
    sizes = len(space.hyperparameters), len(space.dependencies)
    said = [*(f"Wrote {path}" for path in parts), *(f"Note: {notice}" for notice in notices)]
    said.append(f"{sizes[0]} hyperparameters, {sizes[1]} dependencies.")
    answer(Converted(tuple(map(str, parts)), notices, *sizes), "\n".join(said))
