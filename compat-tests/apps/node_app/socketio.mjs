// Socket.IO: two server processes that know each other through Redis only; clients of both are in rooms together.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { until } from './until.mjs';

const SERVER = fileURLToPath(new URL('./socketio_server.mjs', import.meta.url));

async function started(adapter, port) {
  const process_ = spawn(process.execPath, [SERVER, adapter, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(process_.stdout, 'data');
  return { process: process_, port: Number(line) };
}

async function joined(server, name) {
  const socket = io(`http://127.0.0.1:${server.port}`, { auth: { name }, transports: ['websocket'], reconnectionDelay: 50 });
  const heard = [];
  socket.onAny((event, value, answer) => {
    heard.push([event, value]);
    // What is recovered later carries its place in the stream, in the place of a question's answer.
    if (typeof answer === 'function') answer(`${name} heard ${value}`);
  });
  await once(socket, 'connect');
  return { name, socket, heard, does: (deed, ...words) => socket.timeout(30_000).emitWithAck('do', deed, words) };
}

/** Nothing else comes: a last broadcast has passed all that went before it. */
async function quiet(one, all) {
  const mark = `mark ${Math.random()}`;
  await one.does('everybody', 'mark', mark);
  await until(() => all.every(({ heard }) => heard.some(([, value]) => value === mark)), 'everybody hears the mark');
  return all.map(({ heard }) => heard.splice(0).filter(([event]) => event !== 'mark').map(([, value]) => value));
}

export async function scenario(adapter, port) {
  const servers = await Promise.all([started(adapter, port), started(adapter, port)]);
  const people = [];
  try {
    for (const [at, name] of ['ann', 'ben', 'cid', 'dot'].entries()) people.push(await joined(servers[at % 2], name));
    const [ann, ben, cid, dot] = people;
    await until(async () => (await ann.does('sockets', [])).length === 4, 'both servers know everybody');
    assert.deepEqual(await dot.does('sockets', []), ['ann', 'ben', 'cid', 'dot']);
    assert.equal((await ann.does('servers')).length, 1);

    await ann.does('broadcast', 'said', 'to the others');
    assert.deepEqual(await quiet(ann, people), [[], ['to the others'], ['to the others'], ['to the others']]);

    for (const one of [ann, ben]) await one.does('join', 'room');
    await until(async () => (await cid.does('sockets', 'room')).length === 2, 'the room is known');
    assert.deepEqual(await dot.does('sockets', 'room'), ['ann', 'ben']);
    await dot.does('room', 'room', 'said', 'to the room');
    await cid.does('except', 'room', 'said', 'to those outside');
    const [first, second, third, fourth] = await quiet(dot, people);
    assert.deepEqual([first, second], [['to the room'], ['to the room']]);
    assert.deepEqual([third, fourth], [['to those outside'], ['to those outside']]);

    await ann.does('everybodyJoins', 'all');
    await until(async () => (await ben.does('sockets', 'all')).length === 4, 'everybody joins');
    await ann.does('everybodyLeaves', 'all');
    await until(async () => (await ben.does('sockets', 'all')).length === 0, 'everybody leaves');

    // In their order, also what is binary and what is long.
    const many = Array.from({ length: 300 }, (_, number) => number);
    for (const number of many) ann.does('everybody', 'number', number);
    assert.deepEqual(await quiet(ann, people), people.map(() => many));
    const bytes = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, at) => at % 256));
    await ben.does('everybody', 'bytes', bytes);
    for (const [heard] of await quiet(ben, people)) assert.ok(bytes.equals(Buffer.from(heard)));

    const answers = await cid.does('answers', 'question', 'hello');
    assert.deepEqual(answers.sort(), ['ann', 'ben', 'cid', 'dot'].map((name) => `${name} heard hello`));
    await quiet(cid, people);

    if (adapter === 'streams') await recovers(people);
    const gone = [once(ann.socket, 'disconnect'), once(ben.socket, 'disconnect')];
    await dot.does('drop', 'room');
    await Promise.all(gone);
    await until(async () => (await dot.does('sockets', [])).length === 2, 'two are gone');
  } finally {
    for (const { socket } of people) socket.close();
    for (const server of servers) server.process.kill();
    await Promise.all(servers.map(({ process: one }) => one.exitCode ?? one.signalCode ?? once(one, 'exit')));
  }
}

/** A client whose connection was cut gets what was said meanwhile, in its rooms, from the stream. */
async function recovers(people) {
  const [ann, ben] = people;
  const { id } = ben.socket;
  ben.socket.io.reconnection(false);
  ben.socket.io.engine.close();
  await until(async () => !ben.socket.connected, 'the connection is cut');
  for (let number = 0; number < 20; number += 1) await ann.does('room', 'room', 'missed', number);
  ben.socket.io.reconnection(true);
  ben.socket.connect();
  await until(() => ben.socket.connected, 'it is back');
  assert.ok(ben.socket.recovered, 'the session was recovered');
  assert.equal(ben.socket.id, id);
  await until(() => ben.heard.filter(([event]) => event === 'missed').length === 20, 'what was missed');
  assert.deepEqual(ben.heard.filter(([event]) => event === 'missed').map(([, value]) => value), [...Array(20).keys()]);
  await quiet(ann, people);
}
