// A queue of BullMQ: every step of a job is a script of its own, with keys that it does not declare.
import assert from 'node:assert';
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';

const connection = { host: '127.0.0.1', port: Number(process.env.QUEUE_PORT), maxRetriesPerRequest: null };
const queue = new Queue('jobs', { connection });
const events = new QueueEvents('jobs', { connection });
const order = [];
const worker = new Worker('jobs', async (job) => {
  if (job.name === 'fail') throw new Error('as it must');
  if (job.name === 'lucky' && job.attemptsMade < 2) throw new Error('not yet');
  if (job.name === 'ordered') order.push(job.data.at);
  if (job.name === 'sum') return Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0);
  await job.updateProgress(50);
  return (job.data.left ?? 0) + (job.data.right ?? 0);
}, { connection, concurrency: 4, limiter: { max: 1000, duration: 1000 } });
await Promise.all([worker.waitUntilReady(), events.waitUntilReady()]);

const finished = (job) => job.waitUntilFinished(events, 60000);
assert.equal(await finished(await queue.add('add', { left: 2, right: 3 })), 5);
const bulk = await queue.addBulk(Array.from({ length: 100 }, (_, at) => ({ name: 'add', data: { left: at, right: at } })));
assert.deepEqual(await Promise.all(bulk.map(finished)), bulk.map((_, at) => 2 * at));
await assert.rejects(finished(await queue.add('fail', {})), /as it must/);
const lucky = await queue.add('lucky', { left: 1, right: 1 }, { attempts: 5, backoff: { type: 'fixed', delay: 20 } });
assert.equal(await finished(lucky), 2);
const begun = Date.now();
assert.equal(await finished(await queue.add('add', { left: 1, right: 2 }, { delay: 300 })), 3);
assert.ok(Date.now() - begun >= 290);
const unique = await Promise.all([1, 2, 3].map(() => queue.add('add', { left: 4, right: 4 }, { jobId: 'one' })));
assert.equal(await finished(unique[0]), 8);
await queue.pause();
await Promise.all([3, 1, 2].map((at) => queue.add('ordered', { at }, { priority: at })));
assert.equal((await queue.getJobCounts('prioritized')).prioritized, 3);
await queue.resume();
while (order.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
assert.deepEqual([...order].sort(), [1, 2, 3]);
const flow = new FlowProducer({ connection });
const children = [1, 2, 3].map((at) => ({ name: 'add', queueName: 'jobs', data: { left: at, right: 0 } }));
const tree = await flow.add({ name: 'sum', queueName: 'jobs', data: {}, children });
assert.equal(await finished(tree.job), 6);
await queue.upsertJobScheduler('every', { every: 100, limit: 3 }, { name: 'add', data: { left: 1, right: 0 } });
const counts = await queue.getJobCounts('completed', 'failed');
assert.ok(counts.completed > 100 && counts.failed === 1);
await queue.removeJobScheduler('every');
await worker.close();
await queue.obliterate({ force: true });
await Promise.all([queue.close(), events.close(), flow.close()]);
console.log('ok');
