"""Computes keys.json a second way (Python's hashlib, and the `cryptography` package for the curves),
so that the vectors do not merely repeat what the Rust code does. Frozen: a change of the output is a
change of the protocol.   python3 keys.py > keys.json
"""

import base64, hashlib, hmac, json
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


def blake2s(data):
    return hashlib.blake2s(data).digest()


def hkdf(salt, secret, info, length=32):
    mac = lambda key, data: hmac.new(key, data, hashlib.blake2s).digest()
    key, out, block, count = mac(salt, secret), b"", b"", 1
    while len(out) < length:
        block = mac(key, block + info + bytes([count]))
        out, count = out + block, count + 1
    return out[:length]


def text(prefix, payload):
    check = blake2s(b"mesh/checksum/v1" + prefix + payload)[:2].hex()
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    return f"{prefix.decode()}{encoded}_{check}"


def raw_public(key):
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return key.public_key().public_bytes(*raw)


def psk(secret, kind, mesh):
    derive = lambda label, n: hkdf(b"mesh/psk/v1", secret, label + bytes([kind]) + mesh, n).hex()
    return {"id": derive(b"id", 8), "key": derive(b"key", 32)}


def u64(number):
    return number.to_bytes(8, "big")


def short(name):
    return bytes([len(name)]) + name.encode()


mesh, secret = bytes(range(16)), bytes(range(100, 132))
seed, node_secret = bytes(range(32)), bytes(range(64, 96))
authority, node = Ed25519PrivateKey.from_private_bytes(seed), X25519PrivateKey.from_private_bytes(node_secret)
public, subject = raw_public(authority), raw_public(node)
authority_hash = blake2s(b"mesh/authority/v1" + public)


def sign(domain, body):
    return body + authority.sign(domain + body)


def ticket(role, worker, variant):
    numbers = [3, 42, 1700000000123, 1699999700, 1700086400]
    body = b"MTK1" + authority_hash[:8] + mesh + subject + bytes([role, 0])
    body += b"".join(map(u64, numbers)) + short(worker) + short(variant)
    return sign(b"mesh/ticket/v1\0", body).hex()


worker = "thumbnailer"
join = hkdf(b"mesh/join/v1", secret, mesh + worker.encode())
links = {epoch: hkdf(b"mesh/link/v1", seed, u64(epoch)) for epoch in (1, 2)}
schema = b'{"gateway":{}}'
schema_body = b"MSC1" + authority_hash[:8] + mesh + u64(7) + bytes([5] * 32)
schema_body += len(schema).to_bytes(4, "big") + schema

print(json.dumps({
    "hkdf_70_bytes": hkdf(b"salt", b"secret", b"info", 70).hex(),
    "mesh_secret": {
        "mesh": mesh.hex(), "secret": secret.hex(), "text": text(b"mesh1_", mesh + secret),
        "data_psk": psk(secret, 1, mesh), "control_psk": psk(secret, 2, mesh),
    },
    "join_key": {
        "worker": worker, "key": join.hex(), "psk": psk(join, 2, mesh),
        "text": text(b"join1_", mesh + authority_hash + join + worker.encode()),
    },
    "authority": {
        "seed": seed.hex(), "file": text(b"authoritykey1_", seed), "public": public.hex(),
        "text": text(b"authority1_", public), "hash": authority_hash.hex(), "id": authority_hash[:8].hex(),
    },
    "node": {"secret": node_secret.hex(), "file": text(b"nodekey1_", node_secret), "id": subject.hex()},
    "link_secrets": [
        {"epoch": epoch, "secret": link.hex(), "psk": psk(link, 1, mesh)} for epoch, link in links.items()
    ],
    "tickets": {
        "worker": ticket(1, worker, "pod-3"), "master": ticket(2, "", ""),
        "longest": ticket(1, "w" * 64, "v" * 64),
    },
    "schema": {"json": schema.decode(), "number": 7, "signed": sign(b"mesh/schema/v1\0", schema_body).hex()},
}, indent=2))
