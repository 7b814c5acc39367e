"""What a process takes of the memory for itself alone."""

from pathlib import Path


def private_memory(process: int | str = "self") -> int:
    """Return the bytes of memory (USS) that a process shares with nobody; 0 where the system does not say (macOS).

    Mapped rows do not count: theirs are the file cache's pages, private only while nobody else has them open.
    """
    try:
        lines = Path(f"/proc/{process}/smaps").read_text().splitlines()
    except OSError:
        return 0
    kilobytes, counts = 0, True
    for line in lines:
        first, *rest = line.split()
        if not first.endswith(":"):  # the head of a mapping: addresses, flags, and the file if there is one
            counts = not rest[-1].endswith(".npy")
        elif counts and first.startswith("Private_"):
            kilobytes += int(rest[0])
    return 1024 * kilobytes
