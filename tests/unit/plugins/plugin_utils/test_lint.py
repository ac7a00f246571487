# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One broken inventory for each rule, and a clean one."""

from __future__ import annotations

import copy
import datetime
import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleError

from ansible_collections.keymesh.ike.plugins.plugin_utils import _lint, _lint_findings, _lint_pairs
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import tunnels
from ansible_collections.keymesh.ike.tests.unit.plugins.certificates import CA, CRL, HOST

Data = t.Dict[str, t.Any]
GOOD_KEY = "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
OTHER_KEY = "0xffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.timezone.utc)


def inventory(count: int = 3, **common: t.Any) -> Data:
    return {
        f"gw{number}": {
            "ike_address": f"192.0.{number >> 8}.{number & 255}",
            "ike_subnets": [f"10.{number >> 8}.{number & 255}.0/24"],
            "inventory_dir": "/nowhere",
            **copy.deepcopy(common),
        }
        for number in range(1, count + 1)
    }


def lint(hosts: Data, **options: t.Any) -> t.List[Data]:
    options.setdefault("now", NOW)
    return _lint.lint(hosts, {"gateways": sorted(hosts), "all": sorted(hosts)}, sorted(hosts), **options).findings


def rules(findings: t.Sequence[Data]) -> t.List[str]:
    return sorted({one["rule"] for one in findings})


@pytest.mark.parametrize("policy", list(_lint_findings.POLICIES))
@pytest.mark.parametrize("proposal", ["modern", "cnsa2", "fips", "post_quantum", "compat"])
def test_a_clean_inventory_has_no_findings(policy: str, proposal: str) -> None:
    assert lint(inventory(ike_proposal=proposal), policy=policy) == []


