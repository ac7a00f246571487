"""Makes manually keyed SAs out of the `manual` section and the secrets that it names."""

from __future__ import annotations

from collections.abc import Mapping

from ikeengine.config.build_credentials import build_manual_keys
from ikeengine.config.inline import ConfigFiles
from ikeengine.config.options import child as child_options
from ikeengine.config.options import manual as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.model.immutable import immutable
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.model.sa import Direction, IpsecSa, PolicyAction, PolicySet
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.model.selector import SelectorTemplate, TrafficSelector
from ikeengine.model.static import StaticEntry
from ikeengine.negotiate.selectors import resolve
from ikeengine.registry import EncrId, Protocol, TransformType

Selectors = tuple[TrafficSelector, ...]


@immutable
class _Algorithms:
    protocol: Protocol
    encr: Transform | None
    integ: Transform | None

    @property
    def encr_octets(self) -> int:
        """Octets of the encryption key."""
        return ENCR[self.encr.id, self.encr.key_length].key_octets if self.encr is not None else 0

    @property
    def integ_octets(self) -> int:
        """Octets of the integrity key."""
        return INTEG[self.integ.id].key_octets if self.integ is not None else 0


def build_manual(root: Values, files: ConfigFiles, problems: Problems) -> dict[str, StaticEntry]:
    """The manually keyed SAs by name. What is wrong goes to `problems`, and is left out."""
    keys = build_manual_keys(root.one("secrets"), files, problems)
    built = {name: _entry(name, values, keys, problems) for name, values in root.named("manual").items()}
    entries = {name: entry for name, entry in built.items() if entry is not None}
    _check_spis(entries, root, problems)
    return entries


def _entry(name: str, values: Values, keys: Mapping[str, Secret], problems: Problems) -> StaticEntry | None:
    algorithms = _algorithms(values, problems)
    local, remote = (_required(values, option, problems) for option in (options.LOCAL_ADDR, options.REMOTE_ADDR))
    if algorithms is None or local is None or remote is None:
        return None
    if (":" in local) != (":" in remote):
        problems.add(
            values.mark_of(options.REMOTE_ADDR),
            values.key(options.REMOTE_ADDR),
            "local_addr and remote_addr are not of the same address family",
        )
        return None
    sas = [
        _sa(values, direction, (local, remote), algorithms, keys, problems)
        for direction in (Direction.IN, Direction.OUT)
    ]
    inbound, outbound = sas
    if inbound is None or outbound is None:
        return None
    _check_distinct(values, inbound, outbound, problems)
    policies = PolicySet(
        owner=0,
        action=PolicyAction.PROTECT,
        local_ts=inbound.local_ts,
        remote_ts=inbound.remote_ts,
        mode=inbound.mode,
        protocol=inbound.protocol,
        reqid=inbound.reqid,
        local=local,
        remote=remote,
        priority=values[child_options.PRIORITY],
    )
    return StaticEntry(name, policies, (inbound, outbound))


def _required(values: Values, option: Option[str | None], problems: Problems) -> str | None:
    if values[option] is None and values.sound(option):
        problems.add(values.mark, values.key(option), f"`{option.name}` is missing")
    return values[option]


def _algorithms(values: Values, problems: Problems) -> _Algorithms | None:
    """The one set of algorithms; there is nobody to negotiate with."""
    ah = values[child_options.AH]
    proposals = ah or values[child_options.ESP]
    if not values.sound(child_options.AH, child_options.ESP):
        return None
    if complaint := _complaint(proposals):
        name = child_options.AH.name if ah else child_options.ESP.name
        problems.add(values.marks.get(name, values.mark), values.key(name), complaint)
        return None
    encr, integ = (proposals[0].of_type(kind) for kind in (TransformType.ENCR, TransformType.INTEG))
    return _Algorithms(proposals[0].protocol, encr[0] if encr else None, integ[0] if integ else None)


