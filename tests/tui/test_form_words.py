"""The words of the form: values as they are typed, problems by title, and what typing finds in a list."""

from __future__ import annotations

from typing import Any

import pytest

from cnn_tui.config.validation_errors import FieldError
from cnn_tui.tui.forms.choice_screen import matching
from cnn_tui.tui.forms.controls import as_text
from cnn_tui.tui.forms.wording import in_titles, reason


def test_a_choice_is_found_whatever_its_punctuation_and_its_beginning_counts_most() -> None:
    choices = ("wide_resnet50_2", "resnet50", "vgg16", "vgg16_bn")
    assert matching(choices, "ResNet-50") == ["resnet50", "wide_resnet50_2"]
    assert matching(choices, "vgg16bn") == ["vgg16_bn"]
    assert matching(choices, "") == list(choices)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.0, "0"), (0.001, "0.001"), (1e-05, "1e-05"), (224, "224"), ("auto", "auto")]
)
def test_values_read_as_a_person_would_type_them(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_messages_speak_of_titles_and_cannot_steer_the_terminal() -> None:
    assert in_titles("data.image_size 16 is too small") == "“Image size” 16 is too small"
    assert reason(FieldError("a", '"x" is not allowed: at least 1')) == "at least 1"
    assert reason(FieldError("a", "no \x1b[31m here")) == "no \ufffd[31m here"
