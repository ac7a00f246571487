"""Options of `connections.<conn>.children.<child>`."""

from __future__ import annotations

from ikeengine.config.ike_kinds import AH_PROPOSALS, ESP_PROPOSALS, SELECTORS, TFC
from ikeengine.config.kinds import BOOLEAN, COUNT, DURATION, SIZE, TRUE_WORDS, VOLUME_COUNT, Choice, Integer, Kind
from ikeengine.config.mark_kinds import IF_ID, MARK, SET_MARK
from ikeengine.config.schema import Fixed, Option, Section
from ikeengine.model.connection import Action, Mode
from ikeengine.model.proposal import Proposal

_ACTION_ALIASES = {"route": "trap", "restart": "start", "clear": "none", "start|trap": "trap|start"}
_START_ACTIONS = Choice(
    {action.value: action for action in (Action.NONE, Action.TRAP, Action.START, Action.TRAP_START)}, _ACTION_ALIASES
)
_CLOSE_ACTIONS = Choice({action.value: action for action in (Action.NONE, Action.TRAP, Action.START)}, _ACTION_ALIASES)
_DPD_ACTIONS = Choice(
    {action.value: action for action in (Action.CLEAR, Action.TRAP, Action.RESTART)},
    {"route": "trap", "start": "restart", "none": "clear"},
)
_MODES = Choice({mode.value: mode for mode in Mode}, unsupported=("transport_proxy", "iptfs", "beet"))
_DSCP = Choice({word: word for word in ("out", "in", "yes", "no")})
_HW_OFFLOAD = Choice(
    {word: word for word in ("no", "crypto", "auto")}, dict.fromkeys(TRUE_WORDS, "crypto"), unsupported=("packet",)
)
_TIME: Kind[float | None] = DURATION
_BYTES: Kind[int | None] = SIZE
_PACKETS: Kind[int | None] = VOLUME_COUNT
_AH: Kind[tuple[Proposal, ...] | None] = AH_PROPOSALS

