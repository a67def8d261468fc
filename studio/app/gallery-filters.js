// What the gallery is asked for: search, filters, folder and order. They are the query of the
// address, so a view is a link, and the back button takes a filter back.

import { computed } from '../vendor/runtime.js';
import { galleryLink, go, lastGallery, route } from './route.js';
import { KINDS, t } from './strings.js';
import { searchText } from './words.js';

/** @typedef {{ q: string, kind: string, tags: string[], without: string[], label: string, owner: string | null, since: string,
 *    folder: string, active: string, deleted: boolean, sort: string }} Filters an empty owner is none, and null any */

/** Most tags of a filter, as the API has it. */
export const FILTER_TAGS_MAX = 16;

/** No filter at all; the order and the folder are none. @type {Omit<Filters, 'folder' | 'sort'>} */
export const NO_FILTERS = { q: '', kind: '', tags: [], without: [], label: '', owner: null, since: '', active: '', deleted: false };

export const SORTS = /** @type {(keyof typeof t.gallery.sorts)[]} */ (Object.keys(t.gallery.sorts));

/** @param {URLSearchParams} query @returns {Filters} */
function filtersOf(query) {
  const one = (/** @type {string} */ name, /** @type {string[]} */ known) => known.find((word) => word === query.get(name)) ?? '';
  const q = query.get('q') ?? '';
  const sort = one('sort', SORTS);
  return {
    q, kind: one('kind', KINDS), tags: query.getAll('tag').slice(0, FILTER_TAGS_MAX), without: query.getAll('not').slice(0, FILTER_TAGS_MAX),
    label: query.get('label') ?? '', owner: query.get('owner'), since: sinceTime(query.get('since') ?? '') ? query.get('since') ?? '' : '',
    folder: (query.get('folder') ?? '').replace(/[^/]$/, '$&/'), active: one('active', ['yes', 'no']), deleted: query.get('deleted') === 'yes',
    sort: sort === 'relevance' && !q.trim() ? '' : sort,
  };
}

/** @param {Filters} filters */
function queryOf(filters) {
  const query = new URLSearchParams();
  if (filters.q) query.set('q', filters.q);
  if (filters.kind) query.set('kind', filters.kind);
  for (const tag of filters.tags) query.append('tag', tag);
  for (const tag of filters.without) query.append('not', tag);
  if (filters.label) query.set('label', filters.label);
  if (filters.owner !== null) query.set('owner', filters.owner);
  if (filters.since) query.set('since', filters.since);
  if (filters.folder) query.set('folder', filters.folder);
  if (filters.active) query.set('active', filters.active);
  if (filters.deleted) query.set('deleted', 'yes');
  if (filters.sort) query.set('sort', filters.sort);
  return query;
}

const HOUR_MS = 3_600_000;

/** The time from which a span of days goes to the present, or at which a day begins here; an empty
 * text for what is neither. A span begins with an hour, so that a list stays the same for a while.
 * @param {string} since such as 7d, or 2026-11-30 */
export function sinceTime(since) {
  const days = /^(1|7|30)d$/.exec(since)?.[1];
  const time = days ? (Math.floor(Date.now() / HOUR_MS) - 24 * Number(days)) * HOUR_MS : /^\d{4}-\d\d-\d\d$/.test(since) ? Date.parse(`${since}T00:00`) : NaN;
  return Number.isNaN(time) ? '' : new Date(time).toISOString();
}

/** The query of the API for these filters. @param {Filters} filters */
export function apiQuery(filters) {
  const q = searchText(filters.q);
  return {
    q: q || undefined,
    kind: filters.kind || undefined,
    tag: filters.tags,
    without_tag: filters.without,
    label: filters.label,
    owner: filters.owner === null ? undefined : [filters.owner],
    updated_since: sinceTime(filters.since),
    handle_prefix: filters.folder,
    is_active: filters.active ? filters.active === 'yes' : undefined,
    include_deleted: filters.deleted || undefined,
    sort: filters.sort || (q ? undefined : '-updated_at'),
  };
}

export const filters = computed(() => filtersOf(route.value.screen === 'gallery' ? route.value.query : new URLSearchParams(lastGallery.value.split('?')[1])));

/** Whether a filter leaves personas out, or takes deleted ones in; a folder is a place. @param {Filters} value */
export const isFiltered = (value) => Boolean(value.q.trim() || value.kind || value.tags.length || value.without.length || value.label || value.owner !== null || value.since || value.active || value.deleted);

/** The address of the gallery with filters of the present one changed, or of none.
 * @param {Partial<Filters>} change @param {boolean} [isNew] */
export const linkOf = (change, isNew) => galleryLink(queryOf({ ...(isNew ? { ...NO_FILTERS, folder: '', sort: '' } : filters.value), ...change }));

/** Changes filters. What is typed replaces the address, so that the back button does not undo it
 * letter by letter. @param {Partial<Filters>} change @param {{ replace?: boolean }} [how] */
export function refine(change, how) {
  const link = galleryLink(queryOf({ ...filters.peek(), ...change }));
  lastGallery.value = link;
  go(link, how);
}
