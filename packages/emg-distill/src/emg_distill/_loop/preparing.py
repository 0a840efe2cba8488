"""What a recipe does to a module for the time of a run: freezing, forgetting blocks, compiling."""

from collections.abc import Iterator
from contextlib import contextmanager

import emg_models
from emg_distill._errors import EmgDistillError
from emg_distill._recipe.schema import Recipe
from emg_distill._tasks.task import Task

from .groups import freeze


@contextmanager
def prepared(task: Task, recipe: Recipe) -> Iterator[None]:
    """Freeze parameters, make blocks forget and compile the module as a recipe says; take it back in the end.

    Raises
    ------
    EmgDistillError
        When a pattern matches nothing or everything, or the model has no blocks.
    """
    train = recipe.train
    frozen = freeze(task.module, task.model, train.freeze)
    try:
        if train.checkpoint_blocks:
            _forget_blocks(task, on=True)
        if train.compile != "off":
            task.module.compile(backend=train.compile)
        yield
    finally:
        for name in frozen:
            task.module.get_parameter(name).requires_grad = True
        if train.checkpoint_blocks:
            _forget_blocks(task, on=False)
        task.module._compiled_call_impl = None  # noqa: SLF001  Module.compile has no opposite


def _forget_blocks(task: Task, *, on: bool) -> None:
    try:
        emg_models.checkpoint_blocks(task.model, on)
    except emg_models.EmgModelsError as error:
        raise EmgDistillError(f"train.checkpoint_blocks: {error}; or set it to false") from None
