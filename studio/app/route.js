// The address of what is shown. It is behind the #, so no server has to know it, the words of a
// search stay out of its log, and the studio works behind a proxy that adds a prefix.
//
//   #/                       the gallery, with its filters as query
//   #/personas/{id}          the editor; /json, /history: its other views
//   #/import, #/health, #/settings

import { computed, signal } from '../vendor/runtime.js';

/** @typedef {{ screen: string, id: string, view: string, query: URLSearchParams }} Route */

const hash = signal(location.hash);
addEventListener('hashchange', () => (hash.value = location.hash));

/** @param {string} text @returns {Route} */
export function parse(text) {
  const [path, query = ''] = text.replace(/^#/, '').split('?');
  const [screen = '', id = '', view = ''] = path.split('/').filter(Boolean).map(decoded);
  return { screen: screen || 'gallery', id, view, query: new URLSearchParams(query) };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const route = computed(() => parse(hash.value));

/** @param {string} id @param {string} [view] */
export const personaLink = (id, view) => `#/personas/${encodeURIComponent(id)}${view ? `/${view}` : ''}`;

/** Goes somewhere; a step that the back button takes back, unless it replaces the last one.
 * @param {string} to @param {{ replace?: boolean }} [how] */
export function go(to, how = {}) {
  if (to === (location.hash || '#/')) return;
  if (how.replace) history.replaceState(history.state, '', to);
  else history.pushState(null, '', to);
  hash.value = location.hash;
}

/** The query of the gallery when it was last seen, so that the way back leads there. */
export const lastGallery = signal('#/');

/** @param {URLSearchParams} query */
export function galleryLink(query) {
  const text = query.toString();
  return text ? `#/?${text}` : '#/';
}
