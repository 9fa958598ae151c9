"""Which courses of training are one computation: as many last layers as a stack takes, else one course at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnn_tui.engine.data.feeds import FeatureFeed
from cnn_tui.engine.training.head_stack import HeadStack, stackable
from cnn_tui.engine.training.learner import Learner, Material, NetworkLearner
from cnn_tui.engine.training.loop import Course
from cnn_tui.engine.training.map_stack import MapStack, stackable_on_maps


@dataclass(frozen=True)
class Arranged:
    """Courses that a learner trains side by side; ``places`` are theirs among all courses."""

    places: tuple[int, ...]
    courses: tuple[Course, ...]
    learner: Learner
    material: Material


def arrange(material: Material, courses: Sequence[Course]) -> Iterator[Arranged]:
    """The courses in computations, one to be trained after the other, each beginning as it would alone."""
    stack = _stack_for(material)
    if stack is not None:
        for places in _stacks(courses):
            some = tuple(courses[place] for place in places)
            yield Arranged(places, some, stack(material, [course.config for course in some]), material)
        return
    beginnings = [material.classifier.first_state(course.config.seed) for course in courses if len(courses) > 1]
    for place, course in enumerate(courses):
        learner = NetworkLearner(material, course.config)
        if beginnings:
            material.classifier.randomness.restart(course.config.seed)
            learner.restore(0, beginnings[place])
        yield Arranged((place,), (course,), learner, material)


def _stack_for(material: Material) -> type[HeadStack] | None:
    if not isinstance(material.train, FeatureFeed):
        return None
    if stackable_on_maps(material.head, material.train):
        return MapStack
    return HeadStack if stackable(material.head) else None


def _stacks(courses: Sequence[Course]) -> Iterator[tuple[int, ...]]:
    """The places of courses with as many pictures each, seed by seed, every seed with as many courses."""
    by_seed: dict[tuple[int, ...], list[int]] = {}
    for place, course in enumerate(courses):
        rows = course.rows
        sizes = (len(rows.train_indices), len(rows.validation_indices), len(rows.test_indices))
        by_seed.setdefault((course.config.seed, *sizes), []).append(place)
    even: dict[tuple[int, ...], list[int]] = {}
    for key, places in by_seed.items():
        even.setdefault((len(places), *key[1:]), []).extend(places)
    yield from map(tuple, even.values())
