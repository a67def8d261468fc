// A server of the built program, a browser, and pages that are watched: an error in the console, a
// violation of the policy, or a request to another origin fails the story in which it happens.
//
// PERSONA          the program under test
// STUDIO_MODULES   the folder that has node_modules with playwright-core and axe-core
// CHROMIUM         the browser
// STUDIO_FILES     for development: a studio/ folder to take instead of the files in the program

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';

const require = createRequire(path.resolve(process.env.STUDIO_MODULES ?? '.', 'from-here.js'));
const { chromium } = require('playwright-core');

/** How long anything that is waited for may take: far beyond what a busy machine needs. */
export const DEADLINE_MS = 30_000;

/** How long a story may take in all, below the limit at which the runner of the tests ends a program. */
const STORY_MS_MAX = 200_000;

export class Server {
  /** @param {string} folder @param {number} port 0 for any @param {Record<string, string>} env settings */
  static async start({ folder = fs.mkdtempSync(path.join(os.tmpdir(), 'studio-')), port = 0, workers = 2, env = {} } = {}) {
    const child = spawn(process.env.PERSONA, ['serve', '--database', path.join(folder, 's.db'), '--port', String(port), '--workers', String(workers)], {
      stdio: ['ignore', 'pipe', 'pipe'], env,
    });
    let log = '';
    child.stderr.on('data', (text) => (log += text));
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const url = await new Promise((resolve, reject) => {
      readline.createInterface({ input: child.stdout }).on('line', (line) => line.startsWith('listening on ') && resolve(line.slice('listening on '.length)));
      ended.then(() => reject(new Error(`the server ended: ${log}`)));
    });
    return Object.assign(new Server(), { child, ended, folder, url, port: Number(new URL(url).port) });
  }

  /** @param {NodeJS.Signals} signal */
  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    await this.ended;
  }

  /** What `persona token ...` says of the database. @param {...string} words */
  token(...words) {
    const text = execFileSync(process.env.PERSONA, ['token', ...words, '--json', '--database', path.join(this.folder, 's.db')], { env: {}, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return JSON.parse(text);
  }

  /** A request on a connection of its own: a worker that is replaced closes those that rest for two
   * seconds, and a story on a busy machine may come back to one just then. */
  async api(method, place, body, headers = {}) {
    const answer = await fetch(`${this.url}/api/v1/${place}`, { method, headers: { connection: 'close', 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${place}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** @returns {Promise<any>} */
  create(document) {
    return this.api('POST', 'personas', document);
  }

  /** Many personas at once. @param {any[]} documents */
  async createAll(documents) {
    for (let from = 0; from < documents.length; from += 500) {
      const items = documents.slice(from, from + 500).map((document) => ({ op: 'create', document }));
      const { items: answers } = await this.api('POST', 'personas/batch', { items });
      assert.ok(answers.every((one) => one.status === 201));
    }
  }

  read(id) {
    return this.api('GET', `personas/${id}`);
  }

  /** Process numbers of the workers. */
  async workers() {
    return (await this.api('GET', 'status')).workers.map((worker) => worker.pid);
  }
}

/** Signs in with a token on a page that asks for one. */
export async function signIn(page, token) {
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
}

/** Starts the browser. */
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM, chromiumSandbox: false, args: ['--disable-dev-shm-usage'] });

let browser;
const folders = new Set();

/** Opens a browser for the stories of a file. */
export function withBrowser() {
  before(async () => {
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true }));
  });
}

/** A story with a server of its own; `open` makes a window, of the same person unless another
 * context is asked for. @param {string} name @param {(tools: any) => Promise<void>} act
 * @param {{ env?: Record<string, string>, timeout?: number }} [how] settings of the server, and a longer time */
export function story(name, act, { env, timeout = STORY_MS_MAX } = {}) {
  test(name, { timeout }, async () => {
    const server = await Server.start({ env });
    folders.add(server.folder);
    const contexts = [];
    const problems = [];
    const person = async (options = {}) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...options });
      context.setDefaultTimeout(DEADLINE_MS);
      contexts.push(context);
      await watch(context, problems, () => server.url);
      return context;
    };
    let own;
    const open = async (hash = '#/', { context } = {}) => {
      const page = await (context ?? (own ??= await person())).newPage();
      await page.goto(`${server.url}/${hash}`);
      await page.locator('main h1:not(.hidden)').waitFor();
      return page;
    };
    try {
      await act({ server, open, person, problems });
      assert.deepEqual(problems, []);
    } finally {
      for (const context of contexts) await context.close();
      await server.stop('SIGKILL');
    }
  });
}

