// Reading bytes, and claimed rows. docs/proof-format.md, Claim; docs/commitment.md, Leaf.
import { columnSalt, concat, digest, fail, u32 } from './hash.js';
import { parse } from './places.js';

/** All that the format allows: seconds of work. */
export const FORMAT = { size: 4 << 20, points: 1 << 13, slots: 1 << 18, visits: 1 << 19, queries: 1 << 12, rows: 1 << 16, columns: 1 << 17 };
/** What is taken unless told otherwise: about a second of work, whoever sent it. */
export const LIMITS = { size: 1 << 20, points: 1 << 8, slots: 1 << 14, visits: 1 << 16, queries: 1 << 12, rows: 1 << 14, columns: 1 << 14 };

export class Reader {
  constructor(data, left = { ...LIMITS }) {
    this.data = data;
    this.at = 0;
    this.left = left;
  }

  spend(what, amount = 1) {
    this.left[what] -= amount;
    if (this.left[what] < 0) fail('size', `too many ${what}`);
  }

  take(count) {
    if (count > this.data.length - this.at) fail('format', 'it ends too early');
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  u8() {
    return this.take(1)[0];
  }

  varint() {
    const first = this.u8();
    if (first <= 247) return BigInt(first);
    const body = this.take(first - 247);
    const value = body.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (value <= 247n || body[0] === 0) fail('format', 'a number that is not in its shortest form');
    return value;
  }

  /** LEB128: groups of 7 bits, the lowest first, in the shortest form. */
  number() {
    for (let [value, shift] = [0n, 0n]; ; shift += 7n) {
      const byte = BigInt(this.u8());
      value |= (byte & 127n) << shift;
      if (value >> 64n || (byte === 0n && shift)) fail('format', 'a number that is not in its shortest form, or too large');
      if (byte < 128n) return value;
    }
  }

  count() {
    const value = this.varint();
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? fail('format', 'a number that is too large') : Number(value);
  }

  blob() {
    return this.take(this.count());
  }

  point() {
    this.spend('points');
    return this.take(48);
  }

  end() {
    if (this.at !== this.data.length) fail('format', 'bytes behind the end');
  }
}

const columnLeaf = (id, salt, content) => digest('hyperdb/column', u32(id), salt, content);
const isPacked = (key, adds) => { const { space, cid } = parse(key); return adds && space === 3 && cid % 4n === 2n; };

export function checkForm(row, adds) {
  if (row.form !== 3 && isPacked(row.key, adds) !== (row.form === 1 || row.form === 2)) fail('row', "the row's form is not that of its place");
}

function rowDigest(count, shown, hidden) {
  const build = (first, width, leaves) => {
    if (leaves.length === 0) return hidden();
    if (width === 1) return leaves[0][1];
    let left = 1;
    while (left * 2 < width) left *= 2;
    const cut = leaves.findIndex(([at]) => at >= first + left);
    const split = cut < 0 ? leaves.length : cut;
    const before = build(first, left, leaves.slice(0, split));
    return digest('hyperdb/fields', before, build(first + left, width - left, leaves.slice(split)));
  };
  return digest('hyperdb/row', u32(count), build(0, count, shown));
}

function stampSize(data, at) {
  const size = data[at] === 0 ? 9 : 21;
  return data[at] > 1 || at + size > data.length ? fail('row', 'a malformed stamp') : size;
}

function column(id, content) {
  const head = content.length ? content[0] : 255;
  if (head > 3 || (id === 0 && head & 1)) fail('row', 'an unknown head of a column');
  const at = 1 + (head & 2 ? stampSize(content, 1) : 0);
  if (!(head & 1) && at !== content.length) fail('row', 'a null with a value');
  return { id, value: head & 1 ? content.subarray(at) : null };
}

function packed(value, outer) {
  const row = new Reader(value);
  const [flags, count] = [row.u8(), row.count()];
  outer.spend('columns', count + 1);
  if (flags > 1) fail('row', 'unknown flags');
  const described = [];
  let last = 0;
  for (let at = 0; at < count; at += 1) {
    const descriptor = row.varint();
    const [step, width] = [descriptor / 8n, Number(descriptor % 8n)];
    if (step === 0n || width > 5 || BigInt(last) + step >= 1n << 32n) fail('row', 'columns do not ascend');
    last += Number(step);
    described.push({ id: last, width });
  }
  const bitmap = row.take(Math.ceil(count / 8));
  const isNull = (at) => (bitmap[at >> 3] >> (at & 7)) & 1;
  for (let at = count; at < 8 * bitmap.length; at += 1) if (isNull(at)) fail('row', 'nulls behind the last column');
  const present = [...described.keys()].filter((at) => !isNull(at));
  const values = new Map();
  for (const at of present) if (described[at].width < 5) values.set(at, row.take(1 << described[at].width));
  const variable = present.filter((at) => described[at].width === 5);
  const lengths = variable.map(() => row.count());
  variable.forEach((at, index) => values.set(at, row.take(lengths[index])));
  const stamps = new Map();
  if (flags === 1) {
    let next = 0;
    for (let left = row.count(); left > 0; left -= 1) {
      const at = row.count();
      if (at < next || at > count) fail('row', 'stamps do not ascend');
      stamps.set(at, row.take(stampSize(row.data, row.at)));
      next = at + 1;
    }
    if (next === 0) fail('row', 'no stamps');
  }
  row.end();
  const none = new Uint8Array();
  const content = (value_, stamp) => concat(Uint8Array.of((value_ ? 1 : 0) | (stamp ? 2 : 0)), stamp ?? none, value_ ?? none);
  return [[0, content(undefined, stamps.get(0))], ...described.map(({ id }, at) => [id, content(values.get(at), stamps.get(at + 1))])];
}

export function readRow(reader) {
  reader.spend('rows');
  const head = reader.number();
  const row = { key: reader.take(Number(head / 4n)), version: reader.number(), form: Number(head % 4n), value: null, columns: [] };
  row.size = BigInt(row.key.length);
  if (row.form === 0 || row.form === 1) {
    row.value = reader.blob();
    row.size += BigInt(row.value.length);
    const salt = reader.take(16);
    if (row.form === 0) return { ...row, digest: digest('hyperdb/value', salt, row.value) };
    const contents = packed(row.value, reader);
    const leaves = contents.map(([id, content], at) => [at, columnLeaf(id, columnSalt(salt, id), content)]);
    return { ...row, columns: contents.map(([id, content]) => column(id, content)), digest: rowDigest(leaves.length, leaves) };
  }
  const size = reader.number();
  if (row.form === 3) {
    if (size < row.size) fail('row', 'a leaf of less bytes than its key has');
    return { ...row, size, digest: reader.take(32) };
  }
  const [count, shown] = [reader.count(), reader.count()];
  reader.spend('columns', shown);
  if (shown < 1 || shown > count || count >= 2 ** 32) fail('format', 'columns');
  const leaves = [];
  let [index, last] = [-1, -1];
  for (let left = shown; left > 0; left -= 1) {
    index += 1 + reader.count();
    const [id, salt, content] = [reader.count(), reader.take(16), reader.blob()];
    if (index >= count || id <= last || id >= 2 ** 32 || (index === 0) !== (id === 0)) fail('format', 'columns do not ascend');
    leaves.push([index, columnLeaf(id, salt, content)]);
    row.columns.push(column(id, content));
    last = id;
  }
  return { ...row, size, digest: rowDigest(count, leaves, () => reader.take(32)) };
}
