// Node's cassandra-driver against the server at CQL_PORT, one with a password at CQL_PASSWORD_PORT, one with TLS at CQL_TLS_PORT.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import cassandra from "cassandra-driver";

const { types } = cassandra;
const { BigDecimal, Duration, InetAddress, Integer, LocalDate, LocalTime, Long, TimeUuid, Tuple, Uuid, Vector } = types;
const port = Number(process.env.CQL_PORT);

function connect(more = {}) {
  return new cassandra.Client({
    contactPoints: ["127.0.0.1"],
    localDataCenter: "datacenter1",
    protocolOptions: { port },
    ...more,
  });
}

let client;

before(async () => {
  client = connect();
  await client.connect();
  const replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
  await client.execute(`CREATE KEYSPACE IF NOT EXISTS node WITH replication = ${replication}`);
  await client.execute("USE node");
});

after(() => client.shutdown());

test("the cluster is one of Cassandra's", () => {
  const [host] = client.hosts.values();
  assert.match(host.cassandraVersion, /^5\.0/);
  assert.equal(host.datacenter, "datacenter1");
  assert.ok(client.metadata.tokenizer);
});

const uuid = Uuid.random();
const timeuuid = TimeUuid.now();
const NATIVE = [
  ["ascii", "plain"],
  ["bigint", Long.fromString("-9223372036854775808")],
  ["blob", Buffer.from([0, 1, 255])],
  ["boolean", true],
  ["date", LocalDate.fromString("1969-12-31")],
  ["decimal", BigDecimal.fromString("-12345678901234567890.0123456789")],
  ["double", Math.PI],
  ["duration", new Duration(14, 3, Long.fromNumber(1_000_000_007))],
  ["float", 1.5],
  ["inet", InetAddress.fromString("2001:db8::1")],
  ["int", -2147483648],
  ["smallint", -32768],
  ["text", "größer 𝄞"],
  ["time", LocalTime.fromString("23:59:59.999999999")],
  ["timestamp", new Date("2024-02-29T12:34:56.789Z")],
  ["timeuuid", timeuuid],
  ["tinyint", -128],
  ["uuid", uuid],
  ["varint", Integer.fromString("-123456789012345678901234567890")],
];
const NESTED = [
  ["list<int>", [3, 1, 2]],
  ["set<text>", ["a", "b"]],
  ["map<text, bigint>", { one: Long.ONE, two: Long.fromNumber(2) }],
  ["frozen<map<int, frozen<list<text>>>>", { 1: ["x"], 2: ["y", "z"] }],
  ["frozen<list<frozen<set<int>>>>", [[1, 2], [3]]],
  ["tuple<int, text, frozen<list<int>>>", new Tuple(1, null, [1, 2])],
];

function shown(value) {
  return JSON.stringify(value, (_key, each) => (Buffer.isBuffer(each) ? each.toString("hex") : each));
}

for (const [type, value] of [...NATIVE, ...NESTED]) {
  test(`a value of ${type} comes back as it went`, async () => {
    const table = `t_${type.replace(/\W+/g, "_")}`;
    await client.execute(`CREATE TABLE ${table} (k int PRIMARY KEY, v ${type})`);
    const insert = `INSERT INTO ${table} (k, v) VALUES (?, ?)`;
    await client.execute(insert, [1, value], { prepare: true });
    await client.execute(insert, [2, null], { prepare: true });
    const found = (await client.execute(`SELECT k, v FROM ${table} WHERE k IN (1, 2)`)).rows;
    assert.equal(shown(found[0].v), shown(value));
    assert.equal(found[1].v, null);
  });
}

test("all types stand in keys", async () => {
  const allowed = NATIVE.filter(([type]) => type !== "duration");
  const columns = allowed.map(([type], at) => `c${at} ${type}`).join(", ");
  const names = allowed.map((_, at) => `c${at}`);
  await client.execute(`CREATE TABLE keys (${columns}, PRIMARY KEY ((${names.slice(0, 9)}), ${names.slice(9)}))`);
  const values = allowed.map(([, value]) => value);
  const marks = names.map(() => "?");
  await client.execute(`INSERT INTO keys (${names}) VALUES (${marks})`, values, { prepare: true });
  const where = names.map((name) => `${name} = ?`).join(" AND ");
  const { rows } = await client.execute(`SELECT * FROM keys WHERE ${where}`, values, { prepare: true });
  assert.deepEqual(names.map((name) => shown(rows[0][name])), values.map(shown));
});

