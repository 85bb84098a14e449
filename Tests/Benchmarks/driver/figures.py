"""Samples, rows and bars: what a benchmark hands to the report."""

import math
import statistics
from dataclasses import dataclass, field


class Wrong(Exception):
    """Something did not run, or its result was wrong: the only thing that makes a benchmark fail."""


@dataclass
class Samples:
    values: list

    @property
    def center(self):
        return statistics.median(self.values)

    def percentile(self, share):
        """The nearest-rank percentile."""
        ordered = sorted(self.values)
        return Samples([ordered[max(0, math.ceil(share * len(ordered)) - 1)]])

    def map(self, change):
        return Samples([change(value) for value in self.values])

    def over(self, other):
        """Ratios round by round: what disturbs the machine disturbs both sides of a round."""
        if len(self.values) == len(other.values):
            pairs = zip(self.values, other.values)
        else:
            pairs = [(self.center, other.center)]
        return Samples([mine / theirs if theirs else math.inf for mine, theirs in pairs])


@dataclass
class Bar:
    """What is aimed at, of the ratio or of the figure itself."""

    subject: str  # "ratio" or "astro"
    sense: str  # "at least", "at most", "above" or "under"
    limit: float

    def holds(self, value):
        return {
            "at least": value >= self.limit, "at most": value <= self.limit,
            "above": value > self.limit, "under": value < self.limit,
        }[self.sense]


@dataclass
class Row:
    what: str
    unit: str
    astro: Samples
    reference: Samples = None
    bar: Bar = None
    ratio: Samples = field(default=None)

    def __post_init__(self):
        if self.ratio is None and self.reference is not None:
            self.ratio = self.astro.over(self.reference)

    @property
    def verdict(self):
        if self.bar is None:
            return None
        value = self.ratio.center if self.bar.subject == "ratio" else self.astro.center
        return self.bar.holds(value)


@dataclass
class Table:
    name: str
    title: str
    rows: list
    notes: list = field(default_factory=list)


def interleave(rounds, contestants):
    """Runs every contestant once a round, A B A B, and gives the samples of each."""
    values = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            values[name].append(run())
    return {name: Samples(samples) for name, samples in values.items()}
