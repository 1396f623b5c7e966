"""What is known of a packet of Vorbis or Opus without decoding it: how long it lasts, if it can be.

Enough to tell, in a page whose checksum fails, the packets that were overwritten from the others.
Sources: Vorbis I specification, sections 4.2.4 and 4.3.1; RFC 6716, section 3.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

OPUS_RATE = 48_000  # Hz; lengths of Opus count at it
MODE_BITS = 41  # a block flag, 16 bits each of window and transform (all 0), 8 of mapping
MOST_MODES = 64
HEAD_BYTES = 2  # of a packet are looked at

Range = tuple[int, int]
"""Numbers of the first packet of a row and of the one behind its last."""


@dataclass(frozen=True, slots=True)
class OpusPackets:
    """Judges packets of Opus by those of whole pages near them: encoders rarely change."""

    known: frozenset[int]  # first bytes

    def duration(self, before: bytes | None, packet: bytes) -> int:
        """Return the samples of a packet."""
        configuration, code = packet[0] >> 3, packet[0] & 3
        if configuration < 12:
            frame = (480, 960, 1920, 2880)[configuration & 3]
        elif configuration < 16:
            frame = (480, 960)[configuration & 1]
        else:
            frame = (120, 240, 480, 960)[configuration & 3]
        return frame * ((1, 2, 2)[code] if code < 3 else int.from_bytes(packet[1:2], "big") & 0x3F)

    def doubtful(self, packets: Sequence[bytes]) -> Range | None:
        """Return the packets that cannot be sound, with all between them; ``None``: all can."""
        wrong = [number for number, head in enumerate(packets) if head[0] not in self.known]
        return (wrong[0], wrong[-1] + 1) if wrong else None


@dataclass(frozen=True, slots=True)
class VorbisPackets:
    """Judges packets of Vorbis: each says how long it is, and its neighbours."""

    sizes: tuple[int, int]  # samples of a short and of a long block
    is_long: tuple[bool, ...]  # by mode

    @classmethod
    def read(cls, identification: bytes, setup: bytes) -> VorbisPackets | None:
        """Read the headers; ``None`` where the modes at the end of the last cannot be found."""
        sizes = identification[28]
        # Bits go from the lowest of each byte up; the modes are last, before a 1 and padding.
        bits = int.from_bytes(setup, "little")
        end = bits.bit_length() - 1
        modes: list[bool] = []
        found: tuple[bool, ...] = ()
        while end >= MODE_BITS and len(modes) < MOST_MODES:
            mode = bits >> (end - MODE_BITS) & (1 << MODE_BITS) - 1
            if mode >> 1 & 0xFFFF_FFFF or mode >> 33 >= MOST_MODES:
                break
            modes.insert(0, bool(mode & 1))
            end -= MODE_BITS
            if (bits >> (end - 6) & 63) + 1 == len(modes):
                found = tuple(modes)
        return cls((1 << (sizes & 15), 1 << (sizes >> 4)), found) if found else None

    def _read(self, packet: bytes) -> tuple[bool, bool, bool] | None:
        """Return whether a packet is long, and its neighbours; ``None`` where it is no sound."""
        value = int.from_bytes(packet[:HEAD_BYTES], "little")
        width = (len(self.is_long) - 1).bit_length()
        mode = value >> 1 & (1 << width) - 1
        if value & 1 or mode >= len(self.is_long):
            return None
        value >>= 1 + width
        return self.is_long[mode], bool(value & 1), bool(value >> 1 & 1)

    def duration(self, before: bytes | None, packet: bytes) -> int:
        """Return the samples that a packet adds to the one before it."""
        ends = [self._read(head) if head else None for head in (before, packet)]
        return sum(self.sizes[end[0] if end else True] for end in ends) // 4

    def doubtful(self, packets: Sequence[bytes]) -> Range | None:
        """Return the packets that cannot be sound, with all between them; ``None``: all can."""
        read = [self._read(packet) for packet in packets]
        wrong = [number for number, packet in enumerate(read) if packet is None]
        for number, (one, two) in enumerate(itertools.pairwise(read)):
            if one is None or two is None:
                continue
            if (one[0] and one[2] != two[0]) or (two[0] and two[1] != one[0]):
                wrong += [number, number + 1]
        return (min(wrong), max(wrong) + 1) if wrong else None
