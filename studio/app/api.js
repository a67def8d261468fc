// Requests to the server, all through the public API.

import { computed, effect, signal } from '../vendor/runtime.js';
import { settings, token } from './settings-store.js';

/** Items of a page of most lists. */
export const PAGE = 100;
/** The most that a page has. */
export const PAGE_MAX = 1000;
/** How long an answer may take, in milliseconds; a server gives up earlier by itself. */
const ANSWER_MS_MAX = 40_000;

/** Whether the server answered the last request. */
export const reachable = signal(true);

/** Whether the server asks for a token. */
export const isLocked = signal(false);
/** Whether that question is open. Once it was closed, only the person opens it again. */
export const asksToken = signal(false);

/** On whose behalf this page asks; null until the server says so, and while it wants to know.
 * @type {import('../vendor/runtime.js').Signal<import('./types.js').Who | null>} */
export const who = signal(null);
/** Whether this page may change personas. What the server would refuse is not offered. */
export const mayWrite = computed(() => who.value?.scope !== 'read');
effect(() => {
  document.documentElement.dataset.scope = who.value?.scope ?? '';
});

/** Whether the server has another version of this page, which is to be loaded then. */
export const isStale = signal(false);
const VERSION = import.meta.url.split('/').at(-3);

/** Looks whether the server has this version of the page still. */
export async function lookForVersion() {
  const answer = await fetch('.', { method: 'HEAD', headers: { Accept: 'text/html' }, cache: 'no-store', redirect: 'manual' }).catch(() => null);
  const tag = answer?.headers.get('etag')?.match(/studio-(\w+)/);
  if (tag) isStale.value = tag[1] !== VERSION;
}

/** Asks on whose behalf this page asks. */
export const learnWho = () => call('GET', 'session').then(({ body }) => {
  who.value = body;
  [isLocked.value, asksToken.value] = [false, false];
}, () => {});

/** @type {Promise<void> | null} */
let learning = null;
/** Asks that where it is not known yet. */
export async function knowSelf() {
  learning ??= who.peek() ? null : learnWho().finally(() => (learning = null));
  await learning;
}

/** Who this page is, as far as the server tells: a one-time link is of no one in particular. */
export const identity = () => (who.value?.is_session ? ` ${who.value.owner ?? ''}` : who.value?.name ?? '');
/** The name that stands beside one's changes. */
export const ownName = () => (who.peek()?.act_as && settings.author.peek().trim()) || who.peek()?.name;

/** Notes that the server wants a token, unless this page has signed in since it asked.
 * @param {import('./types.js').Who | null} before who asked */
export function lock(before) {
  if (who.peek() !== before || isLocked.peek()) return;
  [isLocked.value, asksToken.value] = [true, true];
}

/** @typedef {import('./types.js').Problem} Problem */
/** @typedef {{ query?: Record<string, any>, body?: any, type?: string, headers?: Record<string, string>,
 *    signal?: AbortSignal, keepalive?: boolean, isLong?: boolean, isFile?: boolean }} Wish a long one may
 *    take as long as it does, and of a file the answer is its bytes */
/** @typedef {{ status: number, body: any, etag: string, headers: Headers }} Answer */

/** The code of an answer of success that is no JSON: something between page and server made it. */
const UNREADABLE = 'unreadable';

/** The error of a request: an answer that is no success, or no answer. */
export class Refusal extends Error {
  /** @param {number} status 0 where there was no answer
   *  @param {Problem} problem */
  constructor(status, problem) {
    super(problem.detail || problem.title || '');
    this.status = status;
    this.problem = problem;
    this.code = problem.code;
    this.retryAfterMs = 0;
  }
  /** Whether the same request can succeed later: the server is away, busy or being replaced, or has
   * a rate limit. */
  get isPassing() {
    return [0, 429, 502, 503, 504].includes(this.status) || this.code === UNREADABLE;
  }
}

/** @param {string} path behind api/v1/, or an absolute one of this server
 *  @param {Record<string, any>} [query] */
export function address(path, query = {}) {
  const url = path.startsWith('/') ? path.slice(1) : `api/v1/${path}`;
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === '' || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) words.append(name, String(one));
  }
  const text = words.toString();
  return text ? `${url}?${text}` : url;
}

/** The header that names the author of a change. @returns {Record<string, string>} */
export const authorization = () => (token.peek() ? { Authorization: `Bearer ${token.peek()}` } : {});

/** @param {string} method @param {string} path @param {Wish} [wish] @returns {Promise<Answer>} */
export async function call(method, path, wish = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', ...authorization(), ...wish.headers };
  // A page that is being closed cannot wait, and one that signs in knows later.
  if (method !== 'GET' && path !== 'session' && !wish.keepalive) await knowSelf();
  const author = settings.author.peek().trim();
  if (author && method !== 'GET' && who.peek()?.act_as) headers['X-Persona-Author'] = utf8(author);
  let body = wish.body;
  if (body !== undefined && !(body instanceof Blob)) {
    headers['Content-Type'] = wish.type ?? 'application/json';
    body = JSON.stringify(body);
  } else if (body instanceof Blob) {
    headers['Content-Type'] = wish.type ?? 'application/octet-stream';
  }
  const asker = who.peek();
  const patience = wish.isLong ? [] : [AbortSignal.timeout(ANSWER_MS_MAX)];
  const stop = AbortSignal.any([...patience, ...(wish.signal ? [wish.signal] : [])]);
  let response;
  let text;
  try {
    response = await fetch(address(path, wish.query), {
      method, headers, body, signal: stop, keepalive: wish.keepalive, cache: 'no-store',
      credentials: 'same-origin', redirect: 'error',
    });
    if (wish.isFile && response.ok) return { status: response.status, body: await response.blob(), etag: '', headers: response.headers };
    text = await response.text();
  } catch (error) {
    if (wish.signal?.aborted) throw error;
    reachable.value = false;
    throw new Refusal(0, { code: 'offline', title: '', status: 0 });
  }
  const wasAway = !reachable.peek();
  reachable.value = true;
  if (wasAway && !isLocked.peek()) knowSelf();
  const read = parsed(text);
  if (response.ok && text && read === undefined) throw new Refusal(response.status, { code: UNREADABLE, status: response.status });
  if (response.ok) {
    return { status: response.status, body: read, etag: response.headers.get('etag') ?? '', headers: response.headers };
  }
  if (response.status === 401) lock(asker);
  const refusal = new Refusal(response.status, isProblem(read) ? read : { code: 'unknown', title: response.statusText, status: response.status });
  refusal.retryAfterMs = Number(response.headers.get('retry-after') ?? 0) * 1000;
  throw refusal;
}

/** A text as the bytes of UTF-8, which is how a header carries it. @param {string} text */
export const utf8 = (text) => String.fromCharCode(...new TextEncoder().encode(text));

/** @param {string} text */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** @param {any} read */
const isProblem = (read) => typeof read === 'object' && read !== null && typeof read.code === 'string';

/** @param {string} path @param {Wish} [wish] */
export const get = (path, wish) => call('GET', path, wish);

/** An idempotency key for one change, so that a repeated request applies the change once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Calls a function for each item of a list, a few at a time. The results are in the order of the
 * list.
 * @template T, R @param {T[]} list @param {(one: T) => Promise<R>} act @param {number} [atOnce]
 * @returns {Promise<PromiseSettledResult<R>[]>} */
export async function each(list, act, atOnce = 6) {
  /** @type {PromiseSettledResult<R>[]} */
  const results = new Array(list.length);
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const place = next++;
      results[place] = (await Promise.allSettled([act(list[place])]))[0];
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, list.length) }, worker));
  return results;
}
