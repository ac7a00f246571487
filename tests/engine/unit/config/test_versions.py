"""What IKEv1 and IKEv2 do not have in common."""

from __future__ import annotations

import pytest

from ikeengine.config.build_connection import build_connection
from ikeengine.config.certificates import CertificateBlobs
from ikeengine.config.draft import Draft
from ikeengine.config.options.connection import CONNECTION
from ikeengine.config.problems import Problems
from ikeengine.config.reader import read
from ikeengine.config.yaml_tree import parse_yaml
from ikeengine.model.connection import AuthKind, XauthBackend
from ikeengine.negotiate.identities import format_identity
from ikeengine.negotiate.proposals import format_proposal

PSK = "local: {auth: psk}\nremote: {auth: psk}\n"


def build(text: str) -> tuple[Draft, list[str]]:
    problems = Problems()
    values = read(CONNECTION, parse_yaml(text, "f", problems), "c", problems)
    draft = build_connection("c", values, CertificateBlobs(), problems)
    return draft, [str(error) for error in problems.sorted()]


def test_nobody_gets_ikev1_without_asking() -> None:
    draft, errors = build(PSK)
    assert (draft.config.version, draft.config.aggressive, draft.config.pull, errors) == (2, False, True, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aggressive: yes", "f:1:1: c.aggressive: `aggressive` is for IKEv1: write `version: 1`, or 0"),
        ("pull: no", "f:1:1: c.pull: `pull` is for IKEv1: write `version: 1`, or 0"),
        ("local-1: {auth: pubkey}\nlocal-2: {auth: xauth}", "f:2:11: c.local-2.auth: XAUTH is for IKEv1 alone"),
        ("remote: {auth: xauth-pam}", "f:1:10: c.remote.auth: XAUTH is for IKEv1 alone"),
        (
            "children: {net: {esp_proposals: aes128gcm16, ah_proposals: sha256}}",
            "f:1:46: c.children.net.ah_proposals: a Child SA uses either AH or ESP",
        ),
    ],
)
def test_what_ikev2_does_not_know(text: str, message: str) -> None:
    _, errors = build(f"{text}\n")
    assert len(errors) == 1
    assert errors[0].startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("proposals: aes256gcm16-prfsha256-ecp256", "`aes256gcm16`, a combined mode (AEAD)"),
        ("proposals: aes256-aesxcbc-ecp256", "needs a hash, which `aesxcbc` is not"),
        ("proposals: aes256-sha256-prfsha384-ecp256", "has one hash for everything"),
        ("proposals: aes256-sha256-x25519-ke1_ecp256", "no additional key exchanges such as `ke1_ecp256`"),
        (
            "children: {n: {esp_proposals: aes256-sha256-x25519-ke1_ecp256}}",
            "children.n.esp_proposals: IKEv1 has no add",
        ),
        ("children: {n: {ah_proposals: sha256-x25519-ke1_ecp256}}", "children.n.ah_proposals: IKEv1 has no add"),
    ],
)
def test_what_ikev1_does_not_know(text: str, message: str) -> None:
    _, errors = build(f"version: 1\n{text}\n{PSK}")
    assert len(errors) == 1
    assert errors[0].startswith("f:2:")
    assert message in errors[0]


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ("psk", "psk"),
        ("pubkey", "pubkey"),
        ("psk xauth", "psk"),
        ("psk", "psk xauth"),
        ("pubkey xauth", "pubkey"),
        ("pubkey", "pubkey xauth-radius"),
        ("xauth", "pubkey"),
        ("pubkey", "xauth"),
    ],
)
def test_authentication_methods(local: str, remote: str) -> None:
    assert build(_rounds(local, remote))[1] == []


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ("psk", "pubkey"),
        ("pubkey", "psk"),
        ("xauth", "psk"),
        ("xauth", "xauth"),
        ("xauth psk", "psk"),
        ("psk xauth", "psk xauth"),
        ("psk psk", "psk"),
        ("psk xauth xauth", "psk"),
        ("pubkey xauth", "psk"),
    ],
)
def test_other_combinations_are_refused(local: str, remote: str) -> None:
    _, errors = build(_rounds(local, remote))
    assert len(errors) == 1
    words = f"IKEv1 has no authentication with {local.replace(' ', ' + ')} here and {remote.replace(' ', ' + ')} there"
    assert words in errors[0]


