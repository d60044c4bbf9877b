//! What the wallet function computes with private keys, as a WebAssembly module without imports: libsecp256k1, compiled
//! from the unchanged sources of a release, and HMAC-SHA-512 and Keccak-256 of Zig's standard library. `build.sh` makes it.
//! Arguments and results are in one buffer, and nothing is allocated: one wipe reaches all that a call leaves behind.

const std = @import("std");
const HmacSha512 = std.crypto.auth.hmac.sha2.HmacSha512;
const Keccak256 = std.crypto.hash.sha3.Keccak256;

const Context = opaque {};
const Point = extern struct { data: [64]u8 };
const compressed = 258;
const uncompressed = 2;

extern fn secp256k1_context_preallocated_size(flags: c_uint) usize;
extern fn secp256k1_context_preallocated_create(memory: [*]u8, flags: c_uint) ?*Context;
extern fn secp256k1_context_randomize(context: *Context, seed: *const [32]u8) c_int;
extern fn secp256k1_ec_seckey_verify(context: *Context, key: *const [32]u8) c_int;
extern fn secp256k1_ec_seckey_tweak_add(context: *Context, key: *[32]u8, tweak: *const [32]u8) c_int;
extern fn secp256k1_ec_pubkey_create(context: *Context, point: *Point, key: *const [32]u8) c_int;
extern fn secp256k1_ec_pubkey_tweak_add(context: *Context, point: *Point, tweak: *const [32]u8) c_int;
extern fn secp256k1_ec_pubkey_parse(context: *Context, point: *Point, input: [*]const u8, length: usize) c_int;
extern fn secp256k1_ec_pubkey_serialize(context: *Context, output: [*]u8, length: *usize, point: *const Point, form: c_uint) c_int;

/// Offsets that secp256k1.ts repeats.
const Buffer = extern struct {
    /// 0: a private key, or a seed.
    key: [32]u8,
    /// 32: a tweak.
    tweak: [32]u8,
    /// 64: a public key of 33 or 65 bytes.
    public_key: [65]u8,
    /// 129: the chain code of a node.
    chain_code: [32]u8,
    /// 161: the public key, compressed, and the chain code of an account.
    account_public_key: [33]u8,
    account_chain_code: [32]u8,
    /// 226: what is hashed, up to 64 bytes, and from 290 on the hash.
    message: [64]u8,
    digest: [64]u8,
    point: Point,
};
var buffer: Buffer = undefined;

var context_memory: [1024]u8 align(16) = undefined;
var context: *Context = undefined;

export fn getBuffer() *Buffer {
    return &buffer;
}

export fn getBufferBytes() usize {
    return @sizeOf(Buffer);
}

/// An address near the beginning of the stack, which grows downwards from there.
export fn getStack() usize {
    return @frameAddress();
}

/// Blinds the context with the 32 random bytes in `key`.
export fn initialize() c_int {
    if (secp256k1_context_preallocated_size(1) > context_memory.len) return 0;
    context = secp256k1_context_preallocated_create(&context_memory, 1) orelse return 0;
    return secp256k1_context_randomize(context, &buffer.key);
}

export fn verifyKey() c_int {
    return secp256k1_ec_seckey_verify(context, &buffer.key);
}

/// key = key + tweak mod n.
export fn tweakKey() c_int {
    return secp256k1_ec_seckey_tweak_add(context, &buffer.key, &buffer.tweak);
}

/// point = key times the generator. In constant time.
export fn createPoint() c_int {
    return secp256k1_ec_pubkey_create(context, &buffer.point, &buffer.key);
}

/// point = point + tweak times the generator. Not in constant time: for what is public.
export fn tweakPoint() c_int {
    return secp256k1_ec_pubkey_tweak_add(context, &buffer.point, &buffer.tweak);
}

/// point = the first `length` bytes of public_key.
export fn parsePoint(length: usize) c_int {
    return secp256k1_ec_pubkey_parse(context, &buffer.point, &buffer.public_key, length);
}

/// public_key = point, in `length` bytes: 33 or 65.
export fn serializePoint(length: usize) c_int {
    var written = length;
    const form: c_uint = if (length == 33) compressed else uncompressed;
    return secp256k1_ec_pubkey_serialize(context, &buffer.public_key, &written, &buffer.point, form);
}

/// digest = Keccak-256 of the first `length` bytes of message.
export fn hashKeccak256(length: usize) void {
    Keccak256.hash(buffer.message[0..length], buffer.digest[0..32], .{});
}

/// From the node in key, public_key and chain_code to its child (BIP-32, CKDpriv), in place; the child's public key in
/// `length` bytes. False when there is no such child.
fn deriveChild(child_number: u32, length: usize) bool {
    var data: [37]u8 = undefined;
    if (child_number >= 0x8000_0000) {
        data[0] = 0;
        @memcpy(data[1..33], &buffer.key);
    } else {
        @memcpy(data[0..33], buffer.public_key[0..33]);
    }
    std.mem.writeInt(u32, data[33..37], child_number, .big);
    HmacSha512.create(&buffer.digest, &data, &buffer.chain_code);
    @memcpy(&buffer.tweak, buffer.digest[0..32]);
    @memcpy(&buffer.chain_code, buffer.digest[32..64]);
    return tweakKey() == 1 and createPoint() == 1 and serializePoint(length) == 1;
}

/// From a coin-level node in key and chain_code to `{account}'/0/0`: its public key in `length` bytes, and the account's
/// with its chain code. 0 when one of the three children does not exist.
export fn deriveAddress(account: u32, length: usize) c_int {
    if (!deriveChild(account | 0x8000_0000, 33)) return 0;
    @memcpy(&buffer.account_public_key, buffer.public_key[0..33]);
    buffer.account_chain_code = buffer.chain_code;
    if (!deriveChild(0, 33)) return 0;
    return @intFromBool(deriveChild(0, length));
}

/// An argument that the library calls illegal is a bug of ours: the call traps, and JavaScript gets a RuntimeError.
export fn secp256k1_default_illegal_callback_fn(_: [*:0]const u8, _: ?*anyopaque) void {
    @trap();
}

export fn secp256k1_default_error_callback_fn(_: [*:0]const u8, _: ?*anyopaque) void {
    @trap();
}
