// Bundles: from bytes and a pin to verified answers. docs/proof-format.md; a third implementation, for browsers and Node.
import { ed448 } from '@noble/curves/ed448.js';
import { VerificationError, ascii, concat, digest, fail, frame, fromLe, hex, place, same, sha256, u64 } from './hash.js';
import { collectionZone, elementKey, elementZone, incidenceZone, memberKey, parse, steps, treeKey, treeOf } from './places.js';
import { FORMAT, LIMITS, Reader, checkForm, readRow } from './rows.js';
import { EMPTY, Walk, checkOpenings, context, readLoneRoot, readRoot, readShown, readTree, rootDigest } from './tree.js';

export { FORMAT, LIMITS, VerificationError };

/**
 * @param {Uint8Array} bundle
 * @param {{root?: Uint8Array, store?: Uint8Array, owner?: Uint8Array}} trusted one of them
 * @param {{app?: Uint8Array, seen?: {number: bigint, root: Uint8Array}, limits?: typeof LIMITS}} expected `limits: FORMAT` reads anything
 * @returns frame, signer, attested, contains, app, queries and an answer to each
 * @throws {VerificationError} naming the first check that failed, and nothing else whatever the bytes are
 * @throws {TypeError} nothing is pinned, or more than one
 */
export function verify(bundle, trusted, expected = {}) {
  const pins = Object.entries(trusted ?? {}).filter(([, pin]) => pin !== undefined);
  // Under a name that is not known here nothing would be compared, and every bundle be found true.
  if (pins.length !== 1 || !Object.hasOwn(PINS, pins[0][0]) || pins[0][1]?.length !== PINS[pins[0][0]]) {
    throw new TypeError('what is trusted is one of root (32 bytes), store and owner (57)');
  }
  try {
    return run(new Reader(bundle, { ...(expected.limits ?? LIMITS) }), bundle, trusted, expected);
  } catch (error) {
    if (error instanceof VerificationError) throw error;
    throw new VerificationError('format', `not read: ${error.message}`);
  }
}

/** What may be pinned, and how many bytes it has. */
const PINS = { root: 32, store: 57, owner: 57 };

function run(reader, bundle, trusted, { app, seen }) {
  if (bundle.length > reader.left.size) fail('size', `${bundle.length} bytes`);
  if (!same(reader.take(5), concat(ascii('HDBP'), Uint8Array.of(1)))) fail('format', 'no proof, or of a format not known here');
  const flags = reader.u8();
  if (flags > 15 || (flags & 2 && !(flags & 8))) fail('format', `unknown flags ${flags}`);
  const [frame_, header] = readHeader(reader);
  if (trusted.root && !same(trusted.root, frame_.root)) fail('pin', 'another root');
  if ((trusted.store && !(flags & 1)) || (trusted.owner && !(flags & 2))) fail('pin', 'the key pinned did not sign');
  const signer = flags & 1 ? reader.take(57) : null;
  if (signer && !signed(reader.take(114), header, signer, 'hyperdb/frame')) fail('signature', 'the header was not signed by the key beside it');
  if (trusted.store && !same(trusted.store, signer)) fail('pin', 'another store key');
  const attested = flags & 2 ? { owner: reader.take(57), manifest: reader.take(32), signature: reader.take(114) } : null;
  const contains = flags & 4 ? history(reader, frame_) : null;
  if (seen && !same(seen.root, frame_.root)) {
    if (frame_.number <= seen.number) fail('rollback', 'older than what was seen, or a fork');
    if (!contains || !same(contains.root, seen.root)) fail('rollback', 'not shown to contain what was seen');
  }
  const shown = { frame: frame_, signer, attested, contains, app: null, answers: [] };
  if (!(flags & 8)) {
    reader.end();
    return app ? fail('pin', 'the bundle is about no app') : shown;
  }
  const anchor = readAnchor(reader, frame_);
  if (app && !same(app, anchor.name)) fail('pin', 'another app');
  if (attested) {
    const message = concat(frame(anchor.address), frame(frame_.hashKey), u64(frame_.number), frame(anchor.root), frame(attested.manifest));
    if (!signed(attested.signature, message, attested.owner, 'hyperdb/attest')) fail('attestation', 'not signed by the owner beside it');
    if (trusted.owner && !same(trusted.owner, attested.owner)) fail('pin', 'another owner');
  }
  return { ...shown, app: anchor.name, answers: answers(reader, frame_, anchor) };
}