def _rounds(local: str, remote: str) -> str:
    lines = [f"local-{n}: {{auth: {auth}}}" for n, auth in enumerate(local.split())]
    lines += [f"remote-{n}: {{auth: {auth}}}" for n, auth in enumerate(remote.split())]
    return "version: 1\n" + "\n".join(lines) + "\n"


def test_signature_schemes_are_not_negotiated() -> None:
    _, errors = build("version: 1\nlocal: {auth: ike:rsa/pss-sha256}\n")
    assert errors == [
        "f:2:9: c.local.auth: IKEv1 does not negotiate signature schemes: write `auth: pubkey`",
    ]


def test_user_and_backend() -> None:
    draft, errors = build(
        "version: 1\nlocal-1: {auth: psk}\nlocal-2: {auth: xauth, xauth_id: carol}\nremote: {auth: psk}\n"
    )
    assert errors == []
    user = draft.config.local[1]
    assert user.auth is AuthKind.XAUTH
    assert user.xauth_id is not None
    assert format_identity(user.xauth_id) == "carol"
    draft, errors = build("version: 1\nremote: {auth: xauth-pam}\n")
    assert draft.config.remote[0].xauth is XauthBackend.PAM


def test_defaults_of_ikev1_have_no_combined_mode_for_ike_and_begin_without_pfs() -> None:
    draft, errors = build(f"version: 1\n{PSK}children: {{net: {{}}}}\n")
    assert errors == []
    assert [format_proposal(proposal) for proposal in draft.config.proposals] == [
        "aes256-aes128-sha256-sha384-ecp256-ecp384-x25519-modp3072-modp2048"
    ]
    assert [format_proposal(proposal) for proposal in draft.config.children["net"].esp_proposals] == [
        "aes256gcm16-aes128gcm16-ecp256-ecp384-x25519-modp3072-modp2048-none",
        "aes256-aes128-sha256-sha384-sha512-ecp256-ecp384-x25519-modp3072-modp2048-none",
    ]


def test_defaults_come_after_what_is_written() -> None:
    draft, errors = build(f"version: 1\nproposals: 3des-sha1-modp1024, default\n{PSK}")
    assert errors == []
    assert [proposal.number for proposal in draft.config.proposals] == [1, 2]
    assert format_proposal(draft.config.proposals[0]) == "3des-sha1-modp1024"


BOTH = f"{PSK}children: {{net: {{esp_proposals: aes128-sha256, ah_proposals: sha256}}}}\n"


@pytest.mark.parametrize("version", [0, 2])
def test_ah_around_esp_is_for_ikev1_alone(version: int) -> None:
    _draft, errors = build(f"version: {version}\n{BOTH}")
    assert len(errors) == 1
    assert "IKEv2 has no SA bundles" in errors[0]
    assert "`version: 1`" in errors[0]


def test_ah_around_esp() -> None:
    draft, errors = build(f"version: 1\n{BOTH}")
    assert errors == []
    child = draft.config.children["net"]
    assert [proposal.protocol.name for proposal in (*child.esp_proposals, *child.ah_proposals)] == ["ESP", "AH"]


def test_both_versions_at_once() -> None:
    draft, errors = build(f"version: 0\naggressive: yes\n{PSK}")
    assert errors == []
    assert any("gcm" in format_proposal(proposal) for proposal in draft.config.proposals)


def test_options_of_ikev2_are_ignored() -> None:
    _, errors = build(f"version: 1\nmobike: yes\nchildless: force\nqcd: yes\n{PSK}")
    assert errors == []
