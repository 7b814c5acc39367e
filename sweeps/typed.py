"""What was typed, flag by flag, and which of it a refusal is about."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pipeline.errors import ConfigError, require

Words: TypeAlias = tuple[str, ...]
"""A flag, and the values that follow it; before the first flag, values alone."""

HELP = ("-h", "--help")


def by_flag(arguments: Sequence[str]) -> list[Words]:
    """Return the arguments, each flag with its values."""
    groups: list[Words] = []
    for word in arguments:
        if not groups or is_flag(word):
            groups.append((word,))
        else:
            groups[-1] += (word,)
    return groups


def is_flag(word: str) -> bool:
    """Return whether a word is a flag: it begins with a hyphen and is no number."""
    if not word.startswith("-"):
        return False
    try:
        float(word)
    except ValueError:
        return True
    return False


def flag_of(words: Words) -> str:
    """Return the flag that words begin with, or nothing where they are values alone."""
    name = words[0].partition("=")[0]
    return name if is_flag(name) else ""


def in_help(flag: str) -> str:
    """Return a flag as help has it: underscores will do for hyphens."""
    return flag.replace("_", "-")


def values_of(words: Words) -> list[str]:
    """Return the values that a flag is given, in either way to write them."""
    _, equals, value = words[0].partition("=")
    return [*([value] if equals else []), *words[1:]]


def check(arguments: Sequence[str]) -> None:
    """Refuse what would be read in another way than it was meant.

    Raises:
        ConfigError: a flag is given twice, of which one would be ignored, or an empty value.
    """
    groups = [words for words in by_flag(arguments) if flag_of(words)]
    for flag, count in Counter(in_help(flag_of(words)) for words in groups).items():
        given = " and ".join(" ".join(values_of(words)) for words in groups if in_help(flag_of(words)) == flag)
        require(count == 1, flag, "must be given once", given)
    for words in groups:
        require("" not in values_of(words), flag_of(words), "must not be empty", "")


def blamed(error: ConfigError, arguments: Sequence[str], attempt: Callable[[Sequence[str]], object]) -> ConfigError:
    """Return `error` with the flags in front that it is about: no more than `attempt` needs to be refused likewise.

    So that whoever refuses a value need not know what is called how on the command line, or in which of several stages
    it stands.
    """
    kept = [words for words in by_flag(arguments) if words[0] not in HELP]
    if _refusal(attempt, kept) != str(error):
        return error
    for words in tuple(kept):
        fewer = [each for each in kept if each is not words]
        if _refusal(attempt, fewer) == str(error):
            kept = fewer
    about = [flag for flag in map(flag_of, kept) if flag]
    if all(flag in str(error) or in_help(flag) in str(error) for flag in about):
        return error
    return ConfigError(f"{', '.join(about)}: {error}")


def _refusal(attempt: Callable[[Sequence[str]], object], groups: Sequence[Words]) -> str:
    try:
        attempt([word for words in groups for word in words])
    except ConfigError as error:
        return str(error)
    return ""
