"""The graph network on causal sets: its data, the reference files as they are, and the tuned depth."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import stock_study

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.examples,
    pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning"),  # torch-geometric uses it on import
]
SMALL = ("data.n_graphs=80", "training.num_epochs=3")


@pytest.fixture
def causets(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the generator's module."""
    monkeypatch.syspath_prepend(str(root / "examples" / "causal_sets"))
    import causets

    return causets


def run(root: Path, *arguments: str) -> str:
    """Run the example in the repository's root, as its README says; return what it prints."""
    script = root / "examples" / "causal_sets" / "train_causal_sets.py"
    line = [sys.executable, "-W", "ignore", str(script), *arguments]
    done = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["sprinkled", "layered"])
def test_both_kinds_are_orders(causets: Any, kind: str) -> None:
    """Nothing precedes itself, and what precedes a predecessor precedes; links make the order again."""
    import numpy as np

    generator = np.random.default_rng(0)
    for _ in range(20):
        order = getattr(causets, kind)(10, generator)
        assert not np.diag(order).any()
        assert not (order & order.T).any()
        assert (causets.closed(order) == order).all()
        assert (causets.closed(causets.links(order)) == order).all()
        assert causets.features(order).shape == (10, causets.N_FEATURES)
        chain = causets.heights(order).max() + 1
        assert 1 <= chain <= 10


def test_a_seed_gives_the_same_sets(causets: Any) -> None:
    """As many of both kinds, in random order."""
    recipe = causets.Recipe(n_graphs=20, seed=3)
    first, again = causets.graphs(recipe), causets.graphs(recipe)
    assert [int(graph.y) for graph in first] == [int(graph.y) for graph in again]
    assert sum(int(graph.y) for graph in first) == 10
    assert all((one.x == other.x).all() for one, other in zip(first, again, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="the reference files as they are"),
        pytest.param(
            (
                "model.strict_kwargs=true",
                "hydra.sweeper.dependencies=examples/causal_sets/reference/dependencies_strict.yaml",
            ),
            id="kwargs by type",
        ),
        pytest.param(("space=tuned",), id="tuned depth"),
    ],
)
def test_a_sweep(root: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Every trial works, and the best config gives the same score again."""
    sweep = f"hydra.sweep.dir={tmp_path / 'sweep'}"
    out = run(root, "--multirun", sweep, "hydra.sweeper.n_trials=8", "hydra.sweeper.report=false", *SMALL, *arguments)
    assert "8 trials" in out
    assert "0 failed" in out
    study = stock_study(tmp_path / "sweep" / "study.log")
    again = run(
        root, "--config-path", str(tmp_path / "sweep"), "--config-name", "best_config", f"hydra.run.dir={tmp_path}/a"
    )
    scores = re.findall(r"f1 (\d\.\d+) after", again)
    assert float(scores[-1]) == round(study.best_value, 4)
    kinds = {trial.params.get("model.gcn_net.length") for trial in study.trials}
    assert ("space=tuned" in arguments) == (len(kinds) > 1)
    for trial in study.trials:
        heads = [name for name in trial.params if name.endswith(".heads")]
        assert all(trial.params[f"{name.split('.gnn_layer_kwargs')[0]}.gnn_layer_type"] == "gat" for name in heads)
