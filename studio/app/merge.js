// Merges the changes of two sides to one persona: by members, and in them by lines, items and keys.
// Pure functions: no page and no server.

import { steps } from './words.js';

/** Members that the store keeps itself. */
export const MANAGED = new Set(['id', 'revision', 'created_at', 'updated_at', 'deleted_at', 'created_by', 'updated_by', 'content_hash']);

/** @typedef {Record<string, any>} Members */
/** A member in which both sides changed something differently, and the units of it that were decided.
 * @typedef {{ base: any, theirs: any, yours: any, done?: string[] }} Both */
/** A unit that both sides changed differently. The path is a place in the base.
 * @typedef {{ path: string, base: any, theirs: any, yours: any }} Clash */

/** The editable members of what the API answered. @param {any} persona @returns {Members} */
export function editable(persona) {
  return Object.fromEntries(Object.entries(persona).filter(([name]) => !MANAGED.has(name)));
}

/** Whether two JSON values are equal; the order of members says nothing.
 * @param {any} one @param {any} other @returns {boolean} */
export function same(one, other) {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => name in other && same(one[name], other[name]));
}

/** The members of a form that differ from its base. @param {Members} base @param {Members} form */
export function changes(base, form) {
  return Object.fromEntries(Object.entries(form).filter(([name, value]) => !same(base[name], value)));
}

/** Merges their changes and yours to the same base. A member that only one side changed is taken
 * from that side; of a unit that both changed, yours stays in the form until you decide.
 * @param {Members} base @param {Members} theirs @param {Members} yours */
export function reconcile(base, theirs, yours) {
  /** @type {Members} */
  const form = {};
  /** @type {Record<string, Both>} */
  const both = {};
  /** @type {string[]} */
  const taken = [];
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(yours)])) {
    const one = { base: base[name], theirs: theirs[name], yours: yours[name] };
    const [value, clashes] = merged(name, one);
    form[name] = value;
    if (clashes.length) both[name] = { ...one, yours: value };
    else if (!same(value, one.yours)) taken.push(name);
  }
  return { form, both, taken };
}

/** A member merged, with what both sides changed differently in it: there yours stands, or what is
 * chosen. @param {string} name @param {Both} both @param {(clash: Clash) => any} [choose]
 * @returns {[any, Clash[]]} */
export function merged(name, { base, theirs, yours, done = [] }, choose = (clash) => clash.yours) {
  /** @type {Clash[]} */
  const clashes = [];
  const value = merge3(base, theirs, yours, `/${name}`, (clash) => {
    if (!done.includes(clash.path)) clashes.push(clash);
    return choose(clash);
  });
  return [value, clashes];
}

/** Data of other programs: nothing says that its texts consist of lines. */
const FREE = /\/(extensions|style_preferences|config)\/./;

/** A list, whatever the value is: the server holds what another program has put there.
 * @param {any} value @returns {any[]} */
export const listOf = (value) => (Array.isArray(value) ? value : []);

/** @param {any} one */
export const isObject = (one) => typeof one === 'object' && one !== null && !Array.isArray(one);

/** Merges by lines, items and keys, nearly as the server does.
 * @param {any} base @param {any} theirs @param {any} yours @param {string} path
 * @param {(clash: Clash) => any} answer what stands where both changed one unit @returns {any} */
export function merge3(base, theirs, yours, path, answer) {
  if (same(base, theirs) || same(theirs, yours)) return yours;
  if (same(base, yours)) return theirs;
  const sides = [base, theirs, yours];
  if (!FREE.test(path)) {
    if (sides.every((one) => typeof one === 'string')) return mergeTexts(base, theirs, yours, path, answer);
    if (sides.every(Array.isArray)) return mergeLists(base, theirs, yours, path, answer);
    if (sides.every(isObject)) {
      const names = [...new Set([...Object.keys(yours), ...Object.keys(theirs)])];
      const all = names.map((name) => [name, merge3(base[name], theirs[name], yours[name], `${path}/${name}`, answer)]);
      return Object.fromEntries(all.filter(([, value]) => value !== undefined));
    }
  }
  return answer({ path, base, theirs, yours });
}

/** A clash of texts has in each side also what the other one changed elsewhere.
 * @param {string} base @param {string} theirs @param {string} yours @param {string} path @param {(clash: Clash) => any} answer */
