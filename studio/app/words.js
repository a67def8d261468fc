// How two texts differ, word by word. Pure.

/** @typedef {{ kind: 'same' | 'added' | 'removed', text: string }} Part */

/** Most words that may be added and removed together; beyond, a text counts as replaced. It bounds
 * the work to some milliseconds. */
const EDITS_MAX = 1500;

/** @param {string} text */
const split = (text) => text.match(/[\p{L}\p{N}_'’]+|\s+|[^\p{L}\p{N}_'’\s]/gu) ?? [];

/** @param {string} before @param {string} after @returns {Part[]} */
export const wordDiff = (before, after) => joined(steps(split(before), split(after)));

/** How one list of texts becomes another one: what stays, what is taken and what is added.
 * @param {string[]} a @param {string[]} b @returns {Part[]} */
export function steps(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  return [...partsOf('same', a.slice(0, start)), ...middle(left, right), ...partsOf('same', a.slice(a.length - end))];
}

/** @param {Part['kind']} kind @param {string[]} texts @returns {Part[]} */
const partsOf = (kind, texts) => texts.map((text) => ({ kind, text }));

/** Myers' greedy algorithm (An O(ND) Difference Algorithm, 1986).
 * @param {string[]} a @param {string[]} b @returns {Part[]} */
function middle(a, b) {
  const replaced = () => [...partsOf('removed', a), ...partsOf('added', b)];
  if (!a.length || !b.length) return replaced();
  const most = Math.min(EDITS_MAX, a.length + b.length);
  const reach = new Int32Array(2 * most + 3);
  const at = (/** @type {number} */ diagonal) => diagonal + most + 1;
  /** @type {Int32Array[]} */
  const trace = [];
  for (let edits = 0; edits <= most; edits += 1) {
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const down = diagonal === -edits || (diagonal !== edits && reach[at(diagonal - 1)] < reach[at(diagonal + 1)]);
      let x = down ? reach[at(diagonal + 1)] : reach[at(diagonal - 1)] + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x += 1;
      reach[at(diagonal)] = x;
      if (x >= a.length && x - diagonal >= b.length) return walkBack(a, b, trace, edits);
    }
    trace.push(reach.slice(at(-edits), at(edits) + 1));
  }
  return replaced();
}

/** @param {string[]} a @param {string[]} b @param {Int32Array[]} trace the reaches after each number of edits
 *  @param {number} edits @returns {Part[]} */
function walkBack(a, b, trace, edits) {
  /** @type {Part[]} */
  const parts = [];
  let [x, y] = [a.length, b.length];
  for (let left = edits; left > 0; left -= 1) {
    const before = trace[left - 1];
    const reachOf = (/** @type {number} */ diagonal) => before[diagonal + left - 1] ?? -1;
    const diagonal = x - y;
    const down = diagonal === -left || (diagonal !== left && reachOf(diagonal - 1) < reachOf(diagonal + 1));
    const from = down ? diagonal + 1 : diagonal - 1;
    const startX = reachOf(from);
    const startY = startX - from;
    while (x > startX && y > startY && x > 0 && y > 0 && a[x - 1] === b[y - 1] && (down ? x > startX : x > startX + 1)) {
      parts.push({ kind: 'same', text: a[x - 1] });
      x -= 1;
      y -= 1;
    }
    if (down) parts.push({ kind: 'added', text: b[startY] });
    else parts.push({ kind: 'removed', text: a[startX] });
    [x, y] = [startX, startY];
  }
  while (x > 0) {
    parts.push({ kind: 'same', text: a[x - 1] });
    x -= 1;
  }
  return parts.reverse();
}

/** Joins neighbours of one kind into one part; in a change the removed part comes first.
 * @param {Part[]} parts @returns {Part[]} */
function joined(parts) {
  /** @type {Part[]} */
  const out = [];
  let [removed, added] = ['', ''];
  const flush = () => {
    if (removed) out.push({ kind: 'removed', text: removed });
    if (added) out.push({ kind: 'added', text: added });
    [removed, added] = ['', ''];
  };
  for (const part of parts) {
    if (part.kind === 'removed') removed += part.text;
    else if (part.kind === 'added') added += part.text;
    else {
      flush();
      const last = out.at(-1);
      if (last?.kind === 'same') last.text += part.text;
      else out.push({ ...part });
    }
  }
  flush();
  return out;
}

/** Any member of a persona as a text. @param {any} value */
export function asText(value) {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join('\n');
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

// Turns the typed text into a query of the API: the last word, which may be unfinished, finds
// everything that begins with it. The rule is that of `persona list TEXT`.

/** @param {string} typed */
export function searchText(typed) {
  const text = typed.trimStart();
  const last = /(?:^|\s)(-?)([\p{L}\p{N}]+)$/u.exec(text);
  // A single letter would find half of everything, and an excluded word is taken as complete.
  if (!last || last[1] || [...last[2]].length < 2 || quotesOpen(text)) return text.trimEnd();
  return `${text}*`;
}

/** What the handles in a folder begin with. */
export const FOLDER = /^([a-z0-9-]+\/)+$/;
/** Most characters of a handle. */
export const HANDLE_CHARS_MAX = 64;

/** A handle in a folder for the first of some names of which letters can be in one; nothing outside of
 * a folder. @param {string} folder @param {string[]} names */
export function handleIn(folder, ...names) {
  const words = names.map((name) => name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, ''));
  const word = words.find(Boolean);
  return word && FOLDER.test(folder) ? (folder + word).slice(0, HANDLE_CHARS_MAX) : '';
}

/** A handle with a number behind it. @param {string} handle @param {number} number none for the first */
export const numbered = (handle, number) => (number > 1 ? `${handle.slice(0, HANDLE_CHARS_MAX - 1 - String(number).length)}-${number}` : handle);

/** @param {string} text */
const quotesOpen = (text) => (text.split('"').length - 1) % 2 === 1;
