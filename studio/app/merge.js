// Merges the changes of two sides to one persona, member by member. Pure functions: no page and no
// server.

/** Members that the store keeps itself. */
export const MANAGED = new Set(['id', 'revision', 'created_at', 'updated_at', 'deleted_at', 'created_by', 'updated_by', 'content_hash']);

/** @typedef {Record<string, any>} Members */
/** A member that both sides changed differently.
 * @typedef {{ base: any, theirs: any, yours: any }} Both */

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
 * from that side; of a member that both changed, yours stays in the form until you decide.
 * @param {Members} base @param {Members} theirs @param {Members} yours */
export function reconcile(base, theirs, yours) {
  /** @type {Members} */
  const form = {};
  /** @type {Record<string, Both>} */
  const both = {};
  /** @type {string[]} */
  const taken = [];
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(yours)])) {
    const [before, their, your] = [base[name], theirs[name], yours[name]];
    if (same(before, your) || same(their, your)) {
      form[name] = their;
      if (!same(their, your)) taken.push(name);
    } else {
      form[name] = your;
      if (!same(before, their)) both[name] = { base: before, theirs: their, yours: your };
    }
  }
  return { form, both, taken };
}

/** Changes as a JSON Patch. Each member is put in whole: a merge patch could not say that a key of
 * a free-form object is gone, or that its value is null. @param {Members} members */
export function patchOf(members) {
  return Object.entries(members).map(([name, value]) => ({ op: 'add', path: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, value }));
}
