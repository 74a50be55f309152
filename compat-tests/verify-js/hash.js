// Framed SHA-512 under ASCII tags, SipHash-1-3, and bytes. docs/commitment.md, Hashing.
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';

export const R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
const text = new TextEncoder();

export class VerificationError extends Error {
  constructor(check, detail) {
    super(`${check}: ${detail}`);
    this.check = check;
  }
}

export function fail(check, detail) {
  throw new VerificationError(check, detail);
}

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
export const unhex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const number = (bytes) => (bytes.length ? BigInt(`0x${hex(bytes)}`) : 0n);
export const u32 = (n) => Uint8Array.of(n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24);

export function u64(n) {
  return Uint8Array.from({ length: 8 }, (_, at) => Number((BigInt(n) >> BigInt(8 * at)) & 255n));
}

export const fromLe = (bytes) => number(Uint8Array.from(bytes).reverse());
export const frame = (part) => concat(u32(part.length), part);
const raw = (tag, parts) => sha512(concat(frame(text.encode(tag)), ...parts.map(frame)));

/** 32 bytes. */
export const digest = (tag, ...parts) => raw(tag, parts).slice(0, 32);

/** A scalar, never 0: that is the empty slot. */
export const scalar = (tag, ...parts) => number(raw(tag, parts)) % R || 1n;

export const scalarBytes = (value) => unhex(value.toString(16).padStart(64, '0'));
export const columnSalt = (salt, id) => hmac(sha512, salt, u32(id)).slice(0, 16);
export const ascii = (string) => text.encode(string);
export { sha256 };

export function compare(a, b) {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    if (a[at] !== b[at]) return a[at] - b[at];
  }
  return a.length - b.length;
}

export const same = (a, b) => compare(a, b) === 0;
export const startsWith = (bytes, prefix) => prefix.length <= bytes.length && same(bytes.subarray(0, prefix.length), prefix);

/** SipHash-1-3 under 16 bytes, as 8 bytes BE. */
export function place(key, data) {
  const mask = (1n << 64n) - 1n;
  const turn = (x, by) => ((x << by) | (x >> (64n - by))) & mask;
  const [k0, k1] = [fromLe(key.subarray(0, 8)), fromLe(key.subarray(8))];
  let [a, b, c, d] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const round = () => {
    a = (a + b) & mask; b = turn(b, 13n) ^ a; a = turn(a, 32n);
    c = (c + d) & mask; d = turn(d, 16n) ^ c;
    a = (a + d) & mask; d = turn(d, 21n) ^ a;
    c = (c + b) & mask; b = turn(b, 17n) ^ c; c = turn(c, 32n);
  };
  const whole = data.length & ~7;
  for (let at = 0; at <= whole; at += 8) {
    const word = at < whole ? fromLe(data.subarray(at, at + 8)) : fromLe(data.subarray(whole)) | (BigInt(data.length & 255) << 56n);
    d ^= word; round(); a ^= word;
  }
  c ^= 255n;
  round(); round(); round();
  return u64(a ^ b ^ c ^ d).reverse();
}
