// The history of a persona: its revisions by day, any two compared word by word, and the way back.
// A restored revision becomes an unsaved change in the editor, so that nothing is lost.

import { useEffect, useState } from '../vendor/runtime.js';
import { get } from './api.js';
import { Words } from './conflict.js';
import { download } from './download.js';
import { fieldName } from './editor-views.js';
import { html, Icon } from './html.js';
import { editable, same } from './merge.js';
import { explain, toast } from './overlay.js';
import { go, personaLink, route } from './route.js';
import { t } from './strings.js';
import { ago, at, dayOf, timeOf } from './time.js';

/** @typedef {import('./types.js').Revision} Revision */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {{ first: Revision, all: Revision[] }} Burst saves of one author, one after the other */

const PAGE = 100;
/** Saves with less between them are one line of the timeline: an editor saves at each pause. */
const BURST_MS = 5 * 60_000;

/** @param {{ session: Session }} props */
export function History({ session }) {
  const current = session.server.value.revision;
  const [list, setList] = useState(/** @type {{ items: Revision[], cursor: string | null, failure: any }} */ ({ items: [], cursor: null, failure: null }));
  const more = async (/** @type {string | null} */ cursor) => {
    try {
      const { body } = await get(`personas/${session.id}/revisions`, { query: { limit: PAGE, cursor } });
      setList((before) => ({ items: cursor ? [...before.items, ...body.items] : body.items, cursor: body.next_cursor, failure: null }));
    } catch (failure) {
      setList((before) => ({ ...before, failure }));
    }
  };
  useEffect(() => void more(null), [session.id, current]);
  const to = Number(route.value.query.get('to')) || current;
  const from = Number(route.value.query.get('from')) || Math.max(1, to - 1);
  return html`<div class="history">
    <div class="timeline">
      ${list.failure && html`<p class="notice danger" role="alert">${explain(list.failure)}</p>`}
      ${days(list.items).map(([day, bursts]) => html`<section key=${day}><h2>${day}</h2><ol>${bursts.map((burst) => html`<${Line} key=${burst.first.revision} id=${session.id} burst=${burst} to=${to} current=${current} />`)}</ol></section>`)}
      ${list.cursor && html`<button type="button" class="button" onClick=${() => more(list.cursor)}>${t.history.more}</button>`}
    </div>
    <${Compared} key=${`${from}-${to}`} session=${session} items=${list.items} from=${from} to=${to} />
  </div>`;
}

/** The revisions by day, and those of a day in bursts. @param {Revision[]} items @returns {[string, Burst[]][]} */
export function days(items) {
  /** @type {[string, Burst[]][]} */
  const found = [];
  for (const one of items) {
    const day = dayOf(one.at);
    if (found.at(-1)?.[0] !== day) found.push([day, []]);
    const bursts = /** @type {[string, Burst[]]} */ (found.at(-1))[1];
    const last = bursts.at(-1)?.all.at(-1);
    const isSame = last && one.revision !== 1 && last.by === one.by && !last.deleted && !one.deleted && !one.note && !last.note && Date.parse(last.at) - Date.parse(one.at) < BURST_MS;
    if (isSame) /** @type {Burst} */ (bursts.at(-1)).all.push(one);
    else bursts.push({ first: one, all: [one] });
  }
  return found;
}

/** @param {{ id: string, burst: Burst, to: number, current: number }} props */
function Line({ id, burst, to, current }) {
  const { first, all } = burst;
  const last = /** @type {Revision} */ (all.at(-1));
  const names = [...new Set(all.flatMap((one) => one.changed))];
  const isShown = to <= first.revision && to >= last.revision;
  const before = Math.max(1, last.revision - 1);
  const link = `${personaLink(id, 'history')}?to=${first.revision}&from=${before}`;
  const what = last.revision === 1 && all.length === 1 ? t.history.created : first.deleted ? t.history.deleted : names.map(fieldName).join(', ') || t.history.undeleted;
  return html`<li><a href=${link} aria-current=${isShown ? 'true' : undefined} onClick=${(/** @type {Event} */ event) => { event.preventDefault(); go(link, { replace: true }); }}>
    <span class="when"><strong>r${all.length > 1 ? `${last.revision}–${first.revision}` : first.revision}</strong> <time datetime=${first.at} title=${at(first.at)}>${timeOf(first.at)}</time>
      ${first.revision === current && html`<span class="badge good">${t.history.current}</span>`}</span>
    <span class="what" dir="auto">${first.note ?? what}</span>
    <span class="by">${first.by ?? t.history.unknown}${all.length > 1 ? ` · ${t.history.saves(all.length)}` : ''}</span></a></li>`;
}

/** @param {{ session: Session, items: Revision[], from: number, to: number }} props */
function Compared({ session, items, from, to }) {
  const [state, setState] = useState(/** @type {{ before: any, after: any, failure: any }} */ ({ before: null, after: null, failure: null }));
  useEffect(() => {
    const stop = new AbortController();
    const read = (/** @type {number} */ revision) => get(`personas/${session.id}/revisions/${revision}`, { signal: stop.signal });
    Promise.all([read(from), read(to)]).then(([before, after]) => setState({ before: before.body, after: after.body, failure: null }), (failure) => !stop.signal.aborted && setState({ before: null, after: null, failure }));
    return () => stop.abort();
  }, []);
  const { before, after, failure } = state;
  const one = items.find((item) => item.revision === to);
  const choose = (/** @type {string} */ revision) => go(`${personaLink(session.id, 'history')}?to=${to}&from=${revision}`, { replace: true });
  const put = (/** @type {Record<string, any>} */ members) => {
    session.setAll(members);
    toast(t.history.inEditor, { action: { text: t.history.show, act: () => go(personaLink(session.id)) } });
  };
  const names = before && after ? Object.keys(editable(after)).filter((name) => !same(before[name], after[name])) : [];
  const choices = [...new Set([from, ...items.map((item) => item.revision)])].filter((revision) => revision !== to).sort((a, b) => b - a);
  return html`<section class="compared" aria-label=${t.history.compare}>
    <header><h2>r${to}</h2>${one && html`<p class="hint">${ago(one.at)}${one.by ? ` · ${one.by}` : ''}</p>`}
      <label class="select"><span class="hint">${t.history.against}</span><select value=${String(from)} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>${choices.map((revision) => html`<option key=${revision} value=${String(revision)}>r${revision}</option>`)}</select></label>
      <span class="bulk-gap"></span>
      <button type="button" class="button writes" disabled=${!after} onClick=${() => download(`r${to}.json`, 'application/json', JSON.stringify(after, null, 2))}><${Icon} name="export" />${t.history.download}</button>
      <button type="button" class="button" disabled=${!after || same(editable(after), session.form.value)} onClick=${() => put(editable(after))}><${Icon} name="undo" />${t.history.restore}</button></header>
    ${failure && html`<p class="notice danger" role="alert">${explain(failure)}</p>`}
    ${one?.note && html`<p class="notice" dir="auto">${one.note}</p>`}
    ${after && !names.length && html`<p class="hint">${t.history.nothing}</p>`}
    ${names.map((name) => html`<section key=${name} class="side"><header><h3>${fieldName(name)}</h3><button type="button" class="button quiet writes" disabled=${same(after[name], session.form.value[name])} onClick=${() => put({ [name]: after[name] })}>${t.history.restoreField}<span class="hidden"> ${fieldName(name)}</span></button></header>
      <${Words} before=${asText(before[name])} after=${asText(after[name])} /></section>`)}
  </section>`;
}

/** @param {any} value */
function asText(value) {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join('\n');
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