# Each: what the variables of gw3 are besides those of all, the rule, its severity, the hosts, and words of the message.
BROKEN: t.Dict[str, t.Tuple[Data, str, str, t.List[str], str]] = {
    "no address": ({"ike_address": None}, "inventory", "error", ["gw3"], "gw3"),
    "equal identities": ({"ike_id": "gw2"}, "identity-duplicate", "error", ["gw2", "gw3"], "same identity 'gw2'"),
    "overlap": ({"ike_subnets": ["10.0.0.0/14"]}, "subnets-overlap", "error", ["gw1", "gw3"], "10.0.1.0/24"),
    "options that are none": ({"tunnels_child_options": ["30m"]}, "setting-invalid", "error", ["gw3"], "must be a dictionary, not ['30m']"),
    "number": ({"engine_port": "five hundred"}, "setting-invalid", "error", ["gw3"], "a whole number, not 'five hundred'"),
    "choice": ({"pki_key_type": "dsa"}, "setting-invalid", "error", ["gw3"], "one of ecdsa, rsa, ed25519, not 'dsa'"),
    "items": ({"engine_capabilities": [["CAP_NET_RAW"]]}, "setting-invalid", "error", ["gw3"], "a list, each item a text"),
    "secret": ({"pki_ca_passphrase": {"vault": "x"}}, "setting-invalid", "error", ["gw3"], "pki_ca_passphrase must be a text"),
    "token": ({"pki_vault_token": ["s.1"]}, "setting-invalid", "error", ["gw3"], "pki_vault_token must be a text"),
    "different profile": ({"ike_proposal": "fips"}, "inventory", "error", ["gw1", "gw2", "gw3"], "ike_proposal differs"),
    "unknown word": (
        {"tunnels_connection_options": {"proposals": ["aes257gcm16-prfsha384-x25519"], "dpd_delay": "30s"}},
        "proposal-syntax",
        "error",
        ["gw3"],
        "did you mean aes25",
    ),
    "no IKE proposal": (
        {"tunnels_connection_options": {"proposals": ["aes256gcm16-prfsha384-ecp521"], "dpd_delay": "30s"}},
        "ike-proposal-mismatch",
        "error",
        ["gw1", "gw2", "gw3"],
        "the nearest are aes256gcm16-prfsha384-x25519 and aes256gcm16-prfsha384-ecp521, which differ in key exchange",
    ),
    "no ESP proposal": (
        {"tunnels_child_options": {"esp_proposals": ["chacha20poly1305-x25519"]}},
        "esp-proposal-mismatch",
        "error",
        ["gw1", "gw2", "gw3"],
        "which differ in encryption",
    ),
    "PFS at one end only": (
        {"tunnels_child_options": {"esp_proposals": "aes256gcm16"}},
        "pfs-mismatch",
        "error",
        ["gw1", "gw2", "gw3"],
        "fail at the first rekeying",
    ),
    "another group for PFS": (
        {"tunnels_child_options": {"esp_proposals": ["aes256gcm16-ecp521"]}},
        "pfs-mismatch",
        "error",
        ["gw1", "gw2", "gw3"],
        "key exchange of Child SAs differs",
    ),
    "no PFS": (
        {"tunnels_child_options": {"esp_proposals": ["aes256gcm16", "aes256gcm16-x25519"]}},
        "pfs-missing",
        "warning",
        ["gw3"],
        "gw3: aes256gcm16 has no key exchange",
    ),
    "weak": (
        {"tunnels_connection_options": {"proposals": ["aes256gcm16-prfsha384-x25519", "3des-sha1-modp1024"]}},
        "weak-algorithm",
        "error",
        ["gw3"],
        "offer 3des, sha1, modp1024",
    ),
    "selectors": (
        {"tunnels_child_options": {"local_ts": ["172.16.0.0/16"]}},
        "selectors-mirror",
        "error",
        ["gw1", "gw2", "gw3"],
        "for gw3, the networks behind it are 172.16.0.0/16, but for the other end 10.0.3.0/24",
    ),
    "narrower selectors": (
        {"tunnels_child_options": {"local_ts": ["10.0.3.0/25"]}},
        "selectors-mirror",
        "warning",
        ["gw1", "gw2", "gw3"],
        "what they have in common",
    ),
    "version": (
        {"tunnels_connection_options": {"version": 1, "dpd_delay": "30s"}},
        "version-mismatch",
        "error",
        ["gw1", "gw2", "gw3"],
        "IKEv2 is spoken at gw1, gw2, but IKEv1 at gw3",
    ),
    "AEAD with IKEv1": (
        {"tunnels_connection_options": {"version": 1, "dpd_delay": "30s"}},
        "ikev1-proposal",
        "error",
        ["gw3"],
        "IKEv1 messages cannot be protected with aes256gcm16",
    ),
    "aggressive": (
        {"tunnels_connection_options": {"version": 0, "aggressive": True, "dpd_delay": "30s"}},
        "aggressive-psk",
        "warning",
        ["gw3"],
        "who can then guess it offline",
    ),
    "aggressive, in another word": (
        {"tunnels_connection_options": {"version": 0, "aggressive": "on", "dpd_delay": "30s"}},
        "aggressive-psk",
        "warning",
        ["gw3"],
        "who can then guess it offline",
    ),
    "mode": (
        {"tunnels_child_options": {"mode": "transport"}},
        "mode-mismatch",
        "error",
        ["gw1", "gw2", "gw3"],
        "that of gw3 is transport",
    ),
    "duration": (
        {"tunnels_child_options": {"rekey_time": "soon"}},
        "option-invalid",
        "error",
        ["gw3"],
        "'soon' is not a duration",
    ),
    "ends before it is rekeyed": (
        {"tunnels_child_options": {"life_time": "30m"}},
        "lifetime-order",
        "error",
        ["gw3"],
        "ends after 1800 s, but would be rekeyed after 3600 s",
    ),
    "ends before the other end rekeys": (
        {"tunnels_child_options": {"life_time": "30m", "rekey_time": 0}},
        "lifetime-expiry",
        "error",
        ["gw1", "gw2", "gw3"],
        "ends after 1800 s, and one end rekeys it only after 3600 s",
    ),
    "IKE SA shorter": (
        {"tunnels_connection_options": {"rekey_time": "30m", "dpd_delay": "30s"}},
        "lifetime-ike",
        "warning",
        ["gw1", "gw2", "gw3"],
        "rekeyed after 1800 s, earlier than the Child SA, which is after 3600 s",
    ),
    "all the time": (
        {"tunnels_child_options": {"rekey_time": "1m"}},
        "lifetime-short",
        "warning",
        ["gw3"],
        "the Child SA is rekeyed each 60 s",
    ),
    "very long": (
        {"tunnels_child_options": {"rekey_time": "2d"}},
        "lifetime-long",
        "info",
        ["gw3"],
        "rekeyed only after 172800 s",
    ),
    "fragments": (
        {"tunnels_connection_options": {"fragmentation": False, "dpd_delay": "30s"}, "ike_auth": "cert"},
        "fragmentation",
        "warning",
        ["gw3"],
        "gw3: certificates are sent without IKE fragmentation",
    ),
    "fragments, in another word": (
        {"tunnels_connection_options": {"fragmentation": "off", "dpd_delay": "30s"}, "ike_auth": "cert"},
        "fragmentation",
        "warning",
        ["gw3"],
        "gw3: certificates are sent without IKE fragmentation",
    ),
    "size": ({"tunnels_child_options": {"mtu": 500}}, "mtu", "error", ["gw3"], "500 octets are less than IPv4 needs"),
    "no size": ({"tunnels_child_options": {"mtu": "big"}}, "mtu", "error", ["gw3"], "'big' is not a number"),
    "another secret": (
        {"ike_psk_secret": "s3cret-of-another-mesh-0123456789"},
        "secret-differs",
        "error",
        ["gw1", "gw2", "gw3"],
        "the secret of pre-shared keys is not the same for gw1, gw2 and gw3",
    ),
    "another epoch": ({"psk_epoch": 2}, "secret-differs", "error", ["gw1", "gw2", "gw3"], "the epoch of pre-shared"),
    "another key": (
        {"psk_keys": {"gw1--gw3": OTHER_KEY}},
        "secret-differs",
        "error",
        ["gw1", "gw3"],
        "gw3 has a key of your own for gw1--gw3, but gw1 has none",
    ),
    "weak key": ({"psk_keys": {"gw1--gw3": "secret"}}, "secret-weak", "error", ["gw3"], "has 6 octets, fewer than 16"),
    "weak secret": ({"psk_secret": "a" * 40}, "secret-weak", "error", ["gw3"], "repeats the same few letters"),
    "renewal": ({"ike_auth": "cert", "pki_renew_days": 400}, "certificate-settings", "error", ["gw3"], "each run would"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_inventory(name: str) -> None:
    variables, rule, severity, hosts, words = BROKEN[name]
    broken = inventory(**({"ike_auth": "cert"} if variables.get("ike_auth") == "cert" else {}))
    broken["gw3"].update(variables)
    findings = lint(broken)
    (found,) = [one for one in findings if one["rule"] == rule and words in one["message"]][:1] or [findings]
    assert isinstance(found, dict), found
    assert (found["severity"], found["hosts"]) == (severity, hosts)
    assert found["variable"] and found["remedy"]
    text = str(findings)
    assert "s3cret" not in text and OTHER_KEY not in text
    assert lint(broken, ignore=rules(findings)) == []


EVERYBODY: t.Dict[str, t.Tuple[Data, str, str]] = {
    "weak-allowed": (
        {"ike_meshes": [{"name": "m", "group": "gateways", "allow_weak": True, "proposal": "legacy_ikev1", "version": 2}]},
        "weak-allowed",
        "info",
    ),
    "ikev1": ({"ike_meshes": [{"name": "m", "group": "gateways", "allow_weak": True, "proposal": "legacy_ikev1"}]}, "ikev1", "info"),
    "weak": ({"ike_proposal": {"ike": ["3des-sha1-modp1024"], "esp": ["3des-sha1"]}}, "weak-algorithm", "error"),
    "nobody-starts": (
        {"tunnels_initiator_options": {"start_action": "none"}, "tunnels_responder_options": {}},
        "nobody-starts",
        "warning",
    ),
    "dpd-off": ({"tunnels_connection_options": {}}, "dpd-off", "warning"),
    "lifetime-expiry": ({"tunnels_child_options": {"rekey_time": 0, "life_time": "1h"}}, "lifetime-expiry", "error"),
    "secret-shared": ({"psk_keys": {"gw1--gw2": GOOD_KEY, "gw1--gw3": GOOD_KEY}}, "secret-shared", "warning"),
}


@pytest.mark.parametrize("name", list(EVERYBODY))
def test_what_is_wrong_everywhere_is_told_once(name: str) -> None:
    variables, rule, severity = EVERYBODY[name]
    found = [one for one in lint(inventory(**variables)) if one["rule"] == rule]
    assert {one["severity"] for one in found} == {severity}
    assert {host for one in found for host in one["hosts"]} >= {"gw1", "gw2"}
    assert len(found) <= 5
    assert GOOD_KEY not in str(found)


@pytest.mark.parametrize("word", [True, "yes", "true", "on", 1])
def test_a_tunnel_that_is_kept_up_needs_nobody_to_start_it(word: t.Any) -> None:
    variables = {"tunnels_initiator_options": {"start_action": "none", "keep_up": word}, "tunnels_responder_options": {}}
    assert "nobody-starts" not in rules(lint(inventory(**variables)))


class Locked(dict):  # type: ignore[type-arg]
    """Variables of a host, some of which cannot be read."""

    REASONS = {
        "psk_store": "'nobody' is undefined",
        "engine_listen": "no facts yet",
        "pki_vault_token": "Attempting to decrypt but no vault secrets found.",
    }

    def get(self, name: str, default: t.Any = None) -> t.Any:
        if name in self and name in self.REASONS:
            raise AnsibleError(self.REASONS[name])
        return super().get(name, default)


def test_what_cannot_be_read_is_named_with_its_host_and_a_remedy() -> None:
    hosts = inventory()
    hosts["gw2"] = Locked(hosts["gw2"], pki_vault_token="?", engine_listen="?")
    (vault,) = lint(hosts)
    assert (vault["rule"], vault["hosts"], vault["variable"]) == ("setting-unreadable", ["gw2"], "pki_vault_token")
    assert "no vault secrets" in vault["message"] and "--vault-password-file" in vault["remedy"]
    # What the check itself needs ends it.
    hosts["gw2"]["psk_store"] = "?"
    report = lint(hosts)
    assert [one["variable"] for one in report] == ["pki_vault_token", "psk_store"]
    assert report[1]["remedy"] == "correct its template, or define what it needs"


def test_a_value_that_may_be_secret_is_not_told() -> None:
    hosts = inventory()
    hosts["gw3"]["psk_keys"] = ["do not tell"]
    assert "do not tell" not in str(lint(hosts))


def test_every_rule_has_a_broken_inventory() -> None:
    tested = {one[1] for one in BROKEN.values()} | {one[1] for one in EVERYBODY.values()}
    tested |= {one[1] for one in ON_GATEWAYS.values()}
    elsewhere = {"identity-mismatch", "auth-mismatch", "setting-unreadable"}
    assert tested | elsewhere == set(_lint_findings.RULES)


def pair(**changes: t.Any) -> _lint_pairs.Pairs:
    """gw1 and gw2, with changed sections of gw2. Identities and authentication come from the inventory alone."""
    hosts = inventory(2)
    mesh = _lint._mesh.mesh(hosts, {"gateways": sorted(hosts)}, sorted(hosts))
    (found,) = _lint_pairs.pairs(mesh, _lint.options_of(dict.fromkeys(hosts, {})))
    assert found.other is not None
    found.other.connection.update({key: {**found.other.connection[key], **value} for key, value in changes.items()})
    return found


@pytest.mark.parametrize(
    ("changes", "rule", "message"),
    [
        ({"local": {"id": "gw9"}}, "identity-mismatch", "the identity of gw2 is gw9, but gw1 expects gw2"),
        ({"remote": {"id": "gw9"}}, "identity-mismatch", "the identity of gw1 is gw1, but gw2 expects gw9"),
        ({"local": {"auth": "pubkey"}}, "auth-mismatch", "the authentication of gw2 is pubkey, but gw1 expects psk"),
    ],
)
def test_identities_and_authentication(changes: Data, rule: str, message: str) -> None:
    (found,) = _lint._lint_connections.check(pair(**changes), _lint_findings.Policy())
    assert (found["rule"], found["message"], found["severity"]) == (rule, message, "error")
    assert list(_lint._lint_connections.check(pair(), _lint_findings.Policy())) == []


def test_secrets_that_fit() -> None:
    both = inventory(psk_keys={"gw1--gw2": [GOOD_KEY, OTHER_KEY]})
    both["gw2"]["psk_keys"] = {"gw1--gw2": [GOOD_KEY]}
    assert lint(both) == []
    # While keys are replaced, each end accepts what the other one uses.
    both["gw2"]["psk_keys"] = {"gw1--gw2": [OTHER_KEY, GOOD_KEY]}
    assert lint(both) == []
    both["gw2"]["psk_keys"] = {"gw1--gw2": OTHER_KEY}
    assert rules(lint(both)) == ["secret-differs"]
    # Where both ends have a key of your own, it does not matter what others are derived from.
    pair_of_two = inventory(2, psk_keys={"gw1--gw2": GOOD_KEY})
    pair_of_two["gw2"]["psk_store"] = "/elsewhere"
    assert lint(pair_of_two) == []


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (GOOD_KEY, ""),
        ("0x00", "has 1 octets"),
        ("0xzz", "not hexadecimal"),
        ("0s!!", "not hexadecimal or Base64"),
        ("0sAAECAwQFBgcICQoLDA0ODw==", ""),
        ("correct horse battery staple", ""),
        ("0x" + "ab" * 32, "repeats the same few"),
    ],
)
def test_weakness_of_keys(key: str, problem: str) -> None:
    found = _lint._lint_secrets.weakness(key, 16)
    assert problem in found and bool(found) == bool(problem)
    assert key not in found


