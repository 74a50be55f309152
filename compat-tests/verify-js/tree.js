// Pruned trees and walks over them; the one opening of all that they show. docs/proof-format.md, Pruned tree.
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { R, concat, digest, fail, hex, number, same, scalar, scalarBytes, startsWith, u64 } from './hash.js';
import { BASES } from './lagrange.js';
import { MAX_STEPS } from './places.js';

const { Point } = bls12_381.G1;
const G2 = bls12_381.G2.Point;
// tau G2 of the EIP-4844 ceremony, pinned: whoever made up another could forge everything.
const TAU = G2.fromHex('b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2');
const mod = (x) => ((x % R) + R) % R;

function power(base, exponent) {
  let [result, square] = [1n, mod(base)];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % R;
    square = (square * square) % R;
  }
  return result;
}
const ROOT = power(7n, (R - 1n) / 64n);
const DOMAIN = Array.from({ length: 64 }, (_, slot) => power(ROOT, BigInt(slot)));

const leafScalar = (leaf) => scalar('hyperdb/leaf', leaf.key, leaf.digest, u64(leaf.version), u64(leaf.size));
const branchScalar = (branch) => scalar('hyperdb/branch', branch.path, branch.c, u64(branch.count), u64(branch.size));
export const EMPTY = scalarBytes(scalar('hyperdb/empty-tree'));
export const rootDigest = (root) => (root ? scalarBytes(branchScalar(root)) : EMPTY);

function readBranchAt(reader, path) {
  return { path, c: reader.point(), count: reader.number(), size: reader.number(), slots: new Map(), told: new Set(), seen: new Set(), only: null };
}

/** A root by its own commitment. */
export const readRoot = (reader) => readBranchAt(reader, new Uint8Array());

/** A root over one slot, whose commitment follows from what lies there: the path of a branch and the branch, or a leaf's slot, scalar and bytes. */
export function readLoneRoot(reader) {
  const count = reader.u8();
  if (count >= MAX_STEPS) fail('size', 'a path that is too deep');
  if (count > 0) {
    const path = readSteps(reader, count);
    const below = counted(readBranchAt(reader, path));
    return { ...lone(path[0], branchScalar(below), below.count, below.size), slots: new Map([[path[0], below]]), below };
  }
  const [slot, leaf] = [reader.u8(), number(reader.take(32))];
  if (slot > 63 || leaf === 0n || leaf >= R) fail('format', 'a root over one leaf that is none');
  return { ...lone(slot, leaf, 1n, reader.number()), leaf };
}

function lone(slot, value, count, size) {
  const c = Point.fromHex(BASES[slot]).multiplyUnsafe(value).toBytes();
  return { path: new Uint8Array(), c, count, size, slots: new Map(), told: new Set(), seen: new Set(), only: slot };
}

export function readTree(reader, root, place, claimed, openings) {
  if (root.leaf === undefined) return readShown(reader, root.below ?? root, place, claimed, openings);
  const kind = reader.u8();
  if (kind === 0) return undefined;
  if (kind > 2) fail('format', 'slots shown of one leaf');
  reader.spend('slots');
  const leaf = readLeaf(reader, kind === 1, Uint8Array.of(root.only), place, claimed);
  if (leafScalar(leaf) !== root.leaf) fail('opening', 'a leaf that is not the one below its root');
  root.slots.set(root.only, leaf);
  root.told.add(root.only);
  return undefined;
}

export function readShown(reader, root, place, claimed, openings) {
  const shown = reader.u8();
  if (shown > 64) fail('format', 'slots shown of a branch');
  const pending = [{ branch: root, left: shown, last: -1 }];
  while (pending.length) {
    const top = pending.at(-1);
    if (top.left === 0) {
      pending.pop();
      continue;
    }
    const head = reader.u8();
    const [kind, slot] = [head >> 6, head & 63];
    if (slot <= top.last) fail('format', 'slots do not ascend');
    Object.assign(top, { left: top.left - 1, last: slot });
    reader.spend('slots');
    const path = concat(top.branch.path, Uint8Array.of(slot));
    // Kinds: empty, claimed leaf, branch with one slot shown and nothing skipped; behind the last a number tells more.
    const more = kind === 3 ? reader.number() : 2n;
    let [content, value] = [null, 0n];
    if (kind === 1 || more === 0n) {
      content = readLeaf(reader, kind === 1, path, place, claimed);
      value = leafScalar(content);
    } else if (kind === 3 && more === 2n) {
      fail('format', 'a branch in a longer form');
    } else if (kind !== 0) {
      const [skipped, below] = [(more - 1n) / 65n, Number((more - 1n) % 65n)];
      if (skipped >= BigInt(MAX_STEPS - path.length)) fail('size', 'a path that is too deep');
      content = counted(readBranchAt(reader, concat(path, readSteps(reader, Number(skipped)))));
      pending.push({ branch: content, left: below, last: -1 });
      value = branchScalar(content);
    }
    top.branch.slots.set(slot, content);
    top.branch.told.add(slot);
    openings.push({ c: top.branch.c, slot, value });
  }
}

function readLeaf(reader, isClaimed, path, place, claimed) {
  const leaf = isClaimed ? claimed() : { key: reader.blob(), digest: reader.take(32), version: reader.number(), size: reader.number() };
  return startsWith(place(leaf.key), path) ? leaf : fail('place', 'a leaf that does not lie where its key says');
}

function readSteps(reader, count) {
  const packed = reader.take(Math.ceil((6 * count) / 8));
  const bits = Array.from(packed, (byte) => byte.toString(2).padStart(8, '0')).join('');
  if (bits.slice(6 * count).includes('1')) fail('format', 'bits behind the steps');
  return Uint8Array.from({ length: count }, (_, at) => parseInt(bits.slice(6 * at, 6 * at + 6), 2));
}