export function signed(signature, message, key, purpose) {
  try {
    // Keys of small order are refused in there: under them anybody signs anything, or every fourth message.
    return ed448.verify(signature, message, key, { context: ascii(purpose) });
  } catch {
    return false;
  }
}

function readHeader(reader) {
  const data = reader.take(206);
  if (!same(data.subarray(0, 6), concat(ascii('HDBH'), Uint8Array.of(1, 1)))) fail('format', 'no header, or of a format not known here');
  const number = fromLe(data.subarray(38, 46));
  if (number === 0n) fail('format', 'frames are numbered from 1');
  const at = { store: data.subarray(6, 22), hashKey: data.subarray(22, 38), appTree: data.subarray(78, 110), history: data.subarray(142, 174) };
  return [{ ...at, number, time: fromLe(data.subarray(46, 54)), root: digest('hyperdb/header', data) }, data];
}

function history(reader, later) {
  const [earlier] = readHeader(reader);
  if (!same(earlier.store, later.store) || earlier.number >= later.number) fail('history', 'no earlier frame');
  const [at, leaves] = [earlier.number - 1n, later.number - 1n];
  const heights = Array.from({ length: 64 }, (_, i) => BigInt(63 - i)).filter((height) => (leaves >> height) & 1n);
  let start = 0n;
  const mine = heights.findIndex((height) => { const here = at >= start && at - start < 1n << height; start += 1n << height; return here; });
  let node = earlier.root;
  for (let level = 0n; level < heights[mine]; level += 1n) {
    const sibling = reader.take(32);
    node = (at >> level) & 1n ? digest('hyperdb/history', sibling, node) : digest('hyperdb/history', node, sibling);
  }
  const peaks = heights.map((_, index) => (index === mine ? node : reader.take(32)));
  return same(digest('hyperdb/peaks', u64(leaves), ...peaks), later.history) ? earlier : fail('history', 'the history does not hold it');
}

function readAnchor(reader, frame_) {
  const name = reader.blob();
  if (name.length > 1024) fail('size', "an app's name");
  const address = sha256(concat(frame(ascii('hyperdb/app')), frame(name)));
  const present = reader.u8();
  if (present > 31 || (present & 15 && !(present & 16))) fail('format', 'unknown trees');
  const lone = present & 15 ? reader.u8() : 0;
  if (lone & ~(present & 15)) fail('format', 'unknown roots');
  const told = (tree) => ((lone >> tree) & 1 ? readLoneRoot(reader) : readRoot(reader));
  const roots = [0, 1, 2, 3].map((tree) => ((present >> tree) & 1 ? told(tree) : null));
  const root = digest('hyperdb/app-root', address, ...roots.map(rootDigest));
  const hashRoot = present & 15 ? reader.take(32) : null;
  const anchor = { name, address, roots, root, openings: [] };
  if (!(present & 16)) return same(frame_.appTree, EMPTY) ? anchor : fail('root', 'the app tree is not empty');
  const size = roots.reduce((sum, one) => sum + (one ? one.size : 0n), 0n);
  if (size >> 64n) fail('format', 'trees of more bytes than there are numbers for');
  let own = hashRoot && { key: address, digest: digest('hyperdb/app-value', root, hashRoot), version: 0n, size, own: true };
  const claimed = () => { const leaf = own ?? fail('claim', 'no such leaf'); own = null; return leaf; };
  const top = readRoot(reader);
  const at = (key) => (key.length === 32 ? steps(key) : fail('place', 'a leaf of the app tree that is no app'));
  readShown(reader, top, at, claimed, anchor.openings);
  if (!same(rootDigest(top), frame_.appTree)) fail('root', 'the app tree is not the one of the header');
  const walk = new Walk(top, reader, at);
  const leaf = walk.get(address);
  if (leaf ? !leaf.own : hashRoot) fail('claim', 'the app tree does not hold the app as claimed');
  walk.checkAllSeen();
  return anchor;
}

