"""Splits what is sent to a broker that stores each message on its own."""

from collections.abc import Iterator, Sequence

from app.messaging.envelope import Envelope


def waves(envelopes: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """Split messages so that no two of a wave have the same subject: the broker may refuse one and store the next."""
    wave: dict[str, Envelope] = {}
    for envelope in envelopes:
        if envelope.subject in wave:
            yield list(wave.values())
            wave = {}
        wave[envelope.subject] = envelope
    if wave:
        yield list(wave.values())
