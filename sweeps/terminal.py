"""The console that sweeps print to."""

from rich.console import Console


class Terminal(Console):
    """A rich console for whose reader's leaving the command as a whole answers, not rich with an exit code of 1."""

    def on_broken_pipe(self) -> None:
        """Pass the BrokenPipeError on that is being handled."""
        raise  # noqa: PLE0704 - rich calls this from its except clause


def terminal() -> Console:
    """Return the console of a sweep: it prints what it is told, as paths may hold [brackets] and :colons:."""
    return Terminal(highlight=False, markup=False, emoji=False, soft_wrap=True)
