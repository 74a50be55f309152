// Where a logical key must lie: steps of 6 bits, computed and never taken from a proof. docs/commitment.md, Tree key.
import { compare, concat, fail, place, same, sha256, startsWith, unhex } from './hash.js';

export const MAX_STEPS = 225;
const LONGEST = 128;

function stepsOf(bits) {
  const padded = bits.padEnd(Math.ceil(bits.length / 6) * 6, '0');
  return Uint8Array.from(padded.match(/.{6}/g) ?? [], (step) => parseInt(step, 2));
}
const bitsOf = (bytes) => Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
export const steps = (bytes) => stepsOf(bitsOf(bytes));
const headSteps = (space, bytes) => stepsOf((space - 2).toString(2).padStart(2, '0') + bitsOf(bytes));

function escape(bytes) {
  const out = [];
  for (const byte of bytes) out.push(...(byte === 0 ? [0, 255] : [byte]));
  return Uint8Array.from(out);
}

export function varint(n) {
  if (n <= 247n) return Uint8Array.of(Number(n));
  const digits = n.toString(16);
  const body = unhex(digits.padStart(digits.length + (digits.length % 2), '0'));
  return concat(Uint8Array.of(247 + body.length), body);
}

export function parse(key) {
  const space = key[0];
  if ((space === 2 || space === 4) && key.length >= 9) return { space, number: key.subarray(1, 9), rest: key.subarray(9) };
  if (space === 3 && key.length >= 2) {
    const size = 1 + Math.max(0, key[1] - 247);
    const bytes = key.subarray(1, 1 + size);
    const cid = size === 1 ? BigInt(bytes[0]) : bytes.subarray(1).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (bytes.length === size && same(varint(cid), bytes)) return { space, cid, number: bytes, rest: key.subarray(1 + size) };
  }
  return fail('place', 'no logical key');
}

export function treeKey(key) {
  const { space, number, rest } = parse(key);
  const escaped = concat(escape(rest), Uint8Array.of(0, 1));
  const bytes = escaped.length > LONGEST ? concat(escaped.subarray(0, LONGEST), sha256(key)) : escaped;
  return concat(headSteps(space, number), steps(bytes));
}

export const elementKey = (hashKey, id) => concat(Uint8Array.of(2), place(hashKey, id), id);
export const memberKey = (cid, key) => concat(Uint8Array.of(3), varint(cid), key);
export const treeOf = (cid) => (cid % 4n >= 2n ? 0 : 2);

function trimmed(path) {
  let end = path.length;
  while (end > 0 && path[end - 1] === 0) end -= 1;
  return path.subarray(0, end);
}

function past(bytes, highest) {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === highest) end -= 1;
  const out = bytes.slice(0, end);
  if (end > 0) out[end - 1] += 1;
  return out;
}

class Zone {
  constructor(fields) {
    Object.assign(this, fields);
  }

  holds(key) {
    return startsWith(key, this.prefix) && compare(key, this.first) >= 0 && (!this.below || compare(key, this.below) < 0);
  }

  /** Of everything below a path: 1 all within, -1 none, 0 some perhaps. */
  side(path) {
    const low = compare(path, this.low);
    if (compare(path, this.high) >= 0 || (low < 0 && !startsWith(this.low, path))) return -1;
    return low >= 0 && !startsWith(this.high, path) ? 1 : 0;
  }
}

function zone(prefix, head, low, below) {
  const [first, last] = [escape(low), escape(below)];
  const top = last.length > LONGEST ? past(last.subarray(0, LONGEST), 255) : last;
  return new Zone({
    low: trimmed(concat(head, steps(first.subarray(0, LONGEST)))),
    high: top.length ? trimmed(concat(head, steps(top))) : past(head, 63),
    first: concat(prefix, low),
    below: below.length ? concat(prefix, below) : null,
    prefix,
    exact: Math.max(first.length, last.length) <= LONGEST,
  });
}

export function collectionZone(cid, { low, below }) {
  return zone(memberKey(cid, new Uint8Array()), headSteps(3, varint(cid)), low, below);
}

export function elementZone({ low, below }) {
  const whole = (bound) => { const out = new Uint8Array(8); out.set(bound); return trimmed(headSteps(2, out)); };
  const prefix = Uint8Array.of(2);
  return new Zone({
    low: whole(low),
    high: below.length ? whole(below) : Uint8Array.of(16),
    first: concat(prefix, low),
    below: below.length ? concat(prefix, below) : null,
    prefix,
    exact: true,
  });
}

export function incidenceZone(hashKey, id) {
  const hash = place(hashKey, id);
  const id1 = escape(id);
  return zone(concat(Uint8Array.of(4), hash), headSteps(4, hash), concat(id1, Uint8Array.of(0, 1)), concat(id1, Uint8Array.of(0, 2)));
}
