// Express with its sessions in Redis by connect-redis: logins, counters, expiry, rolling, logout.
import assert from 'node:assert';
import { once } from 'node:events';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';
import { until } from './until.mjs';

export async function sessions(port) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  const store = new RedisStore({ client, prefix: 'session:', ttl: 300 });
  // Two sites, as of two processes behind a balancer.
  const sites = await Promise.all([site(store), site(store)]);
  try {
    let cookie;
    const ask = async (at, path) => {
      const reply = await fetch(`http://127.0.0.1:${sites[at].address().port}${path}`, { headers: cookie ? { cookie } : {} });
      cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie;
      return reply.json();
    };
    assert.deepEqual(await ask(0, '/me'), { name: null, visits: 1 });
    assert.deepEqual(await ask(1, '/login?name=Ann'), { name: 'Ann' });
    for (let visit = 1; visit <= 10; visit += 1) assert.deepEqual(await ask(visit % 2, '/me'), { name: 'Ann', visits: visit });
    const [key] = await client.keys('session:*');
    assert.equal((await client.keys('session:*')).length, 1);
    const left = await client.ttl(key);
    assert.ok(left > 290 && left <= 300, `${left} s are left`);
    await client.expire(key, 100);
    await ask(0, '/me');
    assert.ok((await client.ttl(key)) > 290, 'a visit begins the time anew');
    assert.equal(await promised(store, 'length'), 1);
    assert.equal((await promised(store, 'all'))[0].name, 'Ann');
    assert.deepEqual(await ask(1, '/logout'), {});
    assert.equal(await client.exists(key), 0);
    assert.deepEqual(await ask(0, '/me'), { name: null, visits: 1 });
    await promised(store, 'set', 'short', { cookie: { originalMaxAge: 300, expires: new Date(Date.now() + 1000) }, name: 'x' });
    assert.equal((await promised(store, 'get', 'short')).name, 'x');
    await until(async () => !(await promised(store, 'get', 'short')), 'a session ends by itself');
    await promised(store, 'clear');
    assert.equal(await promised(store, 'length'), 0);
  } finally {
    for (const one of sites) one.close();
    await client.close();
  }
}

const promised = (store, method, ...words) => new Promise((resolve, reject) => {
  store[method](...words, (error, value) => (error ? reject(error) : resolve(value)));
});

async function site(store) {
  const app = express();
  app.use(session({ store, secret: 'compat', resave: false, saveUninitialized: true, rolling: true }));
  app.get('/login', (request, reply) => request.session.regenerate(() => {
    request.session.name = request.query.name;
    reply.json({ name: request.session.name });
  }));
  app.get('/me', (request, reply) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    reply.json({ name: request.session.name ?? null, visits: request.session.visits });
  });
  app.get('/logout', (request, reply) => request.session.destroy(() => reply.json({})));
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return http;
}
