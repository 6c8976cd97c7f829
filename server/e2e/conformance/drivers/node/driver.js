// The conformance driver of the npm package nacos: requests as JSON lines on
// standard input, answers and events on standard output. See ../README.md.
'use strict';

const readline = require('readline');
const { NacosNamingClient } = require('nacos');

// Nothing that the library prints gets among the answers.
const log = (...args) => process.stderr.write(require('util').format(...args) + '\n');
const logger = { debug() {}, info() {}, log() {}, warn: log, error: log };

class Unsupported extends Error {}

let client = null;
const listeners = new Map();

function say(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

function plain(service) {
  return String(service).replace(/^.*@@/, '');
}

function instance(h) {
  return {
    ip: h.ip, port: h.port, weight: h.weight, healthy: h.healthy, enabled: h.enabled, ephemeral: h.ephemeral,
    cluster: h.clusterName, service: plain(h.serviceName), metadata: h.metadata,
  };
}

function given(r) {
  return {
    ip: r.ip, port: r.port, weight: r.weight, healthy: r.healthy, enabled: r.enabled, ephemeral: r.ephemeral,
    clusterName: r.cluster || undefined, metadata: r.metadata || {},
  };
}

const group = r => r.group || undefined;
const clusters = r => (r.clusters || []).join(',');
const key = r => [r.service, r.group, clusters(r)].join('@@');

const ops = {
  async hello() {
    // The package says its version; it does not export its package.json.
    const version = require(require.resolve('nacos').replace(/dist.index\.js$/, 'package.json')).version;
    return { client: 'nacos', version, language: 'node', generation: 1 };
  },
  async connect(r) {
    client = new NacosNamingClient({
      logger, serverList: r.servers, namespace: r.namespace || 'public', username: r.user, password: r.password,
    });
    client.on('error', log);
    await client.ready();
  },
  async register(r) { await client.registerInstance(r.service, given(r), group(r)); },
  async deregister(r) { await client.deregisterInstance(r.service, given(r), group(r)); },
  async list(r) {
    const hosts = await client.getAllInstances(r.service, group(r), clusters(r), r.subscribe);
    return { instances: hosts.map(instance) };
  },
  async select(r) {
    const hosts = await client.selectInstances(r.service, group(r), clusters(r), r.healthy, false);
    return { instances: hosts.map(instance) };
  },
  async subscribe(r) {
    const listener = hosts => say({ event: 'changed', ok: true, service: r.service, group: r.group, instances: hosts.map(instance) });
    listeners.set(key(r), listener);
    client.subscribe({ serviceName: r.service, groupName: group(r), clusters: clusters(r) }, listener);
  },
  async unsubscribe(r) {
    client.unSubscribe({ serviceName: r.service, groupName: group(r), clusters: clusters(r) }, listeners.get(key(r)));
    listeners.delete(key(r));
  },
  async status() { return { status: await client.getServerStatus() }; },
  async close() {
    await client.close();
    client = null;
  },
};

async function handle(r) {
  if (!ops[r.op]) throw new Unsupported('the library has no such call');
  if (!client && r.op !== 'hello' && r.op !== 'connect') throw new Error(r.op + ' before connect');
  return ops[r.op](r);
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const r = JSON.parse(line);
    try {
      say({ id: r.id, ok: true, result: await handle(r) });
    } catch (err) {
      say({ id: r.id, ok: false, unsupported: err instanceof Unsupported || undefined, error: String(err.message || err) });
    }
  }
  process.exit(0);
}

main();