const counted = (branch) => (branch.count < 2n ? fail('format', 'a branch of one leaf') : branch);

/** If what lies in a slot is shown, or follows. */
const knows = (branch, slot) => branch.slots.has(slot) || (branch.only !== null && branch.only !== slot);

export class Walk {
  constructor(root, reader, place) {
    Object.assign(this, { root, reader, place });
  }

  show(branch, slot) {
    if (!knows(branch, slot)) fail('claim', `slot ${slot} at depth ${branch.path.length} is needed and not shown`);
    branch.seen.add(slot);
    return branch.slots.get(slot) ?? null;
  }

  get(key) {
    const steps = this.place(key);
    let here = this.root;
    while (here) {
      this.reader.spend('visits');
      if (here.path.length >= steps.length) fail('claim', 'a branch lies below a whole key');
      const found = this.show(here, steps[here.path.length]);
      if (!found?.slots) return found && same(found.key, key) ? found : null;
      here = startsWith(steps, found.path) ? found : null;
    }
    return null;
  }

  rows(zone, here = this.root, out = []) {
    for (let slot = 0; here && slot < 64; slot += 1) {
      this.reader.spend('visits');
      if (zone.side(concat(here.path, Uint8Array.of(slot))) < 0) continue;
      const found = this.show(here, slot);
      if (found?.slots) {
        if (zone.side(found.path) >= 0) this.rows(zone, found, out);
      } else if (found && zone.holds(found.key)) out.push(found);
    }
    return out;
  }

  count(zone) {
    if (!zone.exact) fail('claim', 'the bounds are too long to count between');
    return this.root ? this.below(this.root, zone) : [0n, 0n];
  }

  below(branch, zone) {
    const side = zone.side(branch.path);
    if (side) return side > 0 ? [branch.count, branch.size] : [0n, 0n];
    this.reader.spend('visits', 64);
    const sides = Array.from({ length: 64 }, (_, slot) => zone.side(concat(branch.path, Uint8Array.of(slot))));
    const inside = sides.every((one, slot) => one <= 0 || knows(branch, slot));
    let sum = inside ? [0n, 0n] : [branch.count, branch.size];
    sides.forEach((one, slot) => {
      if (one !== 0 && one !== (inside ? 1 : -1)) return;
      const found = this.show(branch, slot);
      let part = [0n, 0n];
      if (found?.slots) {
        const within = this.below(found, zone);
        part = inside ? within : [found.count - within[0], found.size - within[1]];
      } else if (found && zone.holds(found.key) === inside) part = [1n, found.size];
      sum = sum.map((total, at) => (inside ? total + part[at] : total - part[at]));
    });
    return sum[0] < 0n || sum[1] < 0n ? fail('claim', 'a branch counts less than lies below it') : sum;
  }

  checkAllSeen() {
    const stack = this.root ? [this.root] : [];
    while (stack.length) {
      const branch = stack.pop();
      if ([...branch.told].some((slot) => !branch.seen.has(slot))) fail('claim', 'slots are shown that no query needs');
      for (const child of branch.slots.values()) if (child?.slots) stack.push(child);
    }
  }
}

export const context = (root) => digest('hyperdb/context', Uint8Array.of(1), root);

function decode(bytes, infinity) {
  let point;
  try {
    point = Point.fromBytes(bytes);
    point.assertValidity();
  } catch {
    point = null;
  }
  const empty = bytes[0] === 0xc0 && bytes.subarray(1).every((byte) => byte === 0);
  if (empty && infinity) return Point.ZERO;
  if (!point || empty || !point.isTorsionFree() || !same(point.toBytes(), bytes)) fail('point', 'a point that is not canonical, or is where it cannot be');
  return point;
}

/** Passes if every slot holds what is claimed, by one pairing equation. */
export function checkOpenings({ openings, d, pi, about }) {
  const decoded = new Map();
  for (const { c } of openings) if (!decoded.has(hex(c))) decoded.set(hex(c), decode(c, false));
  const [dPoint, piPoint] = [decode(d, true), decode(pi, true)];
  const parts = openings.flatMap(({ c, slot, value }) => [c, Uint8Array.of(slot), scalarBytes(value)]);
  const r = scalar('hyperdb/opening', about, u64(openings.length), ...parts);
  const t = scalar('hyperdb/opening-point', scalarBytes(r), d);
  const inverses = DOMAIN.map((z) => power(t - z, R - 2n));
  if (inverses.includes(0n)) fail('opening', 'the point of the opening is one of the domain');
  const weights = new Map();
  let [claimed, weight] = [0n, 1n];
  for (const { c, slot, value } of openings) {
    const factor = (weight * inverses[slot]) % R;
    weights.set(hex(c), mod((weights.get(hex(c)) ?? 0n) + factor));
    claimed = mod(claimed + factor * value);
    weight = (weight * r) % R;
  }
  let left = dPoint.negate().add(times(Point.BASE, R - claimed)).add(times(piPoint, t));
  for (const [c, factor] of weights) left = left.add(times(decoded.get(c), factor));
  const pairs = [{ g1: left, g2: G2.BASE }, { g1: piPoint.negate(), g2: TAU }].filter(({ g1 }) => !g1.is0());
  if (pairs.length === 1 || (pairs.length && !bls12_381.fields.Fp12.eql(bls12_381.pairingBatch(pairs), bls12_381.fields.Fp12.ONE))) {
    fail('opening', 'the slots shown are not those that the commitments hold');
  }
}

function times(point, factor) {
  const scalar_ = mod(factor);
  return scalar_ === 0n || point.is0() ? Point.ZERO : point.multiplyUnsafe(scalar_);
}
