"""Runs the stages: each freezes what lies before its cut and trains what lies after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import attrs
import keras

from kerastl.backbones.values import values_of
from kerastl.cache import Cache
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.errors import UsageError
from kerastl.recipe import Recipe, Stage
from kerastl.stage_rules import AUTO
from kerastl.training.audit import Auditor, has_ended, require_audited, require_declared
from kerastl.training.batches import training_batches, validation_batches
from kerastl.training.callbacks import (
    Averaging,
    EpochLines,
    FiniteLosses,
    Keeper,
    Pace,
    Save,
)
from kerastl.training.features import Features, Learning, features_of
from kerastl.training.first_batch import FIRST_BATCH, check_first_batch, require_labels
from kerastl.training.given import Callbacks
from kerastl.training.interpolation import interpolate
from kerastl.training.kept import tell_kept
from kerastl.training.normalization import prepare_normalization
from kerastl.training.parts import Parts, split_stage
from kerastl.training.range_test import RangeTest, find_rate, with_rate
from kerastl.training.regularization import held_to
from kerastl.training.schedules import is_over
from kerastl.training.state import State, assign, restore

_MOST_TOGETHER = 64


@attrs.frozen(eq=False)
class Training:
    """A model's training: what it goes by, and what it changes, which is the model and the state.

    Args:
        model: The whole model, from photos to logits.
        recipe: Its stages, batch size and seed.
        photos: For training and for validation.
        state: A new one, or where an earlier run stopped. It goes on changing, so that it is of use
            where training is broken off.
        cache: Where features are looked for and kept.
        save: Is given the state every few seconds and at the end of each stage.
        clock: Is told the seconds of each stage.
        given: Callbacks of somebody else, for the training of every stage. They are called after
            those here, so that what they do does not change what is kept of an epoch.
    """

    model: keras.Model
    recipe: Recipe
    photos: Learning
    state: State = attrs.Factory(State)
    cache: Cache = attrs.Factory(Cache)
    save: Save = lambda _: None
    clock: Clock = attrs.Factory(Clock)
    given: Callbacks = ()

    def run(self) -> None:
        """Train stage by stage, and leave the model with the weights of its best epoch.

        Raises:
            TrainingError: Labels are of no class, or training did what it was not asked for.
        """
        self._require_labels()
        for setting, stage in self._stages():
            if has_ended(stage, self.state):
                require_audited(stage, self.state)
                continue
            parts, features = self._begun(stage)
            with self.clock.part("learning rate"):
                rated = with_rate(stage, parts, self.recipe, features[0], self.state)
            self._train(rated, setting, parts, features)
        if self.recipe.interpolate:
            with self.clock.part("interpolation"):
                interpolate(self.model, self.recipe, self.photos[1], self.state)
        else:
            several = self.photos[1].labels.ndim == 2
            tell_kept(self.state, self.model.output_shape[-1], several)
        assign(self.model, self.state.best)

    def find_rates(self) -> list[RangeTest]:
        """Find a learning rate for each stage as training comes to it; the last is not trained.

        Raises:
            TrainingError: A loss is no number from the beginning.
        """
        self._require_labels()
        found: list[RangeTest] = []
        for setting, stage in self._stages():
            parts, features = self._begun(stage)
            found.append(find_rate(stage, parts, self.recipe, features[0]))
            if len(found) < len(self.recipe.parts):
                rated = stage.rated(found[-1].suggestion)
                self._train(rated, setting, parts, features)
        return found

    def _require_labels(self) -> None:
        for photos in self.photos:
            require_labels(photos, self.model.output_shape[-1])

    def _stages(self) -> Iterator[tuple[str, Stage]]:
        """Yield each stage that the state has not left, after the setting that it comes from."""
        state = self.state
        for number, (whole, stage) in enumerate(self.recipe.parts):
            if number < state.stage:
                continue
            if number > state.stage:
                state.stage, state.optimizer, state.unmoved = number, [], None
            if stage.unfreeze and not state.anchor and _needs_anchor(self.recipe):
                state.anchor = state.best or values_of(self.model.variables)
            yield whole.name, stage

    def _begun(self, stage: Stage) -> tuple[Parts, tuple[Features, Features]]:
        """Return the model taken apart for a stage, and what its tail is given."""
        recipe, photos, state, clock = self.recipe, self.photos, self.state, self.clock
        with clock.part("model"):
            if state.model:
                # Also where somebody else's callback has left others at the end of a stage.
                assign(self.model, state.model)
            begun = bool(state.losses(stage.name))
            if prepare_normalization(self.model, stage, photos[0], recipe.seed, begun):
                state.model = values_of(self.model.variables) if state.model else []
        parts = split_stage(self.model, stage)
        require_declared(parts, stage)
        say(parts.describe(stage))
        with clock.part("trunk"):
            features = features_of(parts, recipe, stage, self._rest_of(stage), photos, self.cache)
        if not state.rows:
            with clock.part("checking"):
                state.audit[FIRST_BATCH] = check_first_batch(
                    parts, features[0], photos[0], recipe.photos_a_step
                )
        return parts, features

    def _train(
        self, stage: Stage, setting: str, parts: Parts, features: tuple[Features, Features]
    ) -> None:
        """Train one stage from its first epoch, or from where the state stands within it."""
        self.clock.training_begins()
        with (
            self.clock.part(f"stage {stage.name}"),
            held_to(self.state.anchor, parts, stage.l2_sp) as releasing,
        ):
            self._fit(parts, stage, setting, features, releasing)

    def _fit(
        self,
        parts: Parts,
        stage: Stage,
        setting: str,
        features: tuple[Features, Features],
        more: Sequence[keras.callbacks.Callback],
    ) -> None:
        """Train the tail for the epochs that are left."""
        train, validation = features
        recipe, tail, batch_size = self.recipe, parts.tail, self.recipe.photos_a_step
        rest, steps = self._rest_of(stage), -(-len(train) // batch_size)
        together = _together(steps) if stage.unfreeze == 0 and train.held else 1
        parts.compile(stage, recipe, train.labels, steps, steps_per_execution=together)
        restore(tail.optimizer, tail.trainable_variables, self.state)
        with self._callbacks(parts, stage, setting, rest) as ours:
            tail.fit(
                training_batches(train, tail, batch_size, recipe.seed, rest, recipe.balance),
                initial_epoch=rest.start,
                epochs=rest.stop,
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=validation_batches(validation, tail, batch_size),
                callbacks=[*more, *ours, *self.given],
                verbose=0,
            )

    @contextlib.contextmanager
    def _callbacks(
        self, parts: Parts, stage: Stage, setting: str, rest: range
    ) -> Iterator[list[keras.callbacks.Callback]]:
        """Yield what watches a stage, in the order in which it has to be called."""
        state, recipe, photos = self.state, self.recipe, len(self.photos[0])
        # An epoch before this one has copied them already.
        values = state.model or values_of(parts.model.variables)
        averaging = Averaging() if stage.averaging else None
        keeper = Keeper(
            parts.model,
            values,
            stage.name,
            state,
            self.save,
            averaging=averaging,
            is_last=lambda loss: is_over(stage, [*state.losses(stage.name), loss]),
        )
        lines = EpochLines(stage.name, rest, photos, recipe.photos_a_step, _last_of(recipe), state)
        finite = FiniteLosses(f"stages.{setting}.learning_rate")
        auditor, pace = Auditor(parts, stage, values, state), Pace(stage, state)
        with contextlib.closing(lines):
            yield [*([averaging] if averaging else []), finite, auditor, keeper, pace, lines]

    def _rest_of(self, stage: Stage) -> range:
        """Return the epochs of a stage that are left, on the one axis of all stages."""
        done = len(self.state.losses(stage.name))
        return range(self.state.epoch, self.state.epoch - done + stage.most_epochs)


def require_a_step(stage: Stage, steps: int) -> None:
    """Make sure that a stage takes at least one step of those that it accumulates.

    Args:
        stage: The stage.
        steps: How many there are in an epoch.

    Raises:
        UsageError: It takes none.
    """
    if steps * stage.most_epochs < stage.accumulate:
        raise UsageError(
            f"Stage {stage.name} has {steps * stage.most_epochs} steps in all, fewer than the "
            f"accumulate={stage.accumulate} that make one; lower accumulate or batch_size."
        )


def _needs_anchor(recipe: Recipe) -> bool:
    return recipe.interpolate or any(stage.l2_sp for stage in recipe.stages)


def _last_of(recipe: Recipe) -> int | None:
    """Return the number of the last epoch of all stages, if it is known."""
    if any(stage.epochs == AUTO for stage in recipe.stages):
        return None
    return sum(stage.most_epochs for stage in recipe.stages)


def _together(steps: int) -> int:
    """Return how many steps of an epoch, which take no time by themselves, are done in one go."""
    return max(number for number in range(1, _MOST_TOGETHER + 1) if steps % number == 0)
