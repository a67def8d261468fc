// What was typed in a page that was closed before the server had it: it is sent when the studio is
// open again, whichever screen that shows.

import { computed } from '../vendor/runtime.js';
import { identity, isLocked, mayWrite, reachable, Refusal, who } from './api.js';
import { unsentIds } from './drafts.js';
import { go, personaLink, route } from './route.js';
import { sendDraft } from './sessions.js';
import { t } from './strings.js';
import { toast } from './toasts.js';

/** Most personas of which something is sent in one go; the others follow with the next page. */
const UNSENT_MAX = 50;

/** Who is signed in and can save something now; nothing where that is not so. */
const writer = computed(() => (who.value && !isLocked.value && reachable.value && mayWrite.value ? { name: identity() } : null));
/** For whom everything was looked at. @type {string | undefined} */
let seenFor;

/** Sends what was left, now and whenever somebody signs in or the server is back. */
export function sendUnsent() {
  writer.subscribe((one) => one && one.name !== seenFor && soleWindow(() => sendAll(one.name)));
}

/** Acts in one window of those that are opened together. @param {() => Promise<void>} act */
const soleWindow = (act) => (navigator.locks ? navigator.locks.request('persona-studio:unsent', { ifAvailable: true }, (lock) => (lock ? act() : undefined)) : act());

/** @param {string} by */
async function sendAll(by) {
  seenFor = by;
  const ids = await unsentIds(by).catch(() => []);
  for (const id of ids.slice(0, UNSENT_MAX)) {
    // Its editor is open, and has the draft.
    if (route.peek().id === id) continue;
    try {
      await sendDraft(id, tellWhenSaved);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.isPassing || error.status === 401) return void (seenFor = undefined);
      toast(t.unsent.gone, { kind: 'error', action: { text: t.unsent.show, act: () => go(personaLink(id)) } });
    }
  }
}

/** Tells when it is saved; what cannot be sent is told by the session. @param {import('./session.js').Session} session */
function tellWhenSaved(session) {
  const name = String(session.form.peek().name ?? '');
  const end = session.state.subscribe((state) => {
    if (state !== 'saved') return;
    toast(t.unsent.sent(name), { action: { text: t.unsent.show, act: () => go(personaLink(session.id)) } });
    queueMicrotask(() => end());
  });
}
