// Node's libraries that live on Redis: `node scenarios.mjs` lists the scenarios, `node scenarios.mjs NAME PORT` runs one.
import { bee, bull4, bullOf3 } from './queues.mjs';
import { sessions } from './sessions.mjs';
import { scenario as socketio } from './socketio.mjs';

const SCENARIOS = {
  'socket.io-pubsub': (port) => socketio('pubsub', port),
  'socket.io-sharded': (port) => socketio('sharded', port),
  'socket.io-streams': (port) => socketio('streams', port),
  'bull-4': bull4,
  'bull-3': bullOf3,
  'bee-queue': bee,
  'express-session': sessions,
};

const [name, port] = process.argv.slice(2);
if (name === undefined) {
  console.log(Object.keys(SCENARIOS).join('\n'));
} else {
  await SCENARIOS[name](Number(port));
  console.log(`${name}: right`);
}
process.exit(0);
