"""A pack as a task for a worker, and what becomes of it."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pipeline.records import Leg, Provenance, Row, Status, Timing, TrialRecord
from pipeline.run import networks
from pipeline.spec import Pack, digest


@dataclass(frozen=True)
class Task:
    """One pack of a stage: what to train, and where the outcome goes.

    Where settings are dropped at the ends of cycles, a pack is trained for one cycle, a leg: then its trials may come
    from several packs of the cycle before.

    Attributes:
        stage: its stage.
        pack: its index among the packs of the stage.
        replicate: the replicate of all its trials.
        numbers: the trials' numbers in the stage.
        trials: what they are.
        result: file for the outcome.
        networks: folder for the trained networks; None where they are not kept. Needs a split with test rows.
        cycle: the only cycle that is trained, from 1; None for all of them.
        sources: the tasks of the cycle before that its trials come from.
    """

    stage: str
    pack: int
    replicate: int
    numbers: tuple[int, ...]
    trials: Pack
    result: Path
    networks: Path | None
    cycle: int | None = None
    sources: tuple["Task", ...] = field(default=(), compare=False)  # `result` tells them already

    @cached_property
    def key(self) -> str:
        """The name of what is computed: that of the pack; of a leg also its cycle, and where its trials come from."""
        if self.cycle is None:
            return self.trials.key
        return digest([self.trials.key, self.cycle, [source.key for source in self.sources]])

    @property
    def checkpoint(self) -> Path:
        """File for where its trials stand at the end of a cycle."""
        return self.result.with_suffix(".npz")

    @property
    def end(self) -> int:
        """The epoch after which it ends."""
        schedule = self.trials.trials[0].schedule
        return schedule.epochs if self.cycle is None else self.cycle * schedule.cycle_epochs

    @property
    def goes_on(self) -> bool:
        """Whether more cycles follow, in other tasks."""
        return self.end < self.trials.trials[0].schedule.epochs

    @property
    def work(self) -> int:
        """Its size in trial-epochs, the unit of cost."""
        schedule = self.trials.trials[0].schedule
        return len(self.numbers) * (schedule.epochs if self.cycle is None else schedule.cycle_epochs)

    def came_from(self, index: int) -> tuple[str, ...]:
        """Return the keys of the earlier legs of the trial at `index`."""
        for source in self.sources:
            if self.numbers[index] in source.numbers:
                return (*source.came_from(source.numbers.index(self.numbers[index])), source.key)
        return ()

    def network(self, index: int) -> Path | None:
        """Return the file for the network of the trial at `index`; None where networks are not kept."""
        return self.networks / f"{self.numbers[index]}.npz" if self.networks else None

    def identity(self, index: int) -> tuple[str, str]:
        """Return what `Row.identity` says of the trial at `index`."""
        return self.trials.trials[index].key, self.key

    def placed(self, index: int, record: TrialRecord) -> TrialRecord:
        """Return the record of the trial at `index` with its place in this plan."""
        return replace(record, number=self.numbers[index], pack=self.pack, replicate=self.replicate)

    def has_network(self, index: int, record: TrialRecord) -> bool:
        """Whether the network of a complete trial is there, whole, where networks are kept."""
        path = self.network(index)
        return path is None or record.status is not Status.COMPLETE or networks.is_whole(path, self.identity(index))

    def record(self, index: int, status: Status, reason: str = "") -> TrialRecord:
        """Return the record of the trial at `index` in the pack, as far as the task alone determines it."""
        return TrialRecord(
            self.stage,
            self.numbers[index],
            self.pack,
            self.replicate,
            self.trials.trials[index],
            status,
            reason=reason,
            pack_key=self.key,
            came_from=self.came_from(index),
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a pack: a record per trial, in the pack's order, what it cost, and what computed it.

    The trials of a leg that are well at its end are PRUNED in it: that is what they are if they go no further.
    `earlier` says, by trial, what its earlier legs cost and what computed them; empty where there are none.
    """

    records: tuple[TrialRecord, ...]
    timing: Timing | None = None
    provenance: Provenance | None = None
    earlier: tuple[tuple[Leg, ...], ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows to store."""
        earlier = self.earlier or ((),) * len(self.records)
        return tuple(
            Row(record, self.timing, self.provenance, before)
            for record, before in zip(self.records, earlier, strict=True)
        )