def pem(der: bytes, kind: str = "CERTIFICATE") -> str:
    return _lint._lint_certificates.ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", kind)


def test_certificates_on_the_controller(tmp_path: pathlib.Path) -> None:
    store = tmp_path / ".ike" / "pki"
    (store / "issued").mkdir(parents=True)
    (store / "ca.pem").write_text(pem(CA))
    (store / "ca.crl").write_text(pem(CRL, "X509 CRL"))
    (store / "issued" / "gw1--4e2a.pem").write_text(pem(HOST))
    hosts = inventory(ike_auth="cert", inventory_dir=str(tmp_path))
    assert rules(lint(hosts, now=NOW - datetime.timedelta(days=20))) == []
    (crl,) = lint(hosts)
    assert (crl["severity"], crl["rule"], crl["variable"]) == ("info", "certificate-expiry", "pki_store")
    assert crl["message"].startswith("the CRL of C=CH, O=Example, CN=Mesh CA in ") and crl["hosts"] == ["gw1", "gw2", "gw3"]
    later = lint(hosts, now=datetime.datetime(2036, 11, 10, tzinfo=datetime.timezone.utc))
    assert [one["severity"] for one in later] == ["warning", "info", "info"]
    assert "CN=Mesh CA" in later[0]["message"] and "expires on 2036-11-18" in later[0]["message"]
    expired = lint(hosts, now=datetime.datetime(2037, 1, 1, tzinfo=datetime.timezone.utc))
    assert expired[0]["severity"] == "error" and "has expired on 2036-11-18" in expired[0]["message"]
    (store / "ca.pem").write_text("garbage")
    assert "has neither certificate nor CRL" in lint(hosts)[0]["message"]
    (store / "ca.pem").write_text(pem(b"garbage"))
    assert "cannot be read" in lint(hosts)[0]["message"]


