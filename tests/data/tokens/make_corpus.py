#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write corpus.json: tokens, good and hostile, each with the verdict that it must get.

Run it in this folder after a change; the output is committed and the same on every run (keys, times and ECDSA nonces
are fixed). The keys are for tests only.

corpus.json:
  now            wall time (s) that "expired" and the like are meant for
  secret         the HS256 key of the coordinator in these tests (ASCII)
  public_pem     the host's P-256 key, canonical; private_pem is its private half
  p384_pem       a public key on another curve
  rows[]         name, text (or repeat + times), and the rule of jwt_rule_name() that must come out of
                   peek    jwt_peek for HS256, as a host reads a roles token
                   hs256   jwt_verify_hs256 with secret, as the coordinator checks a roles token
                   es256   jwt_verify_es256 with public_pem, as the coordinator checks an assertion
                 note: what the row is about, and what is left to whoever decides about claims
"""

import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = 1800000000
FAR = 4102444800  # 2100
SECRET = b"test-secret-for-roles-tokens-0123456789abcdef"
OTHER_SECRET = b"another-secret-that-is-long-enough-0123456789"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
INSTALLATION = "7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66"
CA_SHA256 = hashlib.sha256(b"the CA certificate of these tests").hexdigest()


def scalar(name):
    return int.from_bytes(hashlib.sha256(name).digest(), "big") % (P256_ORDER - 1) + 1


HOST_KEY = ec.derive_private_key(scalar(b"host key of the corpus"), ec.SECP256R1())
P384_KEY = ec.derive_private_key(scalar(b"P-384 key of the corpus"), ec.SECP384R1())


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    """JSON as bytes; a text or bytes is taken as it is, for what json.dumps would not write."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value, separators=(",", ":")).encode()


def ecdsa(key, data, digest, order):
    """ECDSA with a nonce derived from key and data: repeatable, as cryptography's own is not."""
    d = key.private_numbers().private_value
    size = (order.bit_length() + 7) // 8
    z = int.from_bytes(digest(data).digest(), "big")
    nonce = int.from_bytes(hmac.new(d.to_bytes(size, "big"), data, hashlib.sha256).digest(), "big")
    nonce = nonce % (order - 1) + 1
    r = ec.derive_private_key(nonce, key.curve).public_key().public_numbers().x % order
    s = pow(nonce, -1, order) * (z + r * d) % order
    return r.to_bytes(size, "big"), s.to_bytes(size, "big")


def p384_order():
    return int("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77a"
               "ecec196accc52973", 16)


def signing_input(header, claims):
    return b64(compact(header)) + "." + b64(compact(claims))


def hs256(claims, header=None, secret=SECRET, digest=hashlib.sha256):
    text = signing_input(header or {"typ": "JWT", "alg": "HS256"}, claims)
    return text + "." + b64(hmac.new(secret, text.encode(), digest).digest())


def es256(claims, header=None, key=HOST_KEY, order=P256_ORDER):
    text = signing_input(header or {"typ": "JWT", "alg": "ES256"}, claims)
    r, s = ecdsa(key, text.encode(), hashlib.sha256, order)
    return text + "." + b64(r + s)


def malleated(token):
    """The other valid signature of the same ECDSA token: (r, n - s)."""
    text, signature = token.rsplit(".", 1)
    raw = base64.urlsafe_b64decode(signature + "==")
    s = P256_ORDER - int.from_bytes(raw[32:], "big")
    return text + "." + b64(raw[:32] + s.to_bytes(32, "big"))


def roles(**more):
    claims = {"sub": "c0ffee00-1111-4222-8333-444455556666", "roles": ["allocator", "proxy"],
              "iss": "current", "ca_sha256": CA_SHA256, "exp": FAR}
    claims.update(more)
    return {key: value for key, value in claims.items() if value is not None}


def assertion(**more):
    claims = {"iss": "192.168.40.79", "sub": "192.168.40.79", "aud": INSTALLATION, "iat": NOW,
              "exp": NOW + 60, "jti": "00112233445566778899aabbccddeeff"}
    claims.update(more)
    return claims