function bounds(reader, ofHashes) {
  const flags = reader.u8();
  if (flags > 7 || (ofHashes && flags & 4)) fail('format', 'unknown bounds');
  const [low, below] = [1, 2].map((flag) => {
    const bound = flags & flag ? reader.blob() : new Uint8Array();
    return flags & flag && (!bound.length || (ofHashes && bound.length > 8)) ? fail('format', 'a bound') : bound;
  });
  if ((flags & 3) === 3 && hex(low) >= hex(below)) fail('format', 'bounds with nothing between');
  return { low, below, companion: flags & 4 ? 1n : 0n };
}

const QUERIES = {
  1: (reader) => ({ id: reader.blob() }),
  2: (reader) => ({ sort: reader.u8(), id: reader.blob() }),
  3: (reader) => ({ collection: reader.blob(), name: reader.blob() }),
  4: (reader) => ({ collection: reader.blob(), name: reader.blob() }),
  5: (reader) => ({ collection: reader.blob(), bounds: bounds(reader, false) }),
  6: (reader) => ({ collection: reader.blob(), bounds: bounds(reader, false) }),
  7: (reader) => ({ bounds: bounds(reader, true) }),
  8: (reader) => ({ bounds: bounds(reader, true) }),
  9: (reader) => ({ id: reader.blob() }),
  10: (reader) => ({ id: reader.blob() }),
};

function readQuery(reader) {
  reader.spend('queries');
  const kind = reader.u8();
  const query = { kind, ...(QUERIES[kind] ?? (() => fail('format', 'an unknown query')))(reader) };
  return query.sort > 1 ? fail('format', 'an unknown sort of element') : query;
}

function answers(reader, frame_, anchor) {
  const queries = Array.from({ length: Math.min(reader.count(), 1 << 20) }, () => readQuery(reader));
  if (!queries.length) fail('format', 'a claim without queries');
  const [openings, rows] = [[...anchor.openings], []];
  anchor.roots.forEach((root, tree) => {
    const claimed = () => {
      const row = readRow(reader);
      checkForm(row, tree % 2 === 0);
      rows.push(row);
      return { key: row.key, digest: row.digest, version: row.version, size: row.size, row };
    };
    if (root) readTree(reader, root, treeKey, claimed, openings);
  });
  const proof = openings.length ? { openings, d: reader.point(), pi: reader.point(), about: context(frame_.root) } : null;
  reader.end();
  if (proof) checkOpenings(proof);
  const asked = new Asked(anchor.roots.map((root) => new Walk(root, reader, treeKey)), frame_.hashKey);
  const found = queries.map((query) => ({ query, ...asked.answer(query) }));
  asked.trees.forEach((tree) => tree.checkAllSeen());
  if (asked.used.size !== rows.length) fail('claim', 'rows are claimed that no answer rests on');
  return found;
}

/** Runs queries again on verified trees. */
class Asked {
  constructor(trees, hashKey) {
    // A key may be as long as the bundle and be asked for a thousand times: what its hash is is found out once.
    Object.assign(this, { trees, hashKey, used: new Set(), inPlace: new Set() });
  }

  answer(query) {
    const { kind } = query;
    const key = query.id && elementKey(this.hashKey, query.id);
    if (kind === 1) {
      const row = this.element(key);
      return row ? { kind: 'found', row } : { kind: 'absent' };
    }
    if (kind === 2) {
      if (this.element(key)) fail('claim', 'it is there');
      return this.removal(query.sort ? 3 : 1, key);
    }
    if (kind >= 3 && kind <= 6) return this.member(query);
    if (kind === 7) return { kind: 'complete', rows: [0, 2].flatMap((tree) => this.rows(tree, elementZone(query.bounds))) };
    if (kind === 8) {
      const [a, b] = [0, 2].map((tree) => this.trees[tree].count(elementZone(query.bounds)));
      return { kind: 'attested', count: a[0] + b[0], size: a[1] + b[1] };
    }
    const zone = incidenceZone(this.hashKey, query.id);
    if (kind === 9) return { kind: 'complete', rows: this.rows(2, zone) };
    const [count, size] = this.trees[2].count(zone);
    return { kind: 'attested', count, size };
  }

