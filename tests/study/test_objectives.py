"""What a study optimises, and what a trial's function may return for it."""

from __future__ import annotations

from typing import Any

import pytest

from qgtune.study.objectives import NOP, Objectives, pruner_for

TWO = Objectives(("minimize", "maximize"))
NAMED = Objectives(("minimize", "maximize"), ("loss", "accuracy"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("maximize", Objectives(("maximize",)), id="one"),
        pytest.param(["minimize", "maximize"], TWO, id="list"),
        pytest.param({"loss": "minimize", "accuracy": "maximize"}, NAMED, id="names"),
    ],
)
def test_directions_are_read(given: Any, expected: Objectives) -> None:
    """A direction, a list of them and a mapping of names say what a study optimises."""
    assert Objectives.read(given) == expected


@pytest.mark.parametrize("given", ["up", [], {}, ["minimize", "up"], {"loss": None}, 3, None])
def test_other_directions_are_refused(given: Any) -> None:
    """Anything else is no direction."""
    with pytest.raises(ValueError, match=r"give `minimize` or `maximize`"):
        Objectives.read(given)


@pytest.mark.parametrize(
    ("objectives", "returned", "values"),
    [
        pytest.param(Objectives(), 1, (1.0,), id="number"),
        pytest.param(Objectives(), [0.5], (0.5,), id="list of one"),
        pytest.param(Objectives(), {"loss": 2}, (2.0,), id="mapping of one"),
        pytest.param(TWO, (1, 2), (1.0, 2.0), id="tuple"),
        pytest.param(TWO, {"b": 1, "a": 2}, (1.0, 2.0), id="mapping in its own order"),
        pytest.param(NAMED, {"accuracy": 1, "loss": 2}, (2.0, 1.0), id="mapping by name"),
        pytest.param(NAMED, (2, 1), (2.0, 1.0), id="tuple beside names"),
    ],
)
def test_values_are_read(objectives: Objectives, returned: Any, values: tuple[float, ...]) -> None:
    """Numbers, sequences and mappings give one value an objective."""
    assert objectives.values_of(returned) == values


@pytest.mark.parametrize(
    ("objectives", "returned", "reason"),
    [
        pytest.param(TWO, 1, r"returned 1 value, but the study has 2 objectives", id="too few"),
        pytest.param(Objectives(), (1, 2), r"returned 2 values, but the study has 1 objective$", id="too many"),
        pytest.param(NAMED, {"loss": 1, "acc": 2}, r"values loss, acc, but the objectives are loss, acc", id="names"),
        pytest.param(TWO, {"loss": 1}, r"returned 1 value, but the study has 2", id="short mapping"),
        pytest.param(TWO, (1, float("nan")), r"returned NaN", id="nan"),
        pytest.param(TWO, (1, None), r"returned None", id="none"),
        pytest.param(TWO, "ab", r"returned 1 value", id="text"),
        pytest.param(Objectives(), object(), r"returned a value of type object", id="object"),
    ],
)
def test_useless_values_are_refused(objectives: Objectives, returned: Any, reason: str) -> None:
    """What is no value, or too many or too few, is refused with the reason."""
    with pytest.raises(ValueError, match=reason):
        objectives.values_of(returned)


def test_values_are_told_with_their_names() -> None:
    """A line shows the names of the objectives where they have some."""
    assert TWO.text((0.25, 3.0)) == "0.25, 3"
    assert NAMED.text((0.25, 3.0)) == "loss 0.25, accuracy 3"


def test_several_objectives_have_no_pruner() -> None:
    """The default pruner gives way to none; one that the user chose is refused; one objective keeps its own."""
    median = {"_target_": "optuna.pruners.MedianPruner"}
    assert pruner_for(TWO, median, chosen=False) == {"_target_": NOP}
    assert pruner_for(TWO, {"_target_": NOP}, chosen=True) == {"_target_": NOP}
    assert pruner_for(Objectives(), median, chosen=True) == median
    with pytest.raises(ValueError, match=r"a trial of 2 objectives cannot be pruned"):
        pruner_for(TWO, median, chosen=True)
