// One of several Socket.IO servers behind one Redis: `node socketio_server.mjs ADAPTER REDIS_PORT`; says its own port when it listens.
import { createServer } from 'node:http';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const [adapter, port] = [process.argv[2], Number(process.argv[3])];

const ADAPTERS = {
  // Both client libraries: they subscribe and read streams in their own ways.
  async pubsub() {
    const client = new Redis(port);
    return createAdapter(client, client.duplicate());
  },
  async sharded() {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    const other = client.duplicate();
    await Promise.all([client.connect(), other.connect()]);
    return createShardedAdapter(client, other);
  },
  async streams() {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    await client.connect();
    return createStreamsAdapter(client, { readCount: 10 });
  },
};

const http = createServer();
const io = new Server(http, {
  adapter: await ADAPTERS[adapter](),
  connectionStateRecovery: adapter === 'streams' ? { maxDisconnectionDuration: 60_000 } : undefined,
});

// What a client may ask its server to do to all of them.
const DEEDS = {
  broadcast: (socket, event, value) => void socket.broadcast.emit(event, value),
  everybody: (socket, event, value) => void io.emit(event, value),
  room: (socket, room, event, value) => void io.to(room).emit(event, value),
  except: (socket, room, event, value) => void io.except(room).emit(event, value),
  join: (socket, room) => socket.join(room),
  everybodyJoins: (socket, room) => void io.socketsJoin(room),
  everybodyLeaves: (socket, room) => void io.socketsLeave(room),
  sockets: async (socket, room) => (await io.in(room).fetchSockets()).map((one) => one.data.name).sort(),
  answers: (socket, event, value) => io.timeout(20_000).emitWithAck(event, value),
  servers: () => io.serverSideEmitWithAck('name?'),
  drop: (socket, room) => void io.in(room).disconnectSockets(true),
  cut: (socket) => void socket.conn.close(),
};
io.on('name?', (answer) => answer(process.pid));
io.on('connection', (socket) => {
  socket.data.name = socket.handshake.auth.name;
  socket.on('do', async (name, words, answer) => answer(await DEEDS[name](socket, ...words)));
});
http.listen(0, '127.0.0.1', () => console.log(http.address().port));