test("user types, in one another and not frozen", async () => {
  await client.execute("CREATE TYPE street (name text, numbers set<int>)");
  await client.execute("CREATE TYPE address (street frozen<street>, city text)");
  await client.execute("CREATE TABLE people (k int PRIMARY KEY, home address, others list<frozen<address>>)");
  const home = { street: { name: "s", numbers: [1, 2] }, city: "c" };
  await client.execute("INSERT INTO people (k, home, others) VALUES (1, ?, ?)", [home, [home]], { prepare: true });
  await client.execute("UPDATE people SET home.city = ? WHERE k = 1", ["d"], { prepare: true });
  const row = (await client.execute("SELECT * FROM people")).first();
  assert.equal(shown(row.home), shown({ ...home, city: "d" }));
  assert.equal(shown(row.others), shown([home]));
  const type = await client.metadata.getUdt("node", "address");
  assert.deepEqual(type.fields.map((field) => field.name), ["street", "city"]);
});

test("vectors", async () => {
  await client.execute("CREATE TABLE vectors (k int PRIMARY KEY, v vector<float, 3>)");
  await client.execute("CREATE CUSTOM INDEX ON vectors (v) USING 'StorageAttachedIndex'");
  for (const [k, v] of [[1, [1, 0, 0]], [2, [0, 1, 0]], [3, [0.9, 0.1, 0]]]) {
    const vector = new Vector(new Float32Array(v), "float");
    await client.execute("INSERT INTO vectors (k, v) VALUES (?, ?)", [k, vector], { prepare: true });
  }
  const wanted = new Vector(new Float32Array([1, 0, 0]), "float");
  const near = await client.execute("SELECT k, v FROM vectors ORDER BY v ANN OF ? LIMIT 2", [wanted], { prepare: true });
  assert.deepEqual(near.rows.map((row) => row.k), [1, 3]);
  assert.deepEqual([...near.rows[0].v], [1, 0, 0]);
});

test("pages, one by one, by themselves, and as a stream", async () => {
  await client.execute("CREATE TABLE pages (k int, c int, PRIMARY KEY (k, c))");
  const queries = Array.from({ length: 2500 }, (_, c) => [1, c]);
  await cassandra.concurrent.executeConcurrent(client, "INSERT INTO pages (k, c) VALUES (?, ?)", queries, { prepare: true });
  const text = "SELECT c FROM pages WHERE k = 1";
  const first = await client.execute(text, [], { prepare: true, fetchSize: 1000 });
  assert.equal(first.rowLength, 1000);
  const second = await client.execute(text, [], { prepare: true, fetchSize: 1000, pageState: first.pageState });
  assert.equal(second.first().c, 1000);
  const found = [];
  for await (const row of await client.execute(text, [], { prepare: true, fetchSize: 700 })) {
    found.push(row.c);
  }
  assert.deepEqual(found, Array.from({ length: 2500 }, (_, c) => c));
  await assert.rejects(client.execute("SELECT k FROM pages", [], { pageState: first.pageState }), { code: 0x000a });
  let streamed = 0;
  await new Promise((resolve, reject) => {
    client.stream(text, [], { prepare: true, fetchSize: 100 })
      .on("readable", function () {
        while (this.read()) streamed++;
      })
      .on("end", resolve)
      .on("error", reject);
  });
  assert.equal(streamed, 2500);
});