def test_certificates_of_an_external_authority(tmp_path: pathlib.Path) -> None:
    (tmp_path / "gw1.pem").write_text(pem(HOST))
    hosts = inventory(ike_auth="cert", pki_ca="external", pki_certificate_dir=str(tmp_path))
    assert lint(hosts) == []
    (found,) = lint(hosts, now=datetime.datetime(2027, 11, 20, tzinfo=datetime.timezone.utc))
    assert (found["severity"], found["hosts"], found["variable"]) == ("warning", ["gw1"], "pki_certificate_dir")


def test_peers_that_are_not_ours() -> None:
    hosts = inventory()
    hosts["gw2"]["ike_managed"] = False
    assert lint(hosts) == []
    hosts["gw1"]["tunnels_child_options"] = {"esp_proposals": ["aes256gcm16"]}
    # gw1 and gw3 are compared, gw2 is not.
    assert rules(lint(hosts)) == ["pfs-mismatch", "pfs-missing"]


def test_policies() -> None:
    weak = inventory(**EVERYBODY["weak-allowed"][0])
    assert {one["severity"] for one in lint(weak, policy="strict") if one["rule"] == "weak-allowed"} == {"error"}
    bad = inventory(tunnels_child_options={"esp_proposals": ["aes256gcm16"]})
    severities = {policy: lint(bad, policy=policy)[0]["severity"] for policy in ("strict", "default", "lenient")}
    assert severities == {"strict": "error", "default": "warning", "lenient": "info"}


