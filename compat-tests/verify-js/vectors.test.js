// The vectors of tests/golden/proofs: the same answers, and refusals by the same check, as the other two verifiers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { hex, unhex } from './hash.js';
import { VerificationError, signed, verify } from './verify.js';

const vectors = JSON.parse(readFileSync(new URL('../../tests/golden/proofs/vectors.json', import.meta.url)));

function shownRow(row) {
  const value = row.value ? `=${hex(row.value)}` : '';
  const columns = row.columns.map(({ id, value: one }) => `/${id}:${one ? hex(one) : 'null'}`).join('');
  return `${hex(row.key)}@${row.version}${value}${columns}`;
}

function shown(answer) {
  if (answer.kind === 'found') return `found ${shownRow(answer.row)}`;
  if (answer.kind === 'removed') return `removed ${answer.version}`;
  if (answer.kind === 'complete') return ['complete', ...answer.rows.map(shownRow)].join(' ');
  if (answer.kind === 'attested') return `attested ${answer.count} ${answer.size}`;
  return { undefined: 'absent', true: 'absent in it', false: 'absent in nothing' }[answer.collection];
}

for (const vector of vectors) {
  test(vector.name, () => {
    const [number, root] = (vector.seen ?? '').split(':');
    const expected = { app: vector.app && unhex(vector.app), seen: vector.seen && { number: BigInt(number), root: unhex(root) } };
    let outcome;
    try {
      outcome = verify(unhex(vector.bundle), { [vector.pin]: unhex(vector.trusted) }, expected).answers.map(shown).join(';');
    } catch (error) {
      assert.ok(error instanceof VerificationError, error);
      outcome = error.check;
    }
    assert.equal(outcome, vector.expect === 'ok' ? vector.answers : vector.expect);
  });
}

test('nothing is true under no pin', () => {
  const { bundle, pin, trusted } = vectors.find((vector) => vector.expect === 'ok');
  const root = unhex(trusted);
  for (const wrong of [undefined, null, {}, { pin: root }, { [pin]: undefined }, { [pin]: root.subarray(1) }, { [pin]: root, other: root }]) {
    assert.throws(() => verify(unhex(bundle), wrong), TypeError);
  }
});

// Little endian: y of the neutral point, of order two (p - 1), of both points of order four.
const SMALL = [
  `01${'00'.repeat(56)}`,
  `fe${'ff'.repeat(27)}fe${'ff'.repeat(27)}00`,
  '00'.repeat(57),
  `${'00'.repeat(56)}80`,
].map(unhex);

test('nothing is signed under a key of small order', () => {
  for (const key of SMALL) {
    for (const nonce of SMALL) {
      const signature = new Uint8Array([...nonce, ...new Uint8Array(57)]);
      for (let number = 0; number < 8; number += 1) {
        assert.equal(signed(signature, new Uint8Array([number]), key, ''), false);
      }
    }
  }
});