AH = Option(
    "ah_proposals",
    _AH,
    "AH proposals to offer and accept instead of ESP. With `version: 1` AH stands around ESP, if both are written.",
)
ESP = Option(
    "esp_proposals",
    ESP_PROPOSALS,
    "ESP proposals to offer and accept, best first. A key exchange method "
    "such as `x25519` gives perfect forward secrecy when rekeying.",
    "default",
)
SHA256_96 = Option(
    "sha256_96",
    BOOLEAN,
    "Truncate HMAC-SHA-256 to 96 instead of 128 bits, as peers from before RFC 4868 do; both ends must be told.",
    "no",
)
LOCAL_TS = Option(
    "local_ts",
    SELECTORS,
    "Local traffic selectors: `net[proto/port]`, ranges, or `dynamic` for our own address.",
    "dynamic",
)
REMOTE_TS = Option("remote_ts", SELECTORS, "Remote traffic selectors, written like `local_ts`.", "dynamic")
REKEY_TIME = Option(
    "rekey_time", DURATION, "When to rekey the Child SA, minus a random part of `rand_time`; 0 never.", "1h", unit="s"
)
LIFE_TIME = Option(
    "life_time", _TIME, "When the Child SA ends if it was not rekeyed; 0 never.", derived="rekey_time + 10 %", unit="s"
)
RAND_TIME = Option(
    "rand_time",
    _TIME,
    "Largest random time to subtract from `rekey_time`.",
    derived="life_time - rekey_time, at most half of rekey_time",
    unit="s",
)
REKEY_BYTES = Option(
    "rekey_bytes", SIZE, "Volume after which to rekey, minus a random part of `rand_bytes`; 0 never.", "0", unit="bytes"
)
LIFE_BYTES = Option(
    "life_bytes", _BYTES, "Volume after which the Child SA ends; 0 never.", derived="rekey_bytes + 10 %", unit="bytes"
)
RAND_BYTES = Option(
    "rand_bytes",
    _BYTES,
    "Largest random volume to subtract from `rekey_bytes`.",
    derived="life_bytes - rekey_bytes, at most half of rekey_bytes",
    unit="bytes",
)
REKEY_PACKETS = Option(
    "rekey_packets",
    VOLUME_COUNT,
    "Packets after which to rekey, minus a random part of `rand_packets`; 0 never.",
    "0",
    unit="packets",
)
LIFE_PACKETS = Option(
    "life_packets",
    _PACKETS,
    "Packets after which the Child SA ends; 0 never.",
    derived="rekey_packets + 10 %",
    unit="packets",
)
RAND_PACKETS = Option(
    "rand_packets",
    _PACKETS,
    "Largest random number to subtract from `rekey_packets`.",
    derived="life_packets - rekey_packets, at most half of rekey_packets",
    unit="packets",
)
MODE = Option("mode", _MODES, "IPsec mode; `pass` and `drop` let traffic go in the clear or drop it.", "tunnel")
POLICIES = Option("policies", BOOLEAN, "Whether to install IPsec policies.", "yes")
DPD_ACTION = Option(
    "dpd_action", _DPD_ACTIONS, "What to do when the peer is dead: close, set a trap, or connect again.", "clear"
)
INACTIVITY = Option(
    "inactivity", DURATION, "Close the Child SA when nothing went through it for this long; 0 never.", "0s", unit="s"
)
KEEP_UP = Option(
    "keep_up",
    BOOLEAN,
    "Keep the Child SA up: start it when the configuration is loaded, and again whenever it is down for any reason "
    "but a `terminate` here.",
    "no",
)
REQID = Option("reqid", COUNT, "Fixed number that ties policies to SAs in the kernel; 0 takes a free one.", "0")
PRIORITY = Option("priority", COUNT, "Fixed priority of the policies; 0 derives it from the selectors.", "0")
REPLAY_WINDOW = Option(
    "replay_window",
    Integer(0, 4096),
    "Packets that may come late; 0 switches replay protection off.",
    "32",
    unit="packets",
)
COPY_DF = Option("copy_df", BOOLEAN, "Copy the DF bit to the outer IPv4 header in tunnel mode.", "yes")
COPY_ECN = Option("copy_ecn", BOOLEAN, "Copy the ECN field between the headers in tunnel mode.", "yes")
COPY_DSCP = Option(
    "copy_dscp", _DSCP, "Copy the DSCP field in tunnel mode: to the outer header, from it, both, or not.", "out"
)
IPCOMP = Option(
    "ipcomp",
    BOOLEAN,
    "Compress packets before they are protected (DEFLATE, RFC 2394), if the peer wants that too.",
    "no",
)
TFC_PADDING = Option(
    "tfc_padding",
    TFC,
    "Pad packets to this length in tunnel mode, so that it tells nothing; `mtu` pads to the largest that fits.",
    "0",
    unit="bytes",
)
HW_OFFLOAD = Option(
    "hw_offload",
    _HW_OFFLOAD,
    "Let the network card do the cryptography (`crypto` or `yes`); `auto` does without if it cannot.",
    "no",
)
SINGLE_PAIR = Option(
    "single_pair",
    BOOLEAN,
    "Make a Child SA of its own for each pair of addresses, and demand the same of the peer (SINGLE_PAIR_REQUIRED).",
    "no",
)
START_ACTION = Option(
    "start_action",
    _START_ACTIONS,
    "What to do when the configuration is loaded: nothing, set a trap, start, or both.",
    "none",
)
CLOSE_ACTION = Option("close_action", _CLOSE_ACTIONS, "What to do when the peer closes the Child SA.", "none")
MARK_IN = Option("mark_in", MARK, "Netfilter mark of packets that the inbound policies are for.", "0")
MARK_IN_SA = Option("mark_in_sa", BOOLEAN, "Whether the inbound SA has the mark of `mark_in` as well.", "no")
MARK_OUT = Option("mark_out", MARK, "Netfilter mark of packets that the outbound policies and the SA are for.", "0")
SET_MARK_IN = Option(
    "set_mark_in",
    SET_MARK,
    "Mark that packets get when they come out of the tunnel; `%same` is that of `mark_in`.",
    "0",
)
SET_MARK_OUT = Option(
    "set_mark_out", SET_MARK, "Mark that packets get when they are encrypted; `%same` is that of `mark_out`.", "0"
)
IF_ID_IN = Option(
    "if_id_in", IF_ID, "ID of the XFRM interface that packets come out of.", "0", derived="that of the connection"
)
IF_ID_OUT = Option(
    "if_id_out", IF_ID, "ID of the XFRM interface that packets go into.", "0", derived="that of the connection"
)

_NOT_YET = (
    Fixed("updown", "scripts; subscribe to the events of the control socket instead"),
    Fixed("hostaccess", "a variable for updown scripts", "no", BOOLEAN),
    Fixed("policies_fwd_out", "outbound forward policies", "no", BOOLEAN),
    Fixed("interface", "policies of one interface"),
    Fixed("label", "labelled IPsec, RFC 9478"),
    Fixed("label_mode", "labelled IPsec, RFC 9478", "system"),
    Fixed("per_cpu_sas", "SAs for each CPU, RFC 9611", "no", BOOLEAN),
    Fixed("icmp", "forwarding of ICMP errors", "no", BOOLEAN),
)

CHILD = Section(
    "connections.<conn>.children.<child>",
    "One kind of Child SA, named `<child>`; the name is unique within its connection.",
    (
        ESP,
        AH,
        SHA256_96,
        LOCAL_TS,
        REMOTE_TS,
        MODE,
        START_ACTION,
        CLOSE_ACTION,
        DPD_ACTION,
        KEEP_UP,
        REKEY_TIME,
        LIFE_TIME,
        RAND_TIME,
        REKEY_BYTES,
        LIFE_BYTES,
        RAND_BYTES,
        REKEY_PACKETS,
        LIFE_PACKETS,
        RAND_PACKETS,
        INACTIVITY,
        REPLAY_WINDOW,
        REQID,
        PRIORITY,
        POLICIES,
        COPY_DF,
        COPY_ECN,
        COPY_DSCP,
        IPCOMP,
        TFC_PADDING,
        HW_OFFLOAD,
        MARK_IN,
        MARK_IN_SA,
        MARK_OUT,
        SET_MARK_IN,
        SET_MARK_OUT,
        IF_ID_IN,
        IF_ID_OUT,
        SINGLE_PAIR,
    ),
    _NOT_YET,
)
