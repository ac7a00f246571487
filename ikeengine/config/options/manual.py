"""Options of `manual`: SAs with fixed SPIs and keys, without IKE, as `ip xfrm state add` makes them."""

from __future__ import annotations

from ikeengine.config.address_kinds import ADDRESS
from ikeengine.config.kinds import TEXT, Choice, Integer, Kind
from ikeengine.config.options import child
from ikeengine.config.schema import Option, Section, Subsection
from ikeengine.model.connection import Mode

_ADDRESS: Kind[str | None] = ADDRESS
_SPI: Kind[int | None] = Integer(0x100, 0xFFFFFFFF, "SPI")
_MODES = Choice({mode.value: mode for mode in (Mode.TUNNEL, Mode.TRANSPORT)})

LOCAL_ADDR = Option("local_addr", _ADDRESS, "Our outer address.")
REMOTE_ADDR = Option("remote_addr", _ADDRESS, "The peer's outer address.")
MODE = Option("mode", _MODES, "IPsec mode.", "tunnel")
SPI = Option("spi", _SPI, "The SPI, the same number as on the peer. RFC 4303 reserves those below 0x100.")
ENCR_KEY = Option(
    "encr_key", TEXT, "Name of the section of `secrets` that holds the encryption key, such as `manual-out`.", ""
)
INTEG_KEY = Option("integ_key", TEXT, "Name of the section of `secrets` that holds the integrity key.", "")

_DIRECTION = (SPI, ENCR_KEY, INTEG_KEY)

MANUAL = Section(
    "manual.<name>",
    "A pair of SAs with fixed keys and its policies. There is no rekeying, and sequence numbers start anew with the "
    "daemon: prefer IKE wherever the peer can do it.",
    (
        LOCAL_ADDR,
        REMOTE_ADDR,
        MODE,
        child.ESP,
        child.AH,
        child.LOCAL_TS,
        child.REMOTE_TS,
        child.REPLAY_WINDOW,
        child.REQID,
        child.PRIORITY,
    ),
    sections=(
        Subsection("in", Section("manual.<name>.in", "The SA for what comes from the peer.", _DIRECTION)),
        Subsection("out", Section("manual.<name>.out", "The SA for what goes to the peer.", _DIRECTION)),
    ),
)