/** Messages in the browser's console about refused requests, which stories cause on purpose. */
const REFUSALS = /^Failed to load resource: (the server responded with a status of (401|403|404|409|410|412|422|429|503)|net::ERR_)/;
const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', json: 'application/json' };

async function watch(context, problems, url) {
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on('console', (message) => {
    if (message.type() === 'error' && !REFUSALS.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => problems.push(`page: ${error.error().stack}`));
  context.on('request', (request) => {
    if (!request.url().startsWith(`${url()}/`) && !/^(blob|data):/.test(request.url())) problems.push(`request: ${request.url()}`);
  });
  await takeFiles(context);
}

/** Gives pages the files of STUDIO_FILES in place of those in the program. */
export async function takeFiles(context) {
  const files = process.env.STUDIO_FILES;
  if (!files) return;
  await context.route(/\/studio\/[^/]+\//, (route) => {
    const name = new URL(route.request().url()).pathname.split('/').slice(3).join('/');
    return route.fulfill({ body: fs.readFileSync(path.join(files, name)), contentType: TYPES[name.split('.').pop()] });
  });
  await context.route((place) => place.pathname === '/', async (route) => {
    if (route.request().method() === 'HEAD') return route.fulfill({ headers: { etag: '"studio-files"' } });
    if (route.request().resourceType() !== 'document') return route.continue();
    const answer = await route.fetch();
    const body = fs.readFileSync(path.join(files, 'index.html'), 'utf8').replaceAll('{version}', 'files');
    return route.fulfill({ response: answer, body, headers: { ...answer.headers(), 'content-length': String(Buffer.byteLength(body)) } });
  });
}

/** Waits until a question to the server has a result. @template T @param {() => Promise<T | false | undefined>} ask @returns {Promise<T>} */
export async function until(what, ask) {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `in vain: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Does something before the next save of a page reaches the server, so that what others change
 * meanwhile is there first, however slow the machine is. @param {any} page @param {() => Promise<any>} act */
export async function beforeSave(page, act) {
  let go;
  const gate = new Promise((resolve) => (go = resolve));
  await page.route('**/api/v1/personas/**', async (route) => {
    if (route.request().method() === 'PATCH') await gate;
    return route.fallback();
  });
  await act();
  go();
}

/** Pages of a context that hear nothing of what others change: it is met when they save or read.
 * @param {any} context */
export const deafen = (context) => context.route('**/api/v1/events**', () => {});

/** Waits for the stream of a page that is opened: a purge before it is told of by nothing.
 * @param {any} context @param {() => Promise<any>} open @returns {Promise<any>} the page */
export async function hearing(context, open) {
  const [page] = await Promise.all([open(), context.waitForEvent('response', (answer) => new URL(answer.url()).pathname === '/api/v1/events')]);
  return page;
}

/** Notes which cards of a page pulse, so that one which has ended is seen, too. The returned function
 * waits for that of a name. @param {any} page @returns {Promise<(name: string) => Promise<any>>} */
export async function pulses(page) {
  await page.evaluate(() => {
    const seen = (globalThis.pulsed = new Set());
    const look = () => document.querySelectorAll('.card.fresh .card-link').forEach((link) => seen.add(link.textContent));
    new MutationObserver(look).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true, attributeFilter: ['class'] });
    look();
  });
  return (name) => until(`${name} pulses`, () => page.evaluate((one) => globalThis.pulsed.has(one), name));
}

/** Waits until nothing moves on a page. A colour that is inherited moves anew where the one above has ended, so one look is not enough. */
export const still = (page) => page.evaluate(async () => {
  while (document.getAnimations().length > 0) {
    await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})));
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
});

const axe = () => fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** The rules of accessibility (WCAG 2.2, levels A and AA, and good practice) that a page at rest breaks. */
export async function violations(page) {
  await still(page);
  await page.evaluate(axe());
  const found = await page.evaluate(async () => (await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })).violations);
  return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary.split('\n').slice(1).join('; ')}`));
}
