// A worker that takes a job, says so, and never ends it: `node dies.mjs KIND REDIS_PORT`; somebody kills it.
import BeeQueue from 'bee-queue';
import Bull from 'bull';
import Bull3 from 'bull3';

const [kind, port] = [process.argv[2], Number(process.argv[3])];
const redis = { host: '127.0.0.1', port };
const QUEUES = {
  bull: () => new Bull('fragile', { redis, settings: { lockDuration: 700 } }),
  bull3: () => new Bull3('fragile', { redis, settings: { lockDuration: 700 } }),
  bee: () => new BeeQueue('fragile-bees', { redis, stallInterval: 200 }),
};
QUEUES[kind]().process(() => new Promise(() => {
  console.log('taken');
  setInterval(() => {}, 1000);
}));