def test_variables_of_the_play_are_those_of_all_hosts() -> None:
    found = lint(inventory(), common={"tunnels_child_options": {"esp_proposals": ["aes256gcm16"]}})
    assert rules(found) == ["pfs-missing"] and found[0]["hosts"] == ["gw1", "gw2", "gw3"]


@pytest.mark.parametrize("options", [{"policy": "nice"}, {"ignore": ["spelling"]}])
def test_policies_and_rules_that_there_are_not(options: Data) -> None:
    with pytest.raises(_lint.LintError, match="there (is|are) no (policy 'nice'|rules spelling); there are"):
        lint(inventory(), **options)


def test_both_ends_are_those_of_the_filter() -> None:
    hosts = inventory()
    mesh = _lint._mesh.mesh(hosts, {"gateways": sorted(hosts)}, sorted(hosts))
    options = _lint.options_of(dict.fromkeys(hosts, {}))
    for alike in _lint_pairs.pairs(mesh, options):
        for end in alike.ends:
            (connection,) = [
                _lint_pairs.connections([one], {"certificate": "", "authority": "", **options[end.hosts[0]]})[one["name"]]
                for one in tunnels(mesh, end.hosts[0])
                if one["remote"]["id"] == end.connection["remote"]["id"]
            ]
            assert connection == end.connection


