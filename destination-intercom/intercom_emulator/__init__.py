"""A faithful local Intercom: contacts and all that hangs on them, data events, its quota, its lags and its failures.

A pure core (`Intercom`: bytes in, `Answer` out, the clock passed in, never sleeping) under a small HTTP shell,
`Server`. It owns what Intercom does with a call; it knows nothing of any client of Intercom, and uses the
standard library only.
"""

from intercom_emulator.answers import Answer, Cut
from intercom_emulator.core import Intercom
from intercom_emulator.server import Server
from intercom_emulator.settings import Settings

__all__ = ["Answer", "Cut", "Intercom", "Server", "Settings"]
