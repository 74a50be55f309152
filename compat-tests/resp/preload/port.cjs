// Sends what is meant for the suite's fixed port of a Redis, 6379, to the server under test ($SUITE_PORT).
//
// Under net.connect, where the tests' own stubs of it do not look: what they see keeps the port they expect.
"use strict";

const net = require("node:net");

const FIXED = 6379;
const port = Number(process.env.SUITE_PORT);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (options !== null && typeof options === "object" && Number(options.port) === FIXED) {
    const changed = { ...options, port };
    if (Array.isArray(args[0])) args[0][0] = changed;
    else args[0] = changed;
  } else if (Number(options) === FIXED) {
    args[0] = port;
  }
  return connect.apply(this, args);
};
