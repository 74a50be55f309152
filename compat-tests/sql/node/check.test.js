// node-postgres against the server that PGHOST and PGPORT name: queries, types, pools, cursors, streams, COPY, errors, notifications.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, before, test } from "node:test";
import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";

const pool = new pg.Pool({ max: 4 });
before(async () => {
  await pool.query("DROP TABLE IF EXISTS things");
  await pool.query("CREATE TABLE things (id serial PRIMARY KEY, name text UNIQUE, price numeric(10,2), tags text[], data jsonb, at timestamptz)");
});
after(() => pool.end());

test("values of each type go there and come back", async () => {
  const at = new Date("2024-02-29T12:34:56.789Z");
  const sent = ["café", "12.30", ["a", 'b "c"', null], { deep: [1, null, "x"] }, at];
  const { rows } = await pool.query("INSERT INTO things (name, price, tags, data, at) VALUES ($1, $2, $3, $4, $5) RETURNING *", sent);
  assert.deepEqual({ ...rows[0] }, { id: 1, name: sent[0], price: sent[1], tags: sent[2], data: sent[3], at });
  const plain = await pool.query("SELECT 1::int2 a, 2::int4 b, 3::int8 c, 1.5::float8 d, true e, '\\x00ff'::bytea f, NULL::text g, '{1,2}'::int[] h, 'a'::\"char\" i");
  assert.deepEqual(Object.values(plain.rows[0]), [1, 2, "3", 1.5, true, Buffer.from([0, 255]), null, [1, 2], "a"]);
  assert.deepEqual(plain.fields.map((field) => field.dataTypeID), [21, 23, 20, 701, 16, 17, 25, 1007, 18]);
});

test("rows as arrays, named statements, several statements", async () => {
  const client = await pool.connect();
  try {
    const named = { name: "plus", text: "SELECT $1::int + $2::int AS sum", rowMode: "array" };
    for (let i = 0; i < 5; i++) assert.deepEqual((await client.query({ ...named, values: [i, 2] })).rows, [[i + 2]]);
    const several = await client.query("SELECT 1 AS a; SELECT 2 AS b");
    assert.deepEqual(several.map((each) => each.rows[0]), [{ a: 1 }, { b: 2 }]);
  } finally {
    client.release();
  }
});

test("errors carry their fields and leave the client usable", async () => {
  await assert.rejects(pool.query("INSERT INTO things (name) VALUES ('café')"), (error) => {
    assert.equal(error.code, "23505");
    assert.equal(error.constraint, "things_name_key");
    assert.equal(error.table, "things");
    return true;
  });
  await assert.rejects(pool.query("SELECT nothing"), { code: "42703", position: "8" });
  assert.equal((await pool.query("SELECT 1 AS one")).rows[0].one, 1);
});

test("transactions are rolled back and committed", async () => {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query("INSERT INTO things (name) VALUES ('gone')");
  await client.query("ROLLBACK");
  await client.query("BEGIN; INSERT INTO things (name) VALUES ('kept'); COMMIT");
  client.release();
  const { rows } = await pool.query("SELECT name FROM things WHERE name IN ('gone', 'kept')");
  assert.deepEqual(rows, [{ name: "kept" }]);
});

test("a pool runs many queries at once", async () => {
  const found = await Promise.all(Array.from({ length: 50 }, (_, i) => pool.query("SELECT $1::int AS n", [i])));
  assert.deepEqual(found.map((each) => each.rows[0].n), Array.from({ length: 50 }, (_, i) => i));
});

test("cursors and streams read in parts", async () => {
  const client = await pool.connect();
  const cursor = client.query(new Cursor("SELECT n FROM generate_series(1, 250) AS s(n)"));
  const sizes = [];
  for (;;) {
    const rows = await cursor.read(100);
    sizes.push(rows.length);
    if (rows.length < 100) break;
  }
  await cursor.close();
  assert.deepEqual(sizes, [100, 100, 50]);
  let total = 0;
  for await (const row of client.query(new QueryStream("SELECT n FROM generate_series(1, 1000) AS s(n)", [], { batchSize: 64 }))) total += row.n;
  client.release();
  assert.equal(total, 500500);
});

test("COPY in and out", async () => {
  const client = await pool.connect();
  await client.query("CREATE TABLE copied (id int PRIMARY KEY, text text)");
  const lines = Array.from({ length: 1000 }, (_, i) => `${i}\tline ${i}\n`);
  await pipeline(Readable.from(lines), client.query(copyFrom("COPY copied FROM STDIN")));
  let out = "";
  for await (const part of client.query(copyTo("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT"))) out += part;
  assert.equal(out, lines.join(""));
  await client.query("DROP TABLE copied");
  client.release();
});

test("notifications arrive", async () => {
  const listener = await pool.connect();
  await listener.query("LISTEN news");
  const heard = once(listener, "notification");
  await pool.query("SELECT pg_notify('news', 'hello')");
  const [message] = await heard;
  assert.deepEqual([message.channel, message.payload], ["news", "hello"]);
  listener.release(true);
});