def test_pairs_that_are_alike_are_looked_at_once() -> None:
    hosts = inventory(60)
    hosts["gw7"]["tunnels_child_options"] = {"mode": "transport"}
    found = [one for one in lint(hosts) if one["rule"] == "mode-mismatch"]
    assert sum(one["tunnels"] for one in found) == 59
    assert len(found) == 2  # gw7 begins with some of its peers, and waits for the others.
    assert {host for one in found for host in one["hosts"]} == set(hosts)


def test_ikev1_with_a_peer_that_is_not_ours_is_what_it_is_for() -> None:
    hosts = inventory(2, ike_meshes=[{"name": "m", "group": "gateways", "allow_weak": True, "proposal": "legacy_ikev1"}])
    assert "ikev1" in rules(lint(hosts))
    hosts["gw2"]["ike_managed"] = False
    found = rules(lint(hosts))
    assert "ikev1" not in found
    assert "weak-allowed" in found


def certificate(**changes: t.Any) -> Data:
    one: Data = {
        "type": "X509",
        "is_ca": False,
        "has_private_key": True,
        "subject": "CN=gw1",
        "issuer": "CN=CA",
        "subject_alt_names": ["DNS:gw1"],
        "expires_in": 100 * 86400,
        "not_after": "2027-03-02T00:00:00Z",
    }
    return dict(one, **changes)