def _complaint(proposals: tuple[Proposal, ...]) -> str:
    if len(proposals) != 1:
        return "manual keys need exactly one proposal, such as `esp_proposals: aes256-sha256`"
    (proposal,) = proposals
    encr, integ = proposal.of_type(TransformType.ENCR), proposal.of_type(TransformType.INTEG)
    if len(encr) > 1 or len(integ) > 1 or proposal.of_type(TransformType.KE):
        return "manual keys need one encryption and one integrity algorithm, and no key exchange"
    if encr and (ENCR[encr[0].id, encr[0].key_length].aead or encr[0].id == EncrId.AES_CTR):
        return (
            "combined modes and AES-CTR are broken when a counter repeats under one key, as after each restart: "
            "RFC 8221 section 4 forbids them with manual keys; take `aes256-sha256`"
        )
    return "" if integ else "manual keys need an integrity algorithm, such as `aes256-sha256`"


def _sa(
    values: Values,
    direction: Direction,
    outer: tuple[str, str],
    algorithms: _Algorithms,
    keys: Mapping[str, Secret],
    problems: Problems,
) -> IpsecSa | None:
    half = values.one(direction.value)
    spi = half[options.SPI]
    if spi is None:
        if half.sound(options.SPI):
            problems.add(half.mark, half.key(options.SPI), "`spi` is missing")
        return None
    encr_key = _key(half, options.ENCR_KEY, algorithms.encr_octets, keys, problems)
    integ_key = _key(half, options.INTEG_KEY, algorithms.integ_octets, keys, problems)
    if encr_key is None or integ_key is None:
        return None
    local, remote = outer
    inbound = direction is Direction.IN
    return IpsecSa(
        direction=direction,
        protocol=algorithms.protocol,
        spi=spi,
        source=remote if inbound else local,
        destination=local if inbound else remote,
        mode=values[options.MODE],
        reqid=values[child_options.REQID],
        encr=algorithms.encr,
        encr_key=encr_key,
        integ=algorithms.integ,
        integ_key=integ_key,
        replay_window=values[child_options.REPLAY_WINDOW],
        local_ts=_selectors(values, child_options.LOCAL_TS, local),
        remote_ts=_selectors(values, child_options.REMOTE_TS, remote),
    )


def _selectors(values: Values, option: Option[tuple[SelectorTemplate, ...]], address: str) -> Selectors:
    templates = values[option] or option.default_value()
    return resolve(templates, address)


def _key(
    half: Values, option: Option[str], octets: int, keys: Mapping[str, Secret], problems: Problems
) -> Secret | None:
    """The key that an option names: of the length that the algorithm wants, and not one that anybody would guess."""
    name = half[option]
    complaint = ""
    if not octets:
        complaint = f"`{option.name}` has no use: the proposal has no such algorithm" if name else ""
        if not complaint:
            return EMPTY
    elif name not in keys:
        complaint = f"there is no secrets.{name}" if name else f"`{option.name}` is missing"
    elif len(keys[name]) != octets:
        complaint = f"secrets.{name} has {len(keys[name])} octets; the algorithm takes {octets}"
    elif len(set(keys[name].reveal())) <= octets // 4:
        complaint = f"secrets.{name} repeats itself, which no random key does; take `openssl rand -hex {octets}`"
    else:
        return keys[name]
    if half.sound(option):
        problems.add(half.mark_of(option), half.key(option), complaint)
    return None


def _check_distinct(values: Values, inbound: IpsecSa, outbound: IpsecSa, problems: Problems) -> None:
    """With one key for both directions, packets can be sent back to who made them (RFC 4301 section 4.4.2.1)."""
    half = values.one("out")
    if inbound.encr_key == outbound.encr_key and len(inbound.encr_key):
        problems.add(half.mark, half.key(options.ENCR_KEY), "both directions have the same encryption key")
    if inbound.integ_key == outbound.integ_key:
        problems.add(half.mark, half.key(options.INTEG_KEY), "both directions have the same integrity key")


def _check_spis(entries: Mapping[str, StaticEntry], root: Values, problems: Problems) -> None:
    """An SA is named by its protocol, destination and SPI."""
    users: dict[object, str] = {}
    for name, entry in entries.items():
        for sa in entry.sas:
            other = users.setdefault(sa.id, name)
            if other != name:
                half = root.named("manual")[name].one(sa.direction.value)
                problems.add(
                    half.mark_of(options.SPI), half.key(options.SPI), f"manual.{other} has the same SPI already"
                )
