"""Keys and names as the store sees them: each component hidden by a keyed hash.

Theory: HMAC-SHA512, cut to 32 bytes, of a component and its place. Equal components give equal bytes, so that whoever has the
blinding key finds what lies under a key, and a partition, all that begins with the same components, is a range of the store's
keys with its proof of completeness. Order is lost, so ranges within a component are not possible; how often a component occurs
is not hidden.
Invariant: what is blinded depends on app, place and component, and on nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from hyperdb.commitment.verify.hashing import frame
from hyperdb.encryption.derive import derive
from hyperdb.encryption.keys import SecretKey
from hyperdb.errors import InvalidError

BLINDED_BYTES = 32
_KEY_BYTES = 32
_MOST_COMPONENTS = 8


@dataclass(frozen=True)
class BlindingKey:
    """What hides the keys of one app; who writes or looks up needs it."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != _KEY_BYTES:
            raise InvalidError(f"a blinding key has {_KEY_BYTES} bytes, not {len(self.secret)}")

    @classmethod
    def of(cls, key: SecretKey, app: str) -> BlindingKey:
        """The one that follows from a secret key, for an app: the holder of the key needs to keep no other."""
        return cls(derive(key.seed, b"", _KEY_BYTES, "hyperdb/encryption/blinding", app.encode()))

    def blind(self, *components: str | bytes) -> bytes:
        """A key of the store: 32 bytes for each component. Fewer components are the prefix of all that lies under them.

        Raises:
            InvalidError: there are none, or more than a key of the store has room for.
        """
        if not 1 <= len(components) <= _MOST_COMPONENTS:
            raise InvalidError(f"a blinded key has 1 to {_MOST_COMPONENTS} components, not {len(components)}")
        return b"".join(self._component(place, component) for place, component in enumerate(components))

    def _component(self, place: int, component: str | bytes) -> bytes:
        data = component.encode() if isinstance(component, str) else component
        message = b"".join(map(frame, (b"hyperdb/encryption/component", bytes([place]), data)))
        return hmac.digest(self.secret, message, hashlib.sha512)[:BLINDED_BYTES]