# Each: what the daemon of gw1 has, the rule, its severity, and words of the message and the remedy.
ON_GATEWAYS: t.Dict[str, t.Tuple[t.Any, str, str, str]] = {
    "out of reach": ("", "certificate-missing", "warning", "see that the host can be reached"),
    "none": ([], "certificate-missing", "error", "gw1 has no certificate loaded"),
    "wrong key": ([certificate(has_private_key=False)], "certificate-key", "error", "pki_renew=true"),
    "wrong name": ([certificate(subject_alt_names=["DNS:gw9"])], "certificate-identity", "error", "its identity is gw1"),
    "expired": ([certificate(expires_in=-1)], "certificate-expiry", "error", "has expired on 2027-03-02"),
    "expiring": ([certificate(expires_in=13 * 86400)], "certificate-expiry", "warning", "run site_to_site with gw1 in it"),
    "expiring authority": (
        [certificate(), certificate(is_ca=True, has_private_key=False, expires_in=86400)],
        "certificate-expiry",
        "warning",
        "ike_new_ca=true",
    ),
    "old list": (
        [certificate(), certificate(type="X509_CRL", is_ca=False, has_private_key=False, expires_in=-5)],
        "certificate-expiry",
        "error",
        "the CRL of CN=CA on gw1 has expired",
    ),
}


@pytest.mark.parametrize("case", list(ON_GATEWAYS))
def test_certificates_on_gateways(case: str) -> None:
    found, rule, severity, words = ON_GATEWAYS[case]
    (one,) = lint(inventory(ike_auth="cert"), certificates={"gw1": found})
    assert (one["rule"], one["severity"], one["hosts"]) == (rule, severity, ["gw1"])
    assert words in f"{one['message']}; {one['remedy']}"


def test_an_external_authority_has_other_remedies() -> None:
    hosts = inventory(ike_auth="cert", pki_ca="external")
    (one,) = lint(hosts, certificates={"gw1": [certificate(expires_in=-1)]})
    assert "have the new request in pki_csr_dir signed" in one["remedy"]


@pytest.mark.parametrize(
    ("identity", "subject", "names"),
    [
        ("gw1", "CN=gw1", ["DNS:gw1"]),
        ("gw1@example.com", "CN=x", ["email:gw1@example.com", "DNS:other"]),
        ("192.0.2.1", "CN=x", ["IP:192.0.2.1"]),
        ("C=CH, O=Example, CN=gw1", "C=CH, O=Example, CN=gw1", []),
    ],
)
def test_good_certificates_on_gateways(identity: str, subject: str, names: t.List[str]) -> None:
    hosts = inventory(ike_auth="cert")
    hosts["gw1"]["ike_id"] = identity
    held = [certificate(subject=subject, subject_alt_names=names), certificate(is_ca=True, has_private_key=False)]
    assert lint(hosts, certificates={"gw1": [*held, certificate(type="X509_CRL", expires_in=86400)]}) == []


def test_gateways_with_keys_need_no_certificates() -> None:
    assert lint(inventory(psk_keys={}), certificates={"gw1": []}) == []
