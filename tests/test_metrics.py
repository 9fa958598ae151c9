"""The confusion matrix and its figures, against scikit-learn and against cases worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import metrics as reference

from cnn_tui.metrics import METRICS, Scores, result_fields, score
from cnn_tui.outcome import TOP, Outcome, confusion_matrix, top_hits

Labels = tuple[int, list[tuple[int, int]]]


@st.composite
def labelled(draw: st.DrawFn) -> Labels:
    """A number of classes, and pairs of an actual and a predicted label."""
    classes = draw(st.integers(1, 6))
    label = st.integers(0, classes - 1)
    return classes, draw(st.lists(st.tuples(label, label), min_size=1, max_size=60))


def scored(actual: list[int], predicted: list[int], classes: int) -> Scores:
    return score(confusion_matrix(actual, predicted, classes), [f"class {index}" for index in range(classes)])


@pytest.mark.filterwarnings("ignore:A single label")
@given(labelled())
def test_the_matrix_is_scikit_learns(case: Labels) -> None:
    classes, pairs = case
    actual, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    expected = reference.confusion_matrix(actual, predicted, labels=range(classes))
    np.testing.assert_array_equal(confusion_matrix(actual, predicted, classes), expected)


@given(labelled())
def test_each_class_scores_as_in_scikit_learn(case: Labels) -> None:
    classes, pairs = case
    actual, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    scores = scored(actual, predicted, classes)
    expected = reference.precision_recall_fscore_support(actual, predicted, labels=range(classes), zero_division=0)
    for index, row in enumerate(scores.per_class):
        figures = (row.precision, row.recall, row.f1, row.support)
        assert figures == pytest.approx(tuple(column[index] for column in expected))
    assert scores.accuracy == pytest.approx(reference.accuracy_score(actual, predicted))


@given(labelled())
def test_macro_means_are_scikit_learns_over_the_classes_with_pictures(case: Labels) -> None:
    classes, pairs = case
    actual, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    scores = scored(actual, predicted, classes)
    expected = reference.precision_recall_fscore_support(
        actual, predicted, labels=sorted(set(actual)), average="macro", zero_division=0
    )
    figures = (scores.macro_precision, scores.macro_recall, scores.macro_f1)
    assert figures == pytest.approx(expected[:3])


@pytest.mark.filterwarnings("ignore:A single label", "ignore:y_pred contains classes", "ignore:.*undefined")
@given(labelled())
def test_balanced_accuracy_and_kappa_are_scikit_learns(case: Labels) -> None:
    classes, pairs = case
    actual, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    scores = scored(actual, predicted, classes)
    assert scores.balanced_accuracy == pytest.approx(reference.balanced_accuracy_score(actual, predicted))
    assert scores.balanced_accuracy == scores.macro_recall
    kappa = reference.cohen_kappa_score(actual, predicted)
    assert scores.cohen_kappa == pytest.approx(0.0 if np.isnan(kappa) else kappa)


@given(st.integers(6, 12), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_top_5_accuracy_is_scikit_learns(classes: int, images: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(images, classes))
    actual = generator.integers(0, classes, images)
    ranked = np.argsort(-values, axis=1)[:, :TOP]
    matrix = confusion_matrix(actual, ranked[:, 0], classes)
    outcome = Outcome(matrix.tolist(), 0.5, top_hits(actual, ranked))
    expected = reference.top_k_accuracy_score(actual, values, k=TOP, labels=range(classes))
    figures = result_fields(outcome, [str(index) for index in range(classes)])
    assert figures["top5_accuracy"] == pytest.approx(expected)


def test_top_5_accuracy_says_nothing_of_five_classes_or_without_rankings() -> None:
    five, six = np.eye(5, dtype=int).tolist(), np.eye(6, dtype=int).tolist()
    assert result_fields(Outcome(five, 0.5, 5), "abcde")["top5_accuracy"] is None
    assert result_fields(Outcome(six, 0.5), "abcdef")["top5_accuracy"] is None
    assert result_fields(Outcome(six, 0.5, 6), "abcdef")["top5_accuracy"] == 1


def test_always_the_same_answer_over_ten_balanced_classes() -> None:
    scores = scored([label for label in range(10) for _ in range(100)], [3] * 1000, 10)
    assert scores.accuracy == pytest.approx(0.1)
    assert scores.macro_precision == pytest.approx(0.01)
    assert scores.macro_recall == pytest.approx(0.1)
    assert round(scores.macro_f1, 4) == 0.0182


def test_macro_f1_is_the_mean_of_f1_and_not_the_f1_of_means() -> None:
    scores = scored([0, 0, 0, 1], [0, 0, 1, 1], 2)
    assert scores.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)


def test_a_class_without_pictures_stays_in_the_matrix_and_out_of_the_means() -> None:
    scores = scored([0, 0, 1, 1], [0, 2, 1, 1], 3)
    assert scores.unsupported == ("class 2",)
    assert scores.confusion_matrix == ((1, 0, 1), (0, 2, 0), (0, 0, 0))
    assert scores.macro_recall == pytest.approx((0.5 + 1) / 2)


def test_rows_are_actual_and_columns_predicted() -> None:
    assert confusion_matrix([0, 0, 0], [1, 1, 0], 2).tolist() == [[1, 2], [0, 0]]


def test_nothing_measured_scores_zero() -> None:
    scores = scored([], [], 2)
    assert (scores.accuracy, scores.macro_f1) == (0.0, 0.0)


@pytest.mark.parametrize(("actual", "predicted"), [([0, 1], [0]), ([0, 2], [0, 0]), ([0, 0], [0, -1])])
def test_labels_that_do_not_fit_are_refused(actual: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match=r"do not pair up|outside"):
        confusion_matrix(actual, predicted, 2)


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        score(np.zeros((2, 2), dtype=np.int64), ["a", "b", "c"])


@pytest.mark.parametrize("lost", [("balanced_accuracy", "cohen_kappa"), ("macro_f1",)])
def test_a_record_without_a_metric_gets_it_from_its_matrix(lost: tuple[str, ...]) -> None:
    scores = scored([0, 0, 1, 1], [0, 1, 1, 1], 3)
    stored = {key: value for key, value in scores.model_dump(mode="json").items() if key not in lost}
    assert Scores.model_validate_json(json.dumps(stored)) == scores


@pytest.mark.parametrize("matrix", [None, 3, [[1, 2], [3]], [["a", "b"], ["c", "d"]], [[], []], {"a": 1}])
def test_a_record_without_metrics_and_with_a_damaged_matrix_is_refused(matrix: object) -> None:
    stored = scored([0, 1], [0, 1], 2).model_dump(mode="json") | {"confusion_matrix": matrix}
    del stored["cohen_kappa"]
    with pytest.raises(ValidationError):
        Scores.model_validate_json(json.dumps(stored))


def test_names_of_metrics_differ() -> None:
    for names in ("title", "heading", "symbol"):
        assert len({getattr(metric, names) for metric in METRICS.values()}) == len(METRICS)
