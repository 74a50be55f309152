// Bull (the third and the fourth version) and Bee-Queue: jobs, retries, delays, priorities, stalled jobs of a worker that died.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import BeeQueue from 'bee-queue';
import Bull from 'bull';
import Bull3 from 'bull3';
import { until } from './until.mjs';

const DIES = fileURLToPath(new URL('./dies.mjs', import.meta.url));

async function bull(Queue, port) {
  const redis = { host: '127.0.0.1', port };
  const queue = new Queue('work', { redis, settings: { stalledInterval: 300, lockDuration: 1000, maxStalledCount: 2 } });
  const order = [];
  try {
    queue.process('*', 4, async (job) => {
      if (job.name === 'fails') throw new Error('as it must');
      if (job.name === 'later' && job.attemptsMade < 2) throw new Error('not yet');
      if (job.name === 'ordered') order.push(job.data.at);
      await job.progress(50);
      return (job.data.left ?? 0) + (job.data.right ?? 0);
    });
    await queue.isReady();
    const jobs = await Promise.all(Array.from({ length: 50 }, (_, at) => queue.add('add', { left: at, right: at })));
    assert.deepEqual(await Promise.all(jobs.map((job) => job.finished())), jobs.map((_, at) => 2 * at));
    const bulk = await queue.addBulk([1, 2, 3].map((at) => ({ name: 'add', data: { left: at, right: 1 } })));
    assert.deepEqual(await Promise.all(bulk.map((job) => job.finished())), [2, 3, 4]);
    await assert.rejects((await queue.add('fails', {})).finished(), /as it must/);
    assert.equal(await queue.getFailedCount(), 1);
    const later = await queue.add('later', { left: 1, right: 1 }, { attempts: 5, backoff: 30 });
    assert.equal(await later.finished(), 2);
    const begun = Date.now();
    assert.equal(await (await queue.add('add', { left: 1, right: 2 }, { delay: 300 })).finished(), 3);
    assert.ok(Date.now() - begun >= 290, 'a delayed job waits');
    await queue.pause();
    const waiting = await Promise.all([3, 1, 2].map((at) => queue.add('ordered', { at }, { priority: at })));
    assert.deepEqual((await queue.getWaiting()).map((job) => job.data.at), [1, 2, 3]);
    await queue.resume();
    await Promise.all(waiting.map((job) => job.finished()));
    assert.deepEqual([...order].sort(), [1, 2, 3]);
    const [one, same] = await Promise.all([1, 2].map(() => queue.add('add', { left: 2, right: 2 }, { jobId: 'unique' })));
    assert.equal(one.id, same.id);
    assert.equal(await one.finished(), 4);
    const every = await queue.add('tick', { left: 1 }, { repeat: { every: 100, limit: 3 } });
    assert.ok(every.opts.repeat);
    await until(async () => (await queue.getCompleted()).filter((job) => job.name === 'tick').length === 3, 'repeats');
    await until(async () => (await queue.getActiveCount()) === 0, 'nothing runs');
    const counts = await queue.getJobCounts();
    assert.equal(counts.failed, 1);
    assert.equal((await queue.clean(0, 'completed')).length, counts.completed);
    await queue.empty();
  } finally {
    await queue.close();
  }
}

/** A process takes a job and dies; another one gets it once its lock has run out. */
async function stalled(kind, Queue, port) {
  const redis = { host: '127.0.0.1', port };
  const queue = new Queue('fragile', { redis, settings: { stalledInterval: 200, lockDuration: 700, maxStalledCount: 3 } });
  try {
    const job = await queue.add({ value: 42 });
    const worker = spawn(process.execPath, [DIES, kind, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(worker.stdout, 'data');
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    assert.equal(await queue.getActiveCount(), 1);
    queue.process(async ({ data }) => data.value);
    assert.equal(await job.finished(), 42);
  } finally {
    await queue.close();
  }
}

export const bull4 = async (port) => (await bull(Bull, port), stalled('bull', Bull, port));
export const bullOf3 = async (port) => (await bull(Bull3, port), stalled('bull3', Bull3, port));

/** Bee-Queue, on the old callback client of Redis. */
export async function bee(port) {
  const settings = { redis: { host: '127.0.0.1', port }, activateDelayedJobs: true, stallInterval: 300, delayedDebounce: 10 };
  const queue = new BeeQueue('bees', settings);
  const worker = new BeeQueue('bees', settings);
  const tries = new Map();
  const finished = (job) => new Promise((resolve, reject) => {
    job.on('succeeded', resolve);
    job.on('failed', reject);
  });
  try {
    await Promise.all([queue.ready(), worker.ready()]);
    const progress = [];
    worker.process(3, async (job) => {
      const seen = (tries.get(job.id) ?? 0) + 1;
      tries.set(job.id, seen);
      if (job.data.fails >= seen) throw new Error('not yet');
      job.reportProgress({ seen });
      return job.data.left + job.data.right;
    });
    const jobs = Array.from({ length: 50 }, (_, at) => queue.createJob({ left: at, right: 1 }));
    const results = jobs.map(finished);
    for (const job of jobs.slice(0, 20)) await job.save();
    assert.equal((await queue.saveAll(jobs.slice(20))).size, 0);
    assert.deepEqual(await Promise.all(results), jobs.map((_, at) => at + 1));
    const retried = queue.createJob({ left: 2, right: 3, fails: 2 }).retries(3).backoff('fixed', 20);
    retried.on('progress', (one) => progress.push(one.seen));
    const result = finished(retried);
    await retried.save();
    assert.equal(await result, 5);
    await until(() => progress.length > 0, 'progress is told');
    assert.equal(progress[0], 3);
    const failed = queue.createJob({ fails: 9 });
    const failure = assert.rejects(finished(failed), /not yet/);
    await failed.save();
    await failure;
    const begun = Date.now();
    const delayed = queue.createJob({ left: 4, right: 5 }).delayUntil(begun + 300);
    const late = finished(delayed);
    await delayed.save();
    assert.equal(await late, 9);
    assert.ok(Date.now() - begun >= 290, 'a delayed job waits');
    const named = await queue.createJob({ left: 1, right: 1, fails: 0 }).setId('named').save();
    assert.equal(named.id, 'named');
    assert.equal((await queue.createJob({ left: 1, right: 1 }).setId('named').save()).id, null);
    await until(async () => (await queue.checkHealth()).succeeded === 53, 'all are counted');
    assert.equal((await queue.checkHealth()).failed, 1);
    assert.equal((await queue.getJob('named')).status, 'succeeded');
    await queue.removeJob('named');
    assert.equal(await queue.getJob('named'), null);
    await beeStalls(queue, port);
  } finally {
    await Promise.all([queue.close(), worker.close()]);
  }
}

async function beeStalls(queue, port) {
  const fragile = new BeeQueue('fragile-bees', { redis: { host: '127.0.0.1', port }, stallInterval: 200 });
  try {
    await fragile.createJob({ value: 42 }).save();
    const worker = spawn(process.execPath, [DIES, 'bee', String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(worker.stdout, 'data');
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const values = [];
    fragile.process(async ({ data }) => values.push(data.value));
    await until(async () => {
      await fragile.checkStalledJobs();
      return values.length === 1;
    }, 'the stalled job is taken again');
    assert.deepEqual(values, [42]);
  } finally {
    await fragile.close();
  }
}
