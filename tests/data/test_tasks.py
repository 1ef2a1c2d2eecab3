"""Splits and few-way tasks: disjoint where promised, equal for equal params, refused where impossible."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbank.config import Tasks
from maskbank.data.tasks import draw_splits
from maskbank.errors import InputError


def tasks(**values: object) -> Tasks:
    return Tasks.model_validate({"given_targets": [], **values})


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), classes=st.sampled_from([10, 100]), ways=st.integers(2, 4))
def test_bank_and_target_tasks_share_no_class(seed: int, classes: int, ways: int) -> None:
    splits = draw_splits(tasks(seed=seed, ways=ways, splits=3, per_split=1, bank_per_split=4, unseen_splits=1), classes)
    assert [split.task_split for split in splits] == ["unseen", "heldout", "heldout"]
    assert len({split.target_classes for split in splits}) == 3
    for split in splits:
        targets = {label for task in split.target_tasks for label in task.classes}
        bank = {label for task in split.bank_tasks for label in task.classes}
        assert targets <= set(split.target_classes)
        assert not bank & set(split.target_classes)
        assert bank <= set(split.pretrain_classes)
        assert len({task.classes for task in split.bank_tasks}) == 4
        seen = set(split.target_classes) <= set(split.pretrain_classes)
        assert seen == (split.task_split == "heldout")


def test_equal_params_equal_splits_and_hashes() -> None:
    one, two = (draw_splits(tasks(splits=3, unseen_splits=1), 10) for _ in range(2))
    assert one == two
    assert one[0].hash == two[0].hash
    assert one[0].hash != draw_splits(tasks(splits=3, unseen_splits=1, seed=1), 10)[0].hash


def test_given_targets_come_first() -> None:
    splits = draw_splits(tasks(given_targets=[[6, 0, 2, 4]], splits=2, unseen_splits=1), 10)
    assert splits[0].target_classes == (0, 2, 4, 6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"targets": 9}, r"tasks\.targets = 9: leaves 1 of 10"),
        ({"per_split": 5}, r"tasks\.per_split = 5: 4 targets give 4 3-way tasks; at most 4"),
        ({"bank_per_split": 30}, r"tasks\.bank_per_split = 30: 6 bank classes give 20"),
        ({"given_targets": [[0, 1, 2, 11]]}, r"tasks\.given_targets\.0 = .*: expected 4 different classes of 0\.\.9"),
        ({"splits": 300, "targets": 4}, r"tasks\.splits = 300: only 210"),
    ],
)
def test_what_cannot_be_drawn_is_said(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_splits(tasks(**values), 10)
