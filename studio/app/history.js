// The history of a persona: its revisions by day and author with their labels, any two compared
// word by word, and the way back. A restored revision becomes an unsaved change in the editor, so
// that nothing is lost.

import { useEffect, useState } from '../vendor/runtime.js';
import { get, mayWrite, PAGE } from './api.js';
import { Words } from './conflict.js';
import { fieldName } from './editor-head.js';
import { Button, html, Notice } from './html.js';
import { LabelDialog } from './labels.js';
import { heard } from './live.js';
import { editable, same } from './merge.js';
import { go, personaLink, route } from './route.js';
import { t } from './strings.js';
import { ago, at, dayOf, timeOf } from './time.js';
import { download, explain, toast } from './toasts.js';
import { asText } from './words.js';

/** @typedef {import('./types.js').Revision} Revision */
/** @typedef {import('./types.js').Label} Label */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {{ first: Revision, all: Revision[] }} Burst saves of one author, one after the other */

/** Saves with less between them are one line of the timeline: an editor saves at each pause. */
const BURST_MS = 5 * 60_000;

/** @param {{ session: Session }} props */
export function HistoryView({ session }) {
  const current = session.server.value.revision;
  const [list, setList] = useState(/** @type {{ items: Revision[], cursor: string | null, failure: any }} */ ({ items: [], cursor: null, failure: null }));
  const [labels, setLabels] = useState(/** @type {Label[]} */ ([]));
  const more = async (/** @type {string | null} */ cursor) => {
    try {
      const { body } = await get(`personas/${session.id}/revisions`, { query: { limit: PAGE, cursor } });
      setList((before) => ({ items: cursor ? [...before.items, ...body.items] : body.items, cursor: body.next_cursor, failure: null }));
    } catch (failure) {
      setList((before) => ({ ...before, failure }));
    }
  };
  const readLabels = () => get(`personas/${session.id}/labels`).then(({ body }) => setLabels(body.items), () => {});
  useEffect(() => void more(null), [session.id, current]);
  useEffect(() => void readLabels(), [session.id, current, heard.value]);
  const to = Number(route.value.query.get('to')) || current;
  const from = Number(route.value.query.get('from')) || previous(list.items, to);
  return html`<div class="history">
    <div class="timeline">
      ${list.failure && html`<${Notice} kind="danger" role="alert" text=${explain(list.failure)} />`}
      ${days(list.items, labels).map(([day, bursts]) => html`<section key=${day}><h2>${day}</h2><ol>${bursts.map((burst) => html`<${TimelineLine} key=${burst.first.revision} id=${session.id} burst=${burst} items=${list.items} labels=${labels} to=${to} current=${current} />`)}</ol></section>`)}
      ${list.cursor && html`<${Button} onClick=${() => more(list.cursor)}>${t.history.more}</${Button}>`}
    </div>
    ${(list.items.length > 0 || list.failure) && html`<${Compared} key=${`${from}-${to}`} session=${session} items=${list.items} labels=${labels} onLabelled=${readLabels} current=${current} from=${from} to=${to} />`}
  </div>`;
}

/** The revisions by day, and those of a day in bursts; a labelled one begins a burst, so that it
 * has a line.
 * @param {Revision[]} items @param {Label[]} labels @returns {[string, Burst[]][]} */
function days(items, labels) {
  const labelled = new Set(labels.map((label) => label.revision));
  /** @type {[string, Burst[]][]} */
  const found = [];
  for (const one of items) {
    const day = dayOf(one.at);
    if (found.at(-1)?.[0] !== day) found.push([day, []]);
    const bursts = /** @type {[string, Burst[]]} */ (found.at(-1))[1];
    const last = bursts.at(-1)?.all.at(-1);
    const isSame = last && one.revision !== 1 && !labelled.has(one.revision) && last.by === one.by && !last.deleted && !one.deleted && !one.note && !last.note && Date.parse(last.at) - Date.parse(one.at) < BURST_MS;
    if (isSame) /** @type {Burst} */ (bursts.at(-1)).all.push(one);
    else bursts.push({ first: one, all: [one] });
  }
  return found;
}

/** The revision before another one in the history: autosaves in between are not in it any more.
 * @param {Revision[]} items @param {number} revision */
const previous = (items, revision) => items.find((one) => one.revision < revision)?.revision ?? Math.max(1, revision - 1);

/** @param {string} id @param {number} to @param {number} from */
const linkTo = (id, to, from) => `${personaLink(id, 'history')}?to=${to}&from=${from}`;

/** @param {{ id: string, burst: Burst, items: Revision[], labels: Label[], to: number, current: number }} props */
function TimelineLine({ id, burst, items, labels, to, current }) {
  const { first, all } = burst;
  const last = /** @type {Revision} */ (all.at(-1));
  const names = [...new Set(all.flatMap((one) => one.changed))];
  const isShown = to <= first.revision && to >= last.revision;
  const link = linkTo(id, first.revision, previous(items, last.revision));
  const what = last.revision === 1 && all.length === 1 ? t.history.created : first.deleted ? t.history.deleted : names.map(fieldName).join(', ') || t.history.undeleted;
  return html`<li><a href=${link} aria-current=${isShown ? 'true' : undefined} onClick=${(/** @type {Event} */ event) => { event.preventDefault(); go(link, { replace: true }); }}>
    <span class="when"><strong>r${all.length > 1 ? `${last.revision}–${first.revision}` : first.revision}</strong> <time datetime=${first.at} title=${at(first.at)}>${timeOf(first.at)}</time>
      ${first.revision === current && html`<span class="badge good">${t.history.current}</span>`}
      ${labels.map((one) => one.revision === first.revision && html`<span key=${one.label} class="badge accent">${one.label}</span>`)}</span>
    <span class="what" dir="auto">${first.note ?? what}</span>
    <span class="by">${first.by ?? t.history.unknown}${all.length > 1 ? ` · ${t.history.saves(all.length)}` : ''}</span></a></li>`;
}

