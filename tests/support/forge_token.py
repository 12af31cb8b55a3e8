#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes JWTs that nobody should accept, and a few that they should.

  forge_token.py HEADER_JSON CLAIMS_JSON [--base64url-key=TEXT | --file-key FILE] [--hash sha256|sha384|sha512]
  forge_token.py --es256 PRIVATE_KEY_PEM HEADER_JSON CLAIMS_JSON

Without a key the signature is empty. HMAC with the standard library, ES256 with the openssl program.
"""
import argparse
import base64
import hashlib
import hmac
import subprocess
import sys


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def der_to_raw(der):
    """SEQUENCE { INTEGER r, INTEGER s } of P-256, as r and s of 32 bytes each."""
    raw, at = b"", 2
    for _ in range(2):
        length = der[at + 1]
        number = int.from_bytes(der[at + 2:at + 2 + length], "big")
        raw += number.to_bytes(32, "big")
        at += 2 + length
    return raw


def sign_es256(key_file, text):
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key_file],
                          input=text, capture_output=True, check=True)
    return der_to_raw(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("header")
    parser.add_argument("claims")
    parser.add_argument("--base64url-key")
    parser.add_argument("--file-key")
    parser.add_argument("--hash", default="sha256")
    parser.add_argument("--es256")
    options = parser.parse_args()
    text = f"{encode(options.header.encode())}.{encode(options.claims.encode())}".encode()
    signature = b""
    if options.es256:
        signature = sign_es256(options.es256, text)
    elif options.base64url_key or options.file_key:
        if options.base64url_key:
            key = decode(options.base64url_key)
        else:
            with open(options.file_key, "rb") as file:
                key = file.read()
        signature = hmac.new(key, text, getattr(hashlib, options.hash)).digest()
    print(f"{text.decode()}.{encode(signature)}")


if __name__ == "__main__":
    sys.exit(main())