test("batches, counters, times to live, conditions", async () => {
  await client.execute("CREATE TABLE b (k int, c int, v text, PRIMARY KEY (k, c))");
  const insert = "INSERT INTO b (k, c, v) VALUES (?, ?, ?)";
  const several = [1, 2, 3].map((c) => ({ query: insert, params: [1, c, `v${c}`] }));
  await client.batch(several, { prepare: true });
  await client.batch([...several, "DELETE FROM b WHERE k = 1 AND c = 2"], { prepare: true, logged: false });
  assert.equal((await client.execute("SELECT * FROM b")).rowLength, 2);
  const once = await client.execute("INSERT INTO b (k, c, v) VALUES (1, 1, 'w') IF NOT EXISTS");
  assert.equal(once.wasApplied(), false);
  assert.equal(once.first().v, "v1");
  const changed = await client.execute("UPDATE b SET v = ? WHERE k = 1 AND c = 1 IF v = ?", ["w", "v1"], { prepare: true });
  assert.equal(changed.wasApplied(), true);
  await client.execute("INSERT INTO b (k, c, v) VALUES (2, 1, 'x') USING TTL 100 AND TIMESTAMP 5");
  const row = (await client.execute("SELECT TTL(v) AS ttl, WRITETIME(v) AS time FROM b WHERE k = 2")).first();
  assert.ok(row.ttl > 90 && row.ttl <= 100);
  assert.equal(row.time.toString(), "5");
  await client.execute("CREATE TABLE counters (k int PRIMARY KEY, n counter)");
  await client.batch([1, 2].map(() => ({ query: "UPDATE counters SET n = n + ? WHERE k = 1", params: [Long.fromNumber(3)] })), {
    prepare: true,
    counter: true,
  });
  assert.equal((await client.execute("SELECT n FROM counters")).first().n.toString(), "6");
});

test("named values, unset ones, and a prepared statement whose table changed", async () => {
  await client.execute("CREATE TABLE n (k int PRIMARY KEY, a int, b int)");
  await client.execute("INSERT INTO n (k, a, b) VALUES (:k, :a, :b)", { k: 1, a: 2, b: 3 }, { prepare: true });
  await client.execute("INSERT INTO n (k, a, b) VALUES (?, ?, ?)", [1, types.unset, 4], { prepare: true });
  assert.deepEqual({ ...(await client.execute("SELECT * FROM n WHERE k = ?", [1], { prepare: true })).first() }, { k: 1, a: 2, b: 4 });
  await client.execute("ALTER TABLE n ADD c int");
  await client.execute("SELECT * FROM n WHERE k = ?", [1], { prepare: true });
});

test("errors come with their codes", async () => {
  await assert.rejects(client.execute("SELEC 1"), { code: types.responseErrorCodes.syntaxError });
  await assert.rejects(client.execute("SELECT * FROM nobody"), { code: types.responseErrorCodes.invalid });
  await assert.rejects(client.execute("CREATE TABLE b (k int PRIMARY KEY)"), { code: types.responseErrorCodes.alreadyExists });
  await assert.rejects(client.execute("INSERT INTO n (k) VALUES (?)", ["text"], { prepare: true }));
  assert.equal((await client.execute("SELECT release_version FROM system.local")).rowLength, 1);
});

test("tracing, metadata and events of the schema", async () => {
  const traced = await client.execute("SELECT * FROM n", [], { traceQuery: true });
  const trace = await client.metadata.getTrace(traced.info.traceId);
  assert.ok(trace.events.length > 0);
  const table = await client.metadata.getTable("node", "pages");
  assert.deepEqual(table.clusteringKeys.map((column) => column.name), ["c"]);
  const other = connect();
  await other.connect();
  await client.execute("CREATE KEYSPACE later WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  for (let tries = 0; tries < 100 && !("later" in other.metadata.keyspaces); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok("later" in other.metadata.keyspaces);
  await other.shutdown();
});

for (const version of [types.protocolVersion.v3, types.protocolVersion.v4]) {
  test(`version ${version} of the protocol`, async () => {
    const older = connect({ protocolOptions: { port, maxVersion: version } });
    await older.connect();
    assert.equal((await older.execute("SELECT key FROM system.local WHERE key = ?", ["local"], { prepare: true })).first().key, "local");
    await older.shutdown();
  });
}

test("passwords", async () => {
  const at = { protocolOptions: { port: Number(process.env.CQL_PASSWORD_PORT) } };
  const right = connect({ ...at, credentials: { username: "cassandra", password: "secret" } });
  await right.connect();
  await right.shutdown();
  const wrong = connect({ ...at, credentials: { username: "cassandra", password: "guess" } });
  await assert.rejects(wrong.connect(), (error) => /AuthenticationError/.test(shown(error.innerErrors) + String(Object.values(error.innerErrors))));
  await wrong.shutdown();
});

test("TLS", async () => {
  const secure = connect({
    protocolOptions: { port: Number(process.env.CQL_TLS_PORT) },
    sslOptions: { rejectUnauthorized: false },
  });
  await secure.connect();
  assert.equal((await secure.execute("SELECT key FROM system.local")).first().key, "local");
  await secure.shutdown();
});
