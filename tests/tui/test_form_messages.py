"""Messages of forms: values as they are typed, errors with titles, and the filter of a list of choices."""

from __future__ import annotations

from typing import Any

import pytest

from cnn_tui.config.validation_errors import FieldError
from cnn_tui.tui.forms.choice_screen import matching_choices
from cnn_tui.tui.forms.fields import format_value
from cnn_tui.tui.forms.form_messages import allowed_values, with_titles


def test_choices_match_without_punctuation_and_by_their_start_first() -> None:
    choices = ("wide_resnet50_2", "resnet50", "vgg16", "vgg16_bn")
    assert matching_choices(choices, "ResNet-50") == ["resnet50", "wide_resnet50_2"]
    assert matching_choices(choices, "vgg16bn") == ["vgg16_bn"]
    assert matching_choices(choices, "") == list(choices)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.0, "0"), (0.001, "0.001"), (1e-05, "1e-05"), (224, "224"), ("auto", "auto")]
)
def test_values_are_formatted_as_typed(value: Any, text: str) -> None:
    assert format_value(value) == text


def test_messages_have_titles_and_no_escape_sequences() -> None:
    assert with_titles("data.image_size 16 is too small") == "“Image size” 16 is too small"
    assert allowed_values(FieldError("a", '"x" is not allowed: at least 1')) == "at least 1"
    assert allowed_values(FieldError("a", "no \x1b[31m here")) == "no \ufffd[31m here"
