// The sessions of personas that were opened in this page: how one begins, with its draft, and what
// becomes of one whose editor is left before everything is saved.

import { get, identity, knowSelf, Refusal } from './api.js';
import { findDraft } from './drafts.js';
import { same } from './merge.js';
import { go, personaLink } from './route.js';
import { Session } from './session.js';
import { t } from './strings.js';
import { toast } from './toasts.js';

/** Sessions whose editor was left before everything was saved. @type {Map<string, Session>} */
const left = new Map();

/** Leaves a session: it goes on until everything is saved, and says where that cannot be.
 * @param {Session} session */
export function leaveSession(session) {
  left.get(session.id)?.end();
  left.set(session.id, session);
  session.onStuck = () => {
    session.onStuck = () => {};
    const name = String(session.form.peek().name ?? '');
    toast(t.editor.notSaved(name), { kind: 'error', action: { text: t.editor.open, act: () => go(personaLink(session.id)) } });
  };
  session.close();
}

/** Sessions that are being begun without an editor. @type {Map<string, Promise<unknown>>} */
const brought = new Map();

/** Sends what is in the draft of a persona, without an editor; where it has a session already, that does
 * it. @param {string} id @param {(session: Session) => void} tell */
export async function sendDraft(id, tell) {
  if (left.get(id)?.isAlive() || brought.has(id)) return;
  const sent = begin(id).then((session) => {
    tell(session);
    leaveSession(session);
  });
  brought.set(id, sent.then(() => {}, () => {}).finally(() => brought.delete(id)));
  await sent;
}

/** Begins the session of an editor, or goes on with one that was left. @param {string} id */
export async function openSession(id) {
  await brought.get(id);
  return begin(id);
}

/** Reads the persona and its unsaved draft. @param {string} id */
async function begin(id) {
  const knowing = knowSelf();
  const kept = left.get(id);
  left.delete(id);
  if (kept?.isAlive()) {
    await knowing;
    if (kept.by.peek() === identity()) return kept.comeBack();
    kept.end();
  }
  let persona;
  try {
    persona = (await get(`personas/${id}`)).body;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'deleted') throw error;
    const revision = /** @type {any} */ (error.problem).current_revision;
    persona = (await get(`personas/${id}`, { query: { revision } })).body;
  }
  await knowing;
  const draft = await findDraft(id, identity()).catch(() => undefined);
  if (!draft || draft.revision === persona.revision) return new Session(persona, draft);
  // The draft was made from an older revision: it is merged with the present state, with that
  // revision as base.
  const base = await get(`personas/${id}`, { query: { revision: draft.revision } }).then(({ body }) => body, () => null);
  if (base) {
    const session = new Session(base, draft);
    // A request without an answer may have made the newer state, so it is sent again first.
    if (!draft.pending) session.meet(persona);
    return session;
  }
  const session = new Session(persona, { ...draft, pending: null });
  // It was dropped from the history or purged. What the last request had brought there, and what is
  // there already, is in no conflict.
  const sent = draft.pending?.changes ?? {};
  for (const [name, yours] of Object.entries(draft.changes)) {
    const [base, theirs] = [sent[name], persona[name]];
    if (!same(theirs, yours) && !same(theirs, base)) session.both.value = { ...session.both.peek(), [name]: { base, theirs, yours } };
  }
  return session;
}
