"""What is wrong with a search space, its dependencies and its base settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.command.answers.shapes import Found
from qgtune.errors import Located, QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.lint import lint
from qgtune.space.reading.build import build_space, check_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qgtune.command.checking.documents import Document
    from qgtune.space.model import SearchSpace


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check.

    Attributes:
        findings: by file and line.
        space: the search space; None if it cannot be built.
    """

    findings: tuple[Found, ...]
    space: SearchSpace | None = None

    @property
    def n_errors(self) -> int:
        """How many of the findings are errors."""
        return sum(finding.kind == "error" for finding in self.findings)


def check_documents(documents: Sequence[Document], *, tune_model: bool = True, tune_training: bool = True) -> Checked:
    """Check documents with what a sweep checks them with.

    Args:
        documents: at most one search space and one dependency mapping; base settings are laid over each other.
        tune_model: as in `hydra.sweeper`.
        tune_training: as in `hydra.sweeper`.
    """
    register_resolvers()
    try:
        base = merged([document for document in documents if document.kind == "base"])
        built = _built(documents, base, tune_model=tune_model, tune_training=tune_training)
    except QGTuneError as error:
        return Checked(findings_of(error.problems, "error", documents))
    problems = _tried(built, base)
    app = [problem for problem in problems if _is_of_the_app(problem)]
    errors = findings_of([problem for problem in problems if problem not in app], "error", documents)
    warnings = findings_of([*app, *_warnings(built, base)], "warning", documents)
    return Checked(tuple(sorted([*errors, *warnings], key=_order)), built)


def _warnings(space: SearchSpace, base: Any) -> list[str]:
    """Return what a sweep would log about a space."""
    return [*space.notices, *lint(space, None if base is None else OmegaConf.create(base))]


def _built(documents: Sequence[Document], base: Any, *, tune_model: bool, tune_training: bool) -> SearchSpace:
    space, dependencies = (
        next((document for document in documents if document.kind == kind), None) for kind in ("space", "dependencies")
    )
    # Without base settings, a mapping alone has nothing that its paths could be compared with.
    mapping = None if dependencies is None or (space is None and base is None) else dependencies.data
    return build_space(
        None if space is None else space.data,
        base,
        mapping,
        tune_model=tune_model,
        tune_training=tune_training,
        space_source="" if space is None else space.source,
        dependencies_source="" if dependencies is None else dependencies.source,
    )


def _tried(space: SearchSpace, base: Any) -> tuple[str, ...]:
    try:
        check_space(space, OmegaConf.create({} if base is None else base))
    except QGTuneError as error:
        return error.problems
    return ()


def _is_of_the_app(problem: str) -> bool:
    """Say whether a problem is that a resolver is not known here: the app registers its own when it runs."""
    return "Unsupported interpolation type" in problem


def merged(documents: Sequence[Document]) -> Any:
    """Lay base settings over each other, as Hydra does with the entries of a defaults list; None if there are none.

    Raises:
        QGTuneError: when one of them is no mapping, or does not fit the ones before.
    """
    config = OmegaConf.create({})
    for document in documents:
        if not isinstance(document.data, dict):
            text = f"Cannot read the base settings of {document.file}: they are no mapping."
            raise QGTuneError(Located(text, "", document.source))
        try:
            config.merge_with(OmegaConf.create(document.data))
        except OmegaConfBaseException as error:
            text = f"Cannot use the base settings of {document.file}: {str(error).splitlines()[0]}"
            raise QGTuneError(Located(text, "", document.source)) from None
    return OmegaConf.to_container(config, resolve=False) if documents else None


def findings_of(
    problems: Iterable[str], kind: Literal["error", "warning"], documents: Sequence[Document]
) -> tuple[Found, ...]:
    """Find the places of problems; return them by file and line."""
    return tuple(sorted((_finding(problem, kind, documents) for problem in problems), key=_order))


def _order(found: Found) -> tuple[str, int, int, str, str]:
    return found.file or "", found.line or 0, found.column or 0, found.kind, found.text


def _finding(problem: str, kind: Literal["error", "warning"], documents: Sequence[Document]) -> Found:
    """Find the place of a problem."""
    if not isinstance(problem, Located):
        return Found(None, None, None, kind, problem)
    document = next((document for document in documents if document.source == problem.source), None)
    if document is None:
        return Found(problem.source or None, *(problem.place or (1, 1)), kind, str(problem))
    # The place names the file already.
    text = problem.replace(f" of {problem.source}", "", 1).replace(f" ({problem.source})", "", 1)
    return Found(document.file, *(problem.place or document.place(problem.path)), kind, text)