/** Two revisions side by side, or rather word by word, and what can be done with the later one.
 * @param {{ session: Session, items: Revision[], labels: Label[], onLabelled: () => void, current: number, from: number, to: number }} props */
function Compared({ session, items, labels, onLabelled, current, from, to }) {
  const [state, setState] = useState(/** @type {{ before: any, after: any, failure: any }} */ ({ before: null, after: null, failure: null }));
  useEffect(() => {
    const stop = new AbortController();
    const read = (/** @type {number} */ revision) => get(`personas/${session.id}/revisions/${revision}`, { signal: stop.signal });
    Promise.all([read(from), read(to)]).then(([before, after]) => setState({ before: before.body, after: after.body, failure: null }), (failure) => !stop.signal.aborted && setState({ before: null, after: null, failure }));
    return () => stop.abort();
  }, []);
  const { before, after, failure } = state;
  const one = items.find((item) => item.revision === to);
  const put = async (/** @type {Record<string, any>} */ members) => {
    if (!await session.replace(members)) return toast(t.history.unsaved, { kind: 'error' });
    toast(t.history.inEditor, { action: { text: t.history.show, act: () => go(personaLink(session.id)) } });
  };
  const names = before && after ? Object.keys(editable(after)).filter((name) => !same(before[name], after[name])) : [];
  const choices = [...new Set([from, to, ...items.map((item) => item.revision)])].sort((a, b) => b - a);
  const choose = (/** @type {string} */ label, /** @type {number} */ value, /** @type {number} */ other, /** @type {(revision: number) => string} */ link) => html`<label class="select"><span class="hint">${label}</span>
    <select value=${String(value)} onChange=${(/** @type {any} */ event) => go(link(Number(event.target.value)), { replace: true })}>${choices.map((revision) => revision !== other && html`<option key=${revision} value=${String(revision)}>r${revision}</option>`)}</select></label>`;
  return html`<section class="compared" aria-label=${t.history.compare}>
    <header><h2>r${to}</h2><p class="hint">${one ? `${ago(one.at)}${one.by ? ` · ${one.by}` : ''}` : ''}</p>
      <span class="bulk-gap"></span>
      <${Button} icon="export" disabled=${!after} onClick=${() => download(`r${to}.json`, 'application/json', JSON.stringify(after, null, 2))}>${t.history.download}</${Button}>
      <${Button} icon="undo" class="writes" disabled=${!after || same(editable(after), session.form.value)} onClick=${() => put(editable(after))}>${t.history.restore}</${Button}></header>
    <div class="comparing">${choose(t.history.revision, to, 0, (revision) => linkTo(session.id, revision, revision === from ? previous(items, revision) : from))}
      ${choose(t.history.against, from, to, (revision) => linkTo(session.id, to, revision))}
      <${Labels} id=${session.id} labels=${labels} to=${to} current=${current} onDone=${onLabelled} /></div>
    ${failure && html`<${Notice} kind="danger" role="alert" text=${explain(failure)} />`}
    ${one?.note && html`<p class="notice" dir="auto">${one.note}</p>`}
    ${after && !names.length && html`<p class="hint">${t.history.nothing}</p>`}
    ${names.map((name) => html`<section key=${name} class="side"><header><h3>${fieldName(name)}</h3><${Button} class="quiet writes" disabled=${same(after[name], session.form.value[name])} onClick=${() => put({ [name]: after[name] })}>${t.history.restoreField}<span class="hidden"> ${fieldName(name)}</span></${Button}></header>
      <${Words} before=${asText(before[name])} after=${asText(after[name])} /></section>`)}
  </section>`;
}

/** The labels of a revision, as buttons that move them, and one for a label that is not there.
 * @param {{ id: string, labels: Label[], to: number, current: number, onDone: () => void }} props */
function Labels({ id, labels, to, current, onDone }) {
  const [moving, setMoving] = useState(/** @type {string | null} */ (null));
  const here = labels.filter((one) => one.revision === to);
  const movesOf = (/** @type {string} */ label, /** @type {string} */ target) => {
    const known = labels.find((one) => one.label === label);
    return [{ id, label, ...(known ? { if_match: known.etag } : { if_none_match: '*' }), ...{ here: { revision: to }, latest: { from: 'latest' }, remove: { remove: true } }[target] }];
  };
  const targets = [!moving && ['here', t.labels.here(to)], to !== current && ['latest', t.labels.latest], ['remove', t.labels.remove]].filter(Boolean);
  return html`<div class="labels" role="group" aria-label=${t.labels.all}>
    ${here.map((one) => (mayWrite.value ? html`<button key=${one.label} type="button" class="badge accent" aria-label=${t.labels.move(one.label)} title=${t.labels.since(at(one.at), one.by)} onClick=${() => setMoving(one.label)}>${one.label}</button>` : html`<span key=${one.label} class="badge accent">${one.label}</span>`))}
    <${Button} icon="pin" class="quiet writes" onClick=${() => setMoving('')}>${t.labels.add}</${Button}>
    ${moving !== null && html`<${LabelDialog} title=${t.labels.title(to)} start=${moving} known=${labels.map((one) => one.label)} targets=${targets} movesOf=${movesOf} onClose=${() => setMoving(null)} onDone=${onDone} />`}
  </div>`;
}
