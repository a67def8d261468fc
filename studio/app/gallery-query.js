// The filters of the gallery. They are the query of the address, so a view is a link, and the back
// button takes a filter back.

import { computed } from '../vendor/runtime.js';
import { galleryLink, go, lastGallery, route } from './route.js';
import { t } from './strings.js';
import { searchText } from './words.js';

/** @typedef {{ q: string, kind: string, tags: string[], active: string, deleted: boolean, sort: string }} Filters */

const KINDS = /** @type {(keyof typeof t.kinds)[]} */ (Object.keys(t.kinds));
const SORTS = ['relevance', 'name', '-name', 'created_at', '-created_at', 'updated_at', '-updated_at'];

/** @param {URLSearchParams} query @returns {Filters} */
export function filtersOf(query) {
  const one = (/** @type {string} */ name, /** @type {string[]} */ known) => known.find((word) => word === query.get(name)) ?? '';
  const q = query.get('q') ?? '';
  const sort = one('sort', SORTS);
  return {
    q, kind: one('kind', KINDS), tags: query.getAll('tag').slice(0, 16), active: one('active', ['yes', 'no']),
    deleted: query.get('deleted') === 'yes',
    sort: sort === 'relevance' && !q.trim() ? '' : sort,
  };
}

/** @param {Filters} filters */
export function queryOf(filters) {
  const query = new URLSearchParams();
  if (filters.q) query.set('q', filters.q);
  if (filters.kind) query.set('kind', filters.kind);
  for (const tag of filters.tags) query.append('tag', tag);
  if (filters.active) query.set('active', filters.active);
  if (filters.deleted) query.set('deleted', 'yes');
  if (filters.sort) query.set('sort', filters.sort);
  return query;
}

/** The query of the API for these filters. @param {Filters} filters */
export function apiQuery(filters) {
  const q = searchText(filters.q);
  return {
    q: q || undefined,
    kind: filters.kind || undefined,
    tag: filters.tags,
    is_active: filters.active ? filters.active === 'yes' : undefined,
    include_deleted: filters.deleted || undefined,
    sort: filters.sort || (q ? undefined : '-updated_at'),
  };
}

export const filters = computed(() => filtersOf(route.value.screen === 'gallery' ? route.value.query : new URLSearchParams(lastGallery.value.split('?')[1])));

/** Whether a filter leaves personas out. @param {Filters} value */
export const isFiltered = (value) => Boolean(value.q.trim() || value.kind || value.tags.length || value.active || value.deleted);

/** Changes filters. What is typed replaces the address, so that the back button does not undo it
 * letter by letter. @param {Partial<Filters>} change @param {{ replace?: boolean }} [how] */
export function refine(change, how) {
  const link = galleryLink(queryOf({ ...filters.peek(), ...change }));
  lastGallery.value = link;
  go(link, how);
}
