// A rewritten text as changes that are taken or kept one by one. Pure.

import { steps, wordDiff } from './words.js';

/** A change: what stood there, and what the rewrite has there.
 * @typedef {{ key: string, before: string, after: string }} Hunk */
/** A part of both texts, or a change. @typedef {{ same: string } | Hunk} Piece */

/** The pieces of a text and its rewrite, in their order.
 * @param {string} before @param {string} after @returns {Piece[]} */
export function piecesOf(before, after) {
  return keyed(joinedNear(pairsOf(before, after).flatMap((pair) => ('same' in pair ? [pair] : byLines(pair)))));
}

/** What the text is where each change was decided so, and stays as it was where it was not.
 * @param {Piece[]} pieces @param {Record<string, string>} choices what stands for each change */
export const chosenText = (pieces, choices) => pieces.map((piece) => ('same' in piece ? piece.same : choices[piece.key] ?? piece.before)).join('');

/** @typedef {{ same: string } | { before: string, after: string }} Pair */

/** @param {string} before @param {string} after @returns {Pair[]} */
function pairsOf(before, after) {
  /** @type {Pair[]} */
  const pairs = [];
  for (const { kind, text } of wordDiff(before, after)) {
    const last = pairs.at(-1);
    if (kind === 'same') pairs.push({ same: text });
    else if (kind === 'added' && last && 'before' in last && !last.after) last.after = text;
    else pairs.push(kind === 'added' ? { before: '', after: text } : { before: text, after: '' });
  }
  return pairs;
}

const LINES = /(?<=\n)/;

/** Two long texts with too many other words count as one change; their lines tell more then.
 * @param {{ before: string, after: string }} pair @returns {Pair[]} */
function byLines({ before, after }) {
  const [one, other] = [before.split(LINES), after.split(LINES)];
  if (one.length < 2 || other.length < 2) return [{ before, after }];
  /** @type {Pair[]} */
  const pairs = [];
  /** @type {{ removed: string[], added: string[] }} */
  let open = { removed: [], added: [] };
  const flush = () => {
    const { removed, added } = open;
    // As many lines as before are rewritten one by one, most likely.
    if (removed.length === added.length) removed.forEach((line, place) => pairs.push(...pairsOf(line, added[place])));
    else pairs.push(...pairsOf(removed.join(''), added.join('')));
    open = { removed: [], added: [] };
  };
  for (const { kind, text } of steps(one, other)) {
    if (kind !== 'same') open[kind].push(text);
    else {
      flush();
      pairs.push({ same: text });
    }
  }
  flush();
  return pairs;
}

const WORD = /[\p{L}\p{N}]/u;

/** Changes with less between them than they change on either side are one: whoever reads them would
 * decide them together. None goes over the end of a line.
 * @param {Pair[]} pairs @returns {Pair[]} */
function joinedNear(pairs) {
  /** @type {Pair[]} */
  const out = [];
  const size = (/** @type {any} */ one) => Math.max(one.before.length, one.after.length);
  for (const pair of pairs) {
    const [earlier, last] = [out.at(-2), out.at(-1)];
    if ('same' in pair) {
      if (last && 'same' in last) last.same += pair.same;
      else out.push({ ...pair });
    } else if (last && 'before' in last) {
      out[out.length - 1] = { before: last.before + pair.before, after: last.after + pair.after };
    } else if (last && earlier && 'before' in earlier && !last.same.includes('\n') && (!WORD.test(last.same) || last.same.length <= Math.min(size(earlier), size(pair)))) {
      out.splice(-2, 2, { before: earlier.before + last.same + pair.before, after: earlier.after + last.same + pair.after });
    } else out.push({ ...pair });
  }
  return out;
}

/** Names each change by what it is, so that a decision stays where the text changes elsewhere.
 * @param {Pair[]} pairs @returns {Piece[]} */
function keyed(pairs) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return pairs.map((pair) => {
    if ('same' in pair) return pair;
    let hash = 0;
    for (const sign of `${pair.before}\0${pair.after}`) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 0x9e3779b1) ^ (hash >>> 15);
    const name = `${hash.toString(36)}.${pair.before.length}.${pair.after.length}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { ...pair, key: `${name}.${count}` };
  });
}

/** Texts with fewer characters are read at a glance. */
const LONG_CHARS_MIN = 200;

/** Whether a paste has replaced most of a long text.
 * @param {string} before what stood in the box @param {number} replaced how many characters of it were selected
 * @param {string} after what stands in it now */
export const isRewrite = (before, replaced, after) => before.length >= LONG_CHARS_MIN && replaced * 2 > before.length && after.trim() !== '' && after !== before;

/** The value at a path of members. @param {any} value @param {string} path */
export const valueAt = (value, path) => path.split('/').slice(1).reduce((one, name) => one?.[name], value);

/** A value with another one at a path of its members. @param {any} value @param {string[]} names @param {any} next @returns {any} */
export function withValueAt(value, [name, ...rest], next) {
  if (name === undefined) return next;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[name] = withValueAt(copy[name], rest, next);
  return copy;
}