  member(query) {
    const header = this.collection(elementKey(this.hashKey, query.collection));
    if (!header) {
      const nothing = { collection: false };
      if (query.kind === 4) fail('claim', 'the collection is not there');
      if (query.kind === 3) return { kind: 'absent', ...nothing };
      return query.kind === 5 ? { kind: 'complete', rows: [], ...nothing } : { kind: 'attested', count: 0n, size: 0n, ...nothing };
    }
    if (query.kind >= 5) {
      const cid = header.cid + query.bounds.companion;
      const [tree, zone] = [treeOf(cid), collectionZone(cid, query.bounds)];
      if (query.kind === 5) {
        const rows = this.rows(tree, zone);
        const hashed = HASHED.has(header.kind) && !query.bounds.companion;
        if (hashed && !rows.every((row) => this.isMemberInPlace(row))) fail('place', 'a member that does not lie at its hash');
        return { kind: 'complete', rows, collection: true };
      }
      const [count, size] = this.trees[tree].count(zone);
      return { kind: 'attested', count, size, collection: true };
    }
    const tree = treeOf(header.cid);
    const key = memberKey(header.cid, this.memberName(header, query.name));
    const leaf = this.trees[tree].get(key);
    if (query.kind === 3) return leaf ? { kind: 'found', row: this.claimed(leaf) } : { kind: 'absent', collection: true };
    return leaf ? fail('claim', 'it is there') : this.removal(tree + 1, key);
  }

  memberName({ kind, head }, name) {
    if (HASHED.has(kind)) return concat(place(this.hashKey, name), name);
    if (kind !== 5) return name;
    if (name.length !== 8) fail('format', 'the name of an item is its index');
    return u64(BigInt.asUintN(64, head + fromLe(name)) ^ (1n << 63n)).reverse();
  }

  atItsHash(rest) {
    return rest.length >= 8 && same(rest.subarray(0, 8), place(this.hashKey, rest.subarray(8)));
  }

  isMemberInPlace(row) {
    if (!this.inPlace.has(row) && this.atItsHash(parse(row.key).rest)) this.inPlace.add(row);
    return this.inPlace.has(row);
  }

  claimed(leaf) {
    if (!leaf.row) fail('claim', 'a leaf of the answer was not claimed');
    if (this.used.has(leaf.row)) return leaf.row;
    if (leaf.key[0] === 2 && !this.atItsHash(leaf.key.subarray(1))) fail('place', 'an element that does not lie at its hash');
    this.used.add(leaf.row);
    return leaf.row;
  }

  rows(tree, zone) {
    return this.trees[tree].rows(zone).map((leaf) => this.claimed(leaf));
  }

  removal(tree, key) {
    const leaf = this.trees[tree].get(key) ?? fail('claim', 'not among the removes');
    return { kind: 'removed', version: this.claimed(leaf).version };
  }

  element(key) {
    for (const tree of [0, 2]) {
      const leaf = this.trees[tree].get(key);
      if (!leaf) continue;
      const row = this.claimed(leaf);
      if (row.value && (record(row.value).kind === 1) !== (tree === 0)) fail('claim', 'an element in the tree of others');
      return row;
    }
    return null;
  }

  collection(key) {
    const leaf = this.trees[2].get(key);
    if (!leaf) return null;
    const row = this.claimed(leaf);
    const { kind, body } = row.value ? record(row.value) : { kind: 1 };
    if (kind === 1) fail('row', "a collection's header that is not shown whole, or is none");
    const cid = fromLe(body.subarray(0, 8));
    if ((cid + 1n) >> 64n) fail('row', 'no number of a collection');
    return { kind, cid, head: BigInt.asIntN(64, fromLe(body.subarray(24, 32))) };
  }
}

const HASHED = new Set([3, 4, 6]);

function record(data) {
  const [kind, flags] = data;
  const body = data.subarray(flags === 1 ? 10 : 2);
  const whole = data.length >= (flags === 1 ? 10 : 2) && flags <= 1 && kind >= 1 && kind <= 10 && (kind === 1 || body.length === 40);
  return whole ? { kind, body } : fail('row', 'no element record');
}