function mergeTexts(base, theirs, yours, path, answer) {
  const [one, two, three] = [base, theirs, yours].map((text) => text.split('\n'));
  let isClear = true;
  const merge = (/** @type {1 | 2} */ side) => mergeUnits(one, two, three, (...sides) => {
    isClear = false;
    return sides[side];
  }).join('\n');
  const mine = merge(2);
  return isClear ? mine : answer({ path, base, theirs: merge(1), yours: mine });
}

/** @param {any[]} base @param {any[]} theirs @param {any[]} yours @param {string} path @param {(clash: Clash) => any} answer */
function mergeLists(base, theirs, yours, path, answer) {
  /** @type {Map<string, any>} */
  const known = new Map();
  const keyOf = (/** @type {any} */ item) => {
    const key = JSON.stringify(item, (_, value) => (isObject(value) ? Object.fromEntries(Object.entries(value).sort()) : value));
    known.set(key, item);
    return key;
  };
  const keys = [base, theirs, yours].map((list) => list.map(keyOf));
  const items = (/** @type {string[]} */ list) => list.map((key) => known.get(key));
  return items(mergeUnits(keys[0], keys[1], keys[2], (before, their, your, from) => {
    const count = before.length;
    const [one, two, three] = [before, their, your].map(items);
    if (Math.min(two.length, three.length) < count) return answer({ path: `${path}/${from}`, base: one, theirs: two, yours: three }).map(keyOf);
    // Items that both changed meet one by one. What both added is all there.
    const changed = one.map((item, place) => keyOf(merge3(item, two[place], three[place], `${path}/${from + place}`, answer)));
    const added = their.slice(count);
    return [...changed, ...added, ...your.slice(count).filter((key) => !added.includes(key))];
  }));
}

/** @typedef {{ from: number, to: number, units: string[] }} Change units of the base, and what stands for them */

/** @param {string[]} base @param {string[]} side @returns {Change[]} */
function changesOf(base, side) {
  /** @type {Change[]} */
  const all = [];
  let place = 0;
  let isOpen = false;
  for (const { kind, text } of steps(base, side)) {
    if (kind !== 'same' && !isOpen) all.push({ from: place, to: place, units: [] });
    isOpen = kind !== 'same';
    if (kind !== 'added') place += 1;
    if (kind === 'removed') all[all.length - 1].to = place;
    if (kind === 'added') all[all.length - 1].units.push(text);
  }
  return all;
}

/** What a side has in place of a part of the base. @param {string[]} base @param {Change[]} all @param {number} from @param {number} to */
function partOf(base, all, from, to) {
  const part = [];
  for (const change of all) {
    part.push(...base.slice(from, change.from), ...change.units);
    from = change.to;
  }
  return part.concat(base.slice(from, to));
}

/** Merges three lists of units (diff3). Where both sides changed something without a unit between
 * that stayed, another function says what stands there.
 * @param {string[]} base @param {string[]} theirs @param {string[]} yours
 * @param {(base: string[], theirs: string[], yours: string[], from: number) => string[]} meet @returns {string[]} */
function mergeUnits(base, theirs, yours, meet) {
  const left = [changesOf(base, theirs), changesOf(base, yours)];
  /** @type {string[]} */
  const out = [];
  let place = 0;
  while (left[0].length || left[1].length) {
    const from = Math.min(...left.map((all) => all[0]?.from ?? Infinity));
    let to = from;
    /** @type {Change[][]} */
    const here = [[], []];
    for (let next; (next = left.findIndex((all) => all.length && all[0].from <= to)) >= 0;) {
      const change = /** @type {Change} */ (left[next].shift());
      here[next].push(change);
      to = Math.max(to, change.to);
    }
    const [their, your] = here.map((all) => partOf(base, all, from, to));
    out.push(...base.slice(place, from));
    if (!here[0].length || same(their, your)) out.push(...your);
    else if (!here[1].length) out.push(...their);
    else out.push(...meet(base.slice(from, to), their, your, from));
    place = to;
  }
  return out.concat(base.slice(place));
}

/** Changes as a JSON Patch. Each member is put in whole: a merge patch could not say that a key of
 * a free-form object is gone, or that its value is null. @param {Members} members */
export function patchOf(members) {
  return Object.entries(members).map(([name, value]) => ({ op: 'add', path: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, value }));
}
