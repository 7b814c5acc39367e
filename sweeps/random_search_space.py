"""What a random search may vary, as typed on the command line: of every parameter one value, a range, or a list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from pipeline.errors import ConfigError, require
from pipeline.run.samplers import LogRange
from pipeline.run.space import Choices, Dimension, Interval, Space
from pipeline.spec import Setting
from sweeps.depth import hidden_sizes


@dataclass(frozen=True)
class Searched:
    """What is searched. Of a number: one fixes it, two are the ends of its range."""

    hidden: tuple[str, ...] = ("50", "50-50", "100-50", "200-100", "500-250-100")
    """networks to choose from, by their hidden sizes"""
    batch_norm: tuple[str, ...] = ("before",)
    """of none, before and after, those to choose from"""
    eta_max: tuple[float, ...] = (0.01, 1.0)
    """largest learning rate, on a log scale"""
    lambda_: Annotated[tuple[float, ...], tyro.conf.arg(name="lambda")] = (1e-5, 1e-1)
    """L2 penalty, on a log scale"""
    sigma: tuple[float, ...] = (1e-3, 3e-1)
    """weight scale: standard deviation of the initial weights, on a log scale"""
    keep: tuple[float, ...] = (0.5, 1.0)
    """dropout: the probability to keep a hidden unit, evenly"""

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """What varies, by public name."""
        return {name: each for name, each in self._parsed().items() if isinstance(each, Dimension)}

    @property
    def fixed(self) -> Setting:
        """What is fixed at one value, by public name."""
        return {name: each for name, each in self._parsed().items() if not isinstance(each, Dimension)}

    def space(self) -> Space:
        """Return what varies as a space.

        Raises:
            ConfigError: nothing varies.
        """
        if not self.dimensions:
            raise ConfigError("a search must vary at least one parameter, got one value of each")
        return Space(self.dimensions)

    def _parsed(self) -> dict[str, Dimension | Any]:
        """Return a Dimension, or the one value that it is fixed at, by public name.

        Raises:
            ConfigError: a range is empty or reversed, or a network is not one.
        """
        for name, listed in (("networks", self.hidden), ("batch norm", self.batch_norm)):
            require(0 < len(set(listed)) == len(listed), name, "must be different, and at least one", listed)
        return {
            "hidden": _choice("hidden", {text: hidden_sizes(text) for text in self.hidden}),
            "batch_norm": _choice("batch norm", {text: text for text in self.batch_norm}),
            "eta_max": _numbers("eta max", self.eta_max),
            "lambda": _numbers("lambda", self.lambda_),
            "sigma": _numbers("sigma", self.sigma),
            "keep": _numbers("keep", self.keep, log=False),
        }


def _choice(of: str, values: dict[str, Any]) -> Choices | Any:
    return Choices(values, of) if len(values) > 1 else next(iter(values.values()))


def _numbers(of: str, given: tuple[float, ...], *, log: bool = True) -> Dimension | float:
    require(len(given) in (1, 2), of, "must be one number, or the two ends of a range", given)
    first, last = given[0], given[-1]
    if len(given) == 1:
        return first
    return LogRange(first, last, of) if log else Interval(first, last, of)


def ends(dimension: Dimension) -> Iterator[Any]:
    """Yield the values that a rule would refuse first: both ends of a range, every choice."""
    if isinstance(dimension, Choices):
        yield from dimension.values.values()
    else:
        yield from (dimension.low, dimension.high)
