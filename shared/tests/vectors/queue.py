"""Computes queue.json a second way (Python's hashlib, the `cryptography` package for the cipher, and
HChaCha20 as its draft says), so that the vectors do not merely repeat what the Rust code does.
Frozen: a change of the output is a change of the protocol.   python3 queue.py > queue.json
"""

import base64, hashlib, hmac, json, struct
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


def hkdf(salt, secret, info):
    mac = lambda key, data: hmac.new(key, data, hashlib.blake2s).digest()
    return mac(mac(salt, secret), info + b"\x01")


def hchacha20(key, nonce16):
    mask, rotate = 0xFFFFFFFF, lambda x, n: ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF
    s = list(struct.unpack("<4I8I4I", b"expand 32-byte k" + key + nonce16))

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & mask
            s[z] = rotate(s[z] ^ s[x], n)

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for a, b, c, d in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(a, b, c, d)
    return struct.pack("<8I", *s[:4], *s[12:])


# The example of draft-irtf-cfrg-xchacha-03, 2.2.1.
assert hchacha20(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927")).hex().startswith("82413b42")


def xchacha(key, nonce, body, aad):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], body, aad)


def u64(number):
    return number.to_bytes(8, "big")


def text(data):
    data = data.encode() if isinstance(data, str) else data
    return u64(len(data)) + data


def seal(key, epoch, facts, body, nonce):
    head = b"\x01" + u64(epoch)
    return head + nonce + xchacha(key, nonce, body, head + facts)


mesh, root, epoch = bytes(range(16)), bytes(range(32, 64)), 1800000000000
caller, callee, command = "gateway", "thumbnailer", "resize"
check = hashlib.blake2s(b"mesh/checksum/v1" + b"queueroot1_" + u64(epoch) + root).digest()[:2].hex()
file = "queueroot1_" + base64.urlsafe_b64encode(u64(epoch) + root).rstrip(b"=").decode() + "_" + check
callee_key = hkdf(b"mesh/queue/callee/v1", root, mesh + callee.encode())
pair_key = hkdf(b"mesh/queue/pair/v1", callee_key, bytes([len(caller)]) + caller.encode() + command.encode())
job, nonce, trace = bytes(range(200, 216)), bytes(range(100, 124)), bytes(range(25))

plain = b"mesh/queue/job/v1\0" + text("thumbnailer.resize") + job + text(caller) + text("pod-3")
plain += bytes([1, 1]) + bytes(4)
full = b"mesh/queue/job/v1\0" + text("thumbnailer.resize@pod-7") + job + text(caller) + text("pod-3")
full += bytes([2, 0]) + b"\x01" + (3).to_bytes(4, "big") + b"\x01" + u64(90500)
full += b"\x01" + text("page-1") + u64(60000) + b"\x01" + text(trace)
reply = b"mesh/queue/reply/v1\0" + text("thumbnailer.resize") + job + text(caller) + bytes([1])

print(json.dumps({
    "root": {"epoch": epoch, "text": file},
    "callee_key": callee_key.hex(),
    "pair_key": pair_key.hex(),
    "key_name": f"{epoch}:{caller}>{callee}.{command}",
    "plain": {"facts": plain.hex(), "sealed": seal(pair_key, epoch, plain, b'{"page":1}', nonce).hex()},
    "full": {"facts": full.hex(), "sealed": seal(pair_key, epoch, full, b"", nonce).hex()},
    "reply": {"facts": reply.hex(), "sealed": seal(pair_key, epoch, reply, b"42", nonce).hex()},
}, indent=2))
