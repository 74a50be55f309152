"""What a store admits to an encrypted app: nothing but what is verifiably encrypted to its recipients.

Theory: each value is checked before it is written, with no secret: that it is an object or a secret of this app and key, and
that the app's recipients can open it.
Invariant: what is admitted can be opened by each recipient of the app, but for a chance of 2^-128.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.encryption import objects, small_secrets
from hyperdb.encryption.envelope import MOST_APP, MOST_RECIPIENTS, Place
from hyperdb.encryption.keys import PublicKey
from hyperdb.errors import EncryptionError, InvalidError


def admit(data: bytes, place: Place, required: Sequence[PublicKey]) -> None:
    """Checks what is to be written: an object or a secret that was encrypted for this place to each recipient required.

    Raises:
        EncryptionError: it does not verify.
    """
    if not data.startswith(small_secrets.MAGIC):
        objects.verify(data, place, required)
    elif len(required) > 1:
        raise EncryptionError("a secret has one recipient, and more are required: encrypt an object")
    else:
        small_secrets.verify_secret(data, place, required[0] if required else None)


def check_recipients(app: str, recipients: Sequence[PublicKey]) -> None:
    """Whether an app can be made one of these recipients.

    Raises:
        InvalidError: there are none, too many, or one twice; or its name is too long for the format.
    """
    if not 1 <= len(recipients) <= MOST_RECIPIENTS or len(set(recipients)) != len(recipients):
        raise InvalidError(f"an encrypted app has 1 to {MOST_RECIPIENTS} recipients, each once")
    if len(app.encode()) > MOST_APP:
        raise InvalidError(f"the name of an encrypted app has at most {MOST_APP} bytes")
