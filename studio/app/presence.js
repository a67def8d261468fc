// Who else has the persona of an open editor. The windows of this browser tell each other; of other
// people the editor learns when they have saved something.

import { useEffect, useState } from '../vendor/runtime.js';
import { newKey, ownName } from './api.js';
import { html, Icon } from './html.js';
import { t } from './strings.js';
import { ago, at, now } from './time.js';

/** @typedef {import('./session.js').Session} Session */
/** Another window: whether something is typed in it and not saved, and whether it has answered since
 * the last question. @typedef {{ writes: boolean, isHere: boolean }} Other */
/** @typedef {{ by: string, at: number }} Edit */

/** How long a change by somebody else is told. */
const RECENT_MS = 15 * 60_000;

/** The other windows of this browser with the same persona. One that is killed says nothing: with each
 * question, once a minute, those go that did not answer the last one.
 * @param {Session} session @returns {Other[]} */
function useWindows(session) {
  const [others, setOthers] = useState(/** @type {Other[]} */ ([]));
  useEffect(() => {
    const channel = new BroadcastChannel('persona-studio:open');
    const own = newKey();
    /** @type {Map<string, Other>} */
    const all = new Map();
    const say = (/** @type {'asks' | 'here' | 'gone'} */ what) => channel.postMessage({ what, id: session.id, window: own, writes: session.isDirty.peek() });
    channel.onmessage = ({ data }) => {
      if (data.id !== session.id) return;
      if (data.what === 'gone') all.delete(data.window);
      else all.set(data.window, { writes: data.writes, isHere: true });
      if (data.what === 'asks') say('here');
      setOthers([...all.values()]);
    };
    const ask = () => {
      for (const [window, other] of all) if (!other.isHere) all.delete(window);
      all.forEach((other) => (other.isHere = false));
      setOthers([...all.values()]);
      say('asks');
    };
    const stop = new AbortController();
    addEventListener('pagehide', () => say('gone'), { signal: stop.signal });
    addEventListener('pageshow', (event) => event.persisted && ask(), { signal: stop.signal });
    const ends = [now.subscribe(ask), session.isDirty.subscribe(() => say('here'))];
    return () => {
      say('gone');
      ends.forEach((end) => end());
      stop.abort();
      channel.close();
    };
  }, [session]);
  return others;
}

/** The last change by somebody else: the newest of the persona when it was opened, and what the
 * session has taken over since. @param {Session} session @returns {Edit | null} */
function useLastEdit(session) {
  const { updated_by: by, updated_at } = session.server.peek();
  const [edit, setEdit] = useState(/** @type {Edit | null} */ (by ? { by, at: Date.parse(updated_at) } : null));
  const { notice, others } = session;
  useEffect(() => {
    const told = (/** @type {string} */ by) => by && setEdit({ by, at: Date.now() });
    const ends = [notice.subscribe((one) => told(one?.by ?? '')), others.subscribe(told)];
    return () => ends.forEach((end) => end());
  }, [session]);
  return edit && edit.by !== ownName() && now.value - edit.at < RECENT_MS ? edit : null;
}

/** @param {{ session: Session }} props */
export function Presence({ session }) {
  const windows = useWindows(session);
  const edit = useLastEdit(session);
  const writes = windows.some((other) => other.writes);
  return html`<div class="presence">
    <span role="status">${windows.length > 0 && html`<span class="badge ${writes ? 'warn' : ''}"><${Icon} name="copy" />${writes ? t.presence.writes : t.presence.open(windows.length)}</span>`}</span>
    ${edit && html`<span class="badge" title=${at(new Date(edit.at).toISOString())}><${Icon} name="people" />${t.presence.edited(edit.by, ago(new Date(edit.at).toISOString()))}</span>`}
  </div>`;
}
