"""Makes handshake.json and frames.json without any code of Meshwork: X25519, ChaCha20-Poly1305 and
the Noise pattern in plain Python, first checked with the published vector in noise_xxpsk3.json.

    python3 handshake.py
"""

import hashlib
import hmac
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
P = 2**255 - 19
BASE = (9).to_bytes(32, "little")


def x25519(k, u):
    k = bytearray(k)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def chacha20(key, counter, nonce):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter]
    start += struct.unpack("<3I", nonce)
    w = start[:]

    def quarter(a, b, c, d):
        for x, y, z, r in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            w[x] = w[x] + w[y] & 0xFFFFFFFF
            t = w[z] ^ w[x]
            w[z] = (t << r | t >> 32 - r) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *(a + b & 0xFFFFFFFF for a, b in zip(w, start)))


def seal(key, counter, aad, text):
    nonce = bytes(4) + struct.pack("<Q", counter)
    blocks = (chacha20(key, 1 + i, nonce) for i in range((len(text) + 63) // 64))
    sealed = bytes(a ^ b for a, b in zip(text, b"".join(blocks)))
    one_time = chacha20(key, 0, nonce)
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    s = int.from_bytes(one_time[16:32], "little")
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, sealed))
    padded += struct.pack("<QQ", len(aad), len(sealed))
    tag = 0
    for i in range(0, len(padded), 16):
        tag = (tag + int.from_bytes(padded[i : i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return sealed + (tag + s & 2**128 - 1).to_bytes(16, "little")


def rekey(key):
    return seal(key, 2**64 - 1, b"", bytes(32))[:32]


def blake2s(data):
    return hashlib.blake2s(data).digest()


def hkdf(chaining_key, material, count):
    temporary = hmac.new(chaining_key, material, hashlib.blake2s).digest()
    out, last = [], b""
    for i in range(count):
        last = hmac.new(temporary, last + bytes([i + 1]), hashlib.blake2s).digest()
        out.append(last)
    return out


class Symmetric:
    def __init__(self, name):
        self.h = self.ck = blake2s(name) if len(name) > 32 else name.ljust(32, b"\0")
        self.k, self.n = None, 0

    def mix_hash(self, data):
        self.h = blake2s(self.h + data)

    def mix_key(self, data):
        (self.ck, self.k), self.n = hkdf(self.ck, data, 2), 0

    def mix_key_and_hash(self, data):
        (self.ck, hashed, self.k), self.n = hkdf(self.ck, data, 3), 0
        self.mix_hash(hashed)

    def encrypt(self, text):
        sealed = text
        if self.k:
            sealed, self.n = seal(self.k, self.n, self.h, text), self.n + 1
        self.mix_hash(sealed)
        return sealed


def handshake(name, prologue, psk, psk_place, s_i, e_i, s_r, e_r, payloads):
    """XXpsk0 or XXpsk3: the three messages, the two keys, the hash."""
    noise = Symmetric(name)
    noise.mix_hash(prologue)
    public_e_i, public_e_r = x25519(e_i, BASE), x25519(e_r, BASE)
    if psk_place == 0:
        noise.mix_key_and_hash(psk)
    noise.mix_hash(public_e_i)
    noise.mix_key(public_e_i)
    m1 = public_e_i + noise.encrypt(payloads[0])
    noise.mix_hash(public_e_r)
    noise.mix_key(public_e_r)
    noise.mix_key(x25519(e_r, public_e_i))
    m2 = public_e_r + noise.encrypt(x25519(s_r, BASE))
    noise.mix_key(x25519(s_r, public_e_i))
    m2 += noise.encrypt(payloads[1])
    m3 = noise.encrypt(x25519(s_i, BASE))
    noise.mix_key(x25519(s_i, public_e_r))
    if psk_place == 3:
        noise.mix_key_and_hash(psk)
    m3 += noise.encrypt(payloads[2])
    return m1, m2, m3, *hkdf(noise.ck, b"", 2), noise.h


def check():
    published = json.loads((HERE / "noise_xxpsk3.json").read_text())
    key = lambda name: bytes.fromhex(published[name])
    *messages, _, _, h = handshake(
        published["protocol_name"].encode(),
        key("init_prologue"),
        bytes.fromhex(published["init_psks"][0]),
        3,
        *map(key, ("init_static", "init_ephemeral", "resp_static", "resp_ephemeral")),
        [bytes.fromhex(message["payload"]) for message in published["messages"]],
    )
    assert [m.hex() for m in messages] == [m["ciphertext"] for m in published["messages"]]
    assert h == key("handshake_hash")


def sequence(start):
    return bytes((start + i) % 256 for i in range(32))


def make_handshake():
    psk, s_i, e_i, s_r, e_r = map(sequence, (0x10, 0x20, 0x40, 0x60, 0x80))
    preamble = b"MSH1" + bytes([1, 1, 0, 0]) + b"psk-id-1"
    u16 = lambda value: struct.pack(">H", value)
    u32 = lambda value: struct.pack(">I", value)
    u64 = lambda value: struct.pack(">Q", value)
    name = lambda text: bytes([len(text)]) + text
    schema = u64(1767225600000) + bytes(range(32))

    def introduction(ticket, parameters):
        listed = b"".join(bytes([n]) + u16(len(v)) + v for n, v in sorted(parameters.items()))
        return b"\1" + u16(len(ticket)) + ticket + u16(len(listed)) + listed

    acceptor = introduction(
        b"T" * 200, {1: u32(262144), 3: schema, 4: u64(1767225600123), 6: u32(14)}
    )
    dialer = introduction(
        b"t" * 190,
        {
            1: u32(65536),
            2: u64(5),
            3: schema,
            4: u64(1767225600456),
            5: name(b"thumbnailer") + name(b"pod-3"),
            6: u32(14),
            7: name(b"gateway") + name(b"gw-1"),
            8: b"A" * 32,
        },
    )
    m1, m2, m3, to_acceptor, to_dialer, h = handshake(
        b"Noise_XXpsk0_25519_ChaChaPoly_BLAKE2s",
        b"mesh/noise/v1" + preamble,
        psk,
        0,
        s_i,
        e_i,
        s_r,
        e_r,
        [b"", acceptor, dialer],
    )
    return {
        "psk_id": b"psk-id-1",
        "psk": psk,
        "dialer_node_key": s_i,
        "dialer_ephemeral": e_i,
        "acceptor_node_key": s_r,
        "acceptor_ephemeral": e_r,
        "acceptor_introduction": acceptor,
        "dialer_introduction": dialer,
        "preamble": preamble,
        "m1": u16(len(m1)) + m1,
        "m2": u16(len(m2)) + m2,
        "m3": u16(len(m3)) + m3,
        "dialer_to_acceptor": to_acceptor,
        "acceptor_to_dialer": to_dialer,
        "hash": h,
    }


def make_frames(first_key):
    for counter in (0, 1, 65534, 65535, 65536, 65537, 131071):
        key = first_key if counter < 65536 else rekey(first_key)
        text = b"" if counter == 1 else b"frame %d" % counter
        length = struct.pack(">I", len(text) + 16)
        frame = length + seal(key, counter, length, text)
        yield {"counter": counter, "key": key.hex(), "plaintext": text.hex(), "frame": frame.hex()}


def write(name, content):
    (HERE / name).write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    check()
    what = "A data handshake; hex. m1 to m3 with their lengths."
    fields = {name: value.hex() for name, value in make_handshake().items()}
    write("handshake.json", {"what": what, **fields})
    what = "Frames of one direction; hex. The key changes before frame 65536."
    key = sequence(0xA0)
    frames = list(make_frames(key))
    write("frames.json", {"what": what, "first_key": key.hex(), "frames": frames})