def stray_bits(segment):
    """The same bytes in another text: a spare bit of the last character set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4 in (2, 3)
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


def of_length(length):
    """A valid token of exactly that many bytes."""
    for fill in range(length * 3 // 4 - 400, length):
        token = hs256(roles(note="x" * fill))
        if len(token) >= length:
            break
    # Base64 grows in steps of 4, 4/3 a byte: one of three header lengths fits.
    for blank in range(4):
        for less in range(8):
            header = '{"typ":"JWT",' + " " * blank + '"alg":"HS256"}'
            token = hs256(roles(note="x" * (fill - less)), header=header)
            if len(token) == length:
                return token
    raise AssertionError(length)


ROWS = []


def row(name, text, peek, verify, assertion_rule, note, times=None):
    entry = {"name": name}
    if times is None:
        entry["text"] = text
    else:
        entry["repeat"] = text
        entry["times"] = times
    entry.update({"peek": peek, "hs256": verify, "es256": assertion_rule, "note": note})
    ROWS.append(entry)


def roles_row(name, text, note):
    """The form and the signature are good; what the claims say is for the caller."""
    row(name, text, "ok", "ok", "algorithm", note)


def assertion_row(name, text, note):
    row(name, text, "algorithm", "algorithm", "ok", note)


def bad_row(name, text, rule, note):
    """No verifier may get past the form."""
    row(name, text, rule, rule, rule, note)


def claim_rows():
    roles_row("valid-hs256", hs256(roles()), "a roles token, ephemeral")
    roles_row("valid-persistent", hs256(roles(exp=None, persistent=True)), "a persistent roles token")
    roles_row("valid-without-ca", hs256(roles(ca_sha256=None)), "as ECE itself makes them")
    roles_row("typ-absent", hs256(roles(), header={"alg": "HS256"}), "typ may be absent")
    roles_row("expired", hs256(roles(exp=NOW - 86400)), "claims: expired a day before now")
    roles_row("expired-just", hs256(roles(exp=NOW - 1800)), "claims: expired within the last hour")
    roles_row("not-yet-valid", hs256(roles(nbf=FAR, exp=FAR + 60)), "claims: nbf in 2100")
    roles_row("exp-string", hs256(roles(exp=str(FAR))), "claims: exp is a text")
    roles_row("exp-real", hs256(roles(exp=FAR + 0.5)), "claims: exp is a real number")
    roles_row("exp-negative", hs256(roles(exp=-1)), "claims: exp before 1970")
    roles_row("exp-missing", hs256(roles(exp=None)), "claims: neither exp nor persistent")
    roles_row("sub-missing", hs256(roles(sub=None)), "claims: no sub")
    roles_row("iss-other", hs256(roles(iss="elsewhere")), "claims: iss of another issuer")
    roles_row("roles-text", hs256(roles(roles="allocator")), "claims: roles is a text, not an array")
    roles_row("roles-numbers", hs256(roles(roles=[1])), "claims: roles holds a number")
    roles_row("roles-empty", hs256(roles(roles=[])), "claims: permits nothing")
    roles_row("ca-short", hs256(roles(ca_sha256=CA_SHA256[:-1])), "claims: 63 digits")
    roles_row("ca-not-hex", hs256(roles(ca_sha256="g" + CA_SHA256[1:])), "claims: not hexadecimal")
    roles_row("payload-empty-object", hs256({}), "claims: none at all")
    assertion_row("valid-es256", es256(assertion()), "an assertion of the host")
    assertion_row("aud-other", es256(assertion(aud="another-installation")), "claims: aud is not us")
    assertion_row("aud-array", es256(assertion(aud=[INSTALLATION, "other"])),
                  "claims: aud is an array that holds us")
    assertion_row("assertion-expired", es256(assertion(iat=NOW - 3600, exp=NOW - 3540)),
                  "claims: expired")
    assertion_row("replayed-jti", es256(assertion(jti="5eed5eed5eed5eed5eed5eed5eed5eed")),
                  "claims: the second use of the same text is refused")
    assertion_row("replayed-jti-malleated",
                  malleated(es256(assertion(jti="5eed5eed5eed5eed5eed5eed5eed5eed"))),
                  "another text, also validly signed, same jti: refused after replayed-jti")


def signature_rows():
    row("wrong-secret", hs256(roles(), secret=OTHER_SECRET), "ok", "signature", "algorithm",
        "signed by somebody else; a host cannot see it")
    row("empty-secret", hs256(roles(), secret=b""), "ok", "signature", "algorithm",
        "signed with the empty key")
    token = hs256(roles())
    row("signature-cut", token[:token.rindex(".") + 25], "ok", "signature", "algorithm",
        "half of a right signature")
    row("claims-changed", hs256(roles()).replace(
        b64(compact(roles())), b64(compact(roles(roles=["director"])))), "ok", "signature",
        "algorithm", "claims replaced under a right signature")
    row("es256-as-hs256-confusion", hs256(roles(), secret=public_pem(HOST_KEY)), "ok", "signature",
        "algorithm", "HS256 with the public PEM as key: must not pass where ES256 is expected")
    row("es256-p384-key", es256(assertion(), key=P384_KEY, order=p384_order()), "algorithm",
        "algorithm", "signature", "ES256 header, signed by a P-384 key")
    row("es256-wrong-key", es256(assertion(), key=ec.derive_private_key(7, ec.SECP256R1())),
        "algorithm", "algorithm", "signature", "another host's key")
    row("es256-der-signature", signing_input({"typ": "JWT", "alg": "ES256"}, assertion()) + "." +
        b64(bytes.fromhex("3006020101020101")), "algorithm", "algorithm", "signature",
        "a DER signature where r || s belongs")


def algorithm_rows():
    none = signing_input({"typ": "JWT", "alg": "none"}, roles())
    bad_row("alg-none", none + "." + b64(b"junk"), "algorithm", "unsigned, junk as signature")
    bad_row("alg-none-unsigned", none + ".", "segments", "unsigned, empty signature")
    bad_row("alg-NoNe", signing_input({"typ": "JWT", "alg": "NoNe"}, roles()) + "." + b64(b"junk"),
            "algorithm", "case play")
    bad_row("alg-hs256-lowercase", hs256(roles(), header={"typ": "JWT", "alg": "hs256"}),
            "algorithm", "libjwt ignores case")
    bad_row("alg-hs512-same-secret",
            hs256(roles(), header={"typ": "JWT", "alg": "HS512"}, digest=hashlib.sha512),
            "algorithm", "right secret, other algorithm")
    bad_row("alg-missing", hs256(roles(), header={"typ": "JWT"}), "algorithm", "no alg")
    bad_row("alg-number", hs256(roles(), header={"typ": "JWT", "alg": 256}), "algorithm", "no text")
    bad_row("alg-null", hs256(roles(), header={"typ": "JWT", "alg": None}), "algorithm", "null")


def header_rows():
    def with_header(**more):
        return hs256(roles(), header=dict({"typ": "JWT", "alg": "HS256"}, **more))

    bad_row("crit", with_header(crit=["exp"]), "header", "critical extensions: we know none")
    bad_row("jku", with_header(jku="https://evil.example/keys"), "header", "key from a URL")
    bad_row("jwk", with_header(jwk={"kty": "oct", "k": "AA"}), "header", "key from the token")
    bad_row("x5u", with_header(x5u="https://evil.example/cert"), "header", "key from a URL")
    bad_row("x5c", with_header(x5c=["AA"]), "header", "key from the token")
    bad_row("dup-alg", hs256(roles(), header='{"typ":"JWT","alg":"none","alg":"HS256"}'), "header",
            "two parsers, two meanings")
    bad_row("header-array", hs256(roles(), header=["HS256"]), "header", "no object")
    bad_row("header-text", hs256(roles(), header="HS256"), "header", "no JSON")
    bad_row("header-nul", hs256(roles(), header=b'{"alg":"HS256"}\0'), "header", "a NUL after it")
    bad_row("header-bom", hs256(roles(), header=b'\xef\xbb\xbf{"alg":"HS256"}'), "header",
            "a byte order mark before it")
    bad_row("typ-at+jwt", with_header(typ="at+jwt"), "type", "another kind of token")
    bad_row("typ-lowercase", with_header(typ="jwt"), "type", "exactly JWT")
    bad_row("typ-number", with_header(typ=1), "type", "no text")
    roles_row("kid-unknown", with_header(kid="nobody-knows-it"), "kid is bounded and means nothing")
    roles_row("kid-64-bytes", with_header(kid="k" * 64), "the longest kid")
    bad_row("kid-65-bytes", with_header(kid="k" * 65), "header", "over the bound")
    bad_row("kid-4k", with_header(kid="k" * 4096), "header", "far over the bound")
    bad_row("kid-object", with_header(kid={}), "header", "no text")


def payload_rows():
    def payload(name, raw, note):
        row(name, hs256(raw), "payload", "payload", "algorithm", note)

    payload("dup-sub", '{"sub":"a","sub":"b","roles":[],"iss":"current"}', "duplicate key")
    payload("dup-nested", '{"sub":"a","x":{"y":1,"y":2}}', "duplicate key inside")
    payload("dup-escaped", '{"sub":"a","s\\u0075b":"b"}', "duplicate key, written differently")
    payload("payload-array", ["sub"], "no object")
    payload("payload-string", '"sub"', "no object")
    payload("payload-trailing", compact(roles()) + b"{}", "bytes after the object")
    payload("payload-cut", compact(roles())[:-1], "the object does not end")
    payload("nul-escape", '{"sub":"a\\u0000b"}', "a NUL inside a text")
    payload("nul-byte", b'{"sub":"a\0b"}', "a raw NUL")
    payload("payload-not-utf8", b'{"sub":"\xff\xfe"}', "no UTF-8")
    payload("payload-overlong-utf8", b'{"sub":"\xc0\xaf"}', "overlong form of /")
    payload("payload-lone-surrogate", '{"sub":"\\ud800"}', "half a character")
    payload("payload-deep", '{"a":' + "[" * 32 + "]" * 32 + "}", "33 levels")
    payload("payload-very-deep", '{"a":' + "[" * 5000, "5001 levels, never closed")
    payload("exp-overflow", '{"sub":"a","exp":9223372036854775808}', "over 63 bits")


def text_rows():
    good = hs256(roles())
    head, body, signature = good.split(".")
    bad_row("empty", "", "empty", "nothing")
    bad_row("blank", " ", "characters", "a blank only")
    bad_row("leading-blank", " " + good, "characters", "pasted with a blank")
    bad_row("trailing-space", good + " ", "characters", "libjwt would skip it")
    bad_row("trailing-newline", good + "\n", "characters", "from a file; callers that read files trim")
    bad_row("trailing-crlf", good + "\r\n", "characters", "from a Windows file")
    bad_row("wrapped", good[:76] + "\n" + good[76:], "characters", "wrapped by a mail program")
    bad_row("single-quotes", "'" + good + "'", "characters", "quoted twice")
    bad_row("double-quotes", '"' + good + '"', "characters", "copied out of JSON")
    bad_row("typographic-quotes", "\u201c" + good + "\u201d", "characters", "copied out of a document")
    bad_row("zero-width-space", good + "\u200b", "characters", "copied out of a web page")
    bad_row("bearer", "Bearer " + good, "characters", "copied with its header")
    bad_row("trailing-dollar", good + "$$$$", "characters", "libjwt would skip it")
    bad_row("trailing-equals", good + "=", "characters", "padding")
    bad_row("standard-base64", good[:40] + "+/" + good[42:], "characters", "the other alphabet")
    bad_row("percent-encoded", good.replace(".", "%2E"), "characters", "from a URL")
    bad_row("one-segment", head, "segments", "no dot")
    bad_row("two-segments", head + "." + body, "segments", "cut")
    bad_row("four-segments", good + ".extra", "segments", "one too many")
    bad_row("trailing-dot", good + ".", "segments", "an empty fourth")
    bad_row("leading-dot", "." + good, "segments", "an empty first")
    bad_row("dot", ".", "segments", "two empty")
    bad_row("dot-dot", "..", "segments", "libjwt reads and writes out of bounds")
    bad_row("empty-payload", head + ".." + signature, "segments", "nothing in the middle")
    bad_row("only-dots", "." * 8192, "segments", "8193 empty segments")
    bad_row("noncanonical-tail", head + "." + body + "." + stray_bits(signature), "encoding",
            "same signature bytes, another text")
    bad_row("noncanonical-header", stray_bits(b64(b'{"typ":"JWT","alg":"HS256"} ')) + "." + body +
            "." + signature, "encoding", "same header bytes, another text")
    bad_row("segment-of-4n+1", head + "." + body + "." + signature + "AA", "encoding",
            "a length that no bytes have")
    roles_row("token-8192-bytes", of_length(8192), "the longest")
    bad_row("token-8193-bytes", of_length(8193), "too_long", "one over")
    row("eight-mib", "A", "too_long", "too_long", "too_long", "libjwt would put it on the stack",
        times=8 << 20)


def main():
    claim_rows()
    signature_rows()
    algorithm_rows()
    header_rows()
    payload_rows()
    text_rows()
    assert len({entry["name"] for entry in ROWS}) == len(ROWS)
    corpus = {"now": NOW, "installation_id": INSTALLATION, "ca_sha256": CA_SHA256,
              "secret": SECRET.decode(), "public_pem": public_pem(HOST_KEY).decode(),
              "private_pem": private_pem(HOST_KEY).decode(), "p384_pem": public_pem(P384_KEY).decode(),
              "rows": ROWS}
    path = pathlib.Path(__file__).with_name("corpus.json")
    path.write_text(json.dumps(corpus, indent=1) + "\n")


if __name__ == "__main__":
    main()
