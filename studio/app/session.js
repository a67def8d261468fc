// The session of one persona in the editor: how the typed changes get to the server, and how what
// others save gets here. What is typed is in written.js.

import { batch, signal } from '../vendor/runtime.js';
import { call, get, isLocked, ownName, reachable, Refusal, utf8 } from './api.js';
import { editable, merged, patchOf, reconcile, same } from './merge.js';
import { t } from './strings.js';
import { toast } from './toasts.js';
import { IDLE_MS, without, Written } from './written.js';

/** @typedef {import('./merge.js').Members} Members */

/** Waits between attempts while the server is away, and the longest. */
const RETRY_MS = [500, 1000, 2000, 4000];
/** Most bytes of a request that a browser sends for a page that is being closed. */
const LAST_BYTES_MAX = 60_000;
/** Revisions that are looked at for the authors of a change. */
const AUTHORS_MAX = 30;

/** The sessions whose changes can still get to the server. @type {Set<Session>} */
const alive = new Set();
addEventListener('pagehide', () => alive.forEach((session) => session.leave()));
// A page that the browser restores from its cache goes on.
addEventListener('pageshow', (event) => event.persisted && alive.forEach((session) => session.soon(0)));

export class Session extends Written {
  /** @param {any} persona as the API answered @param {import('./drafts.js').Draft | undefined} draft */
  constructor(persona, draft) {
    super(persona, draft);
    this.why = signal('');
    /** Whether the persona was removed for good, with its history. */
    this.isPurged = signal(false);
    /** @type {import('../vendor/runtime.js').Signal<{ text: string, by: string, fields: string[] } | null>} */
    this.notice = signal(null);
    /** Who wrote the other side of what is to be decided. */
    this.others = signal('');
    /** Members that the server could not merge. @type {Set<string>} */
    this.held = new Set();
    this.isSending = false;
    /** Counts the states of the server that were asked for and taken over: an older answer is not. */
    this.turn = 0;
    /** Its editor was left: it ends when everything is saved. */
    this.isLeft = false;
    /** What it does where that cannot be. */
    this.onStuck = () => {};
    this.waitsForNote = false;
    /** The note of the next save. */
    this.note = '';
    this.attempts = 0;
    /** The newest revision that an event has named. */
    this.newest = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.clock = undefined;
    /** The request under way. @type {Promise<void> | undefined} */
    this.flight = undefined;
    alive.add(this);
    const ends = [
      reachable.subscribe((is) => is && this.trouble.peek() === 'offline' && this.soon(0)),
      isLocked.subscribe((is) => !is && this.trouble.peek() === 'locked' && this.soon(0)),
    ];
    this.end = () => {
      clearTimeout(this.clock);
      ends.forEach((end) => end());
      alive.delete(this);
    };
    if (draft) this.soon(0);
  }

  /** The persona was changed elsewhere, and has this revision now. @param {number} revision */
  changedElsewhere(revision) {
    this.newest = Math.max(this.newest, revision);
    // The answer to a request under way may bring the change along.
    if (this.newest > this.server.peek().revision && !this.isSending && !this.pending) this.refresh();
  }

  /** Brings a deleted persona back, and then saves what was typed. */
  async undelete() {
    const { body } = await call('POST', `personas/${this.id}/undelete`);
    this.trouble.value = '';
    this.adopt(await this.whole(body), editable(this.server.peek()));
    this.soon(0);
  }

  /** A server without memory for an answer names the new revision only. @param {any} body */
  async whole(body) {
    return 'name' in body ? body : (await get(`personas/${this.id}`)).body;
  }

  /** @param {number} ms */
  soon(ms) {
    clearTimeout(this.clock);
    if (alive.has(this)) this.clock = setTimeout(() => this.save(), ms);
  }

  /** Puts other values in the place of whole members. What stood there was typed: it is saved before,
   * and stays in the history. Whether that is so. @param {Members} members */
  async replace(members) {
    await this.flight;
    if (this.isDirty.peek() || this.pending) await this.save('');
    if (this.isDirty.peek() || this.pending) return false;
    this.isKept = true;
    this.setAll(members);
    return true;
  }

  /** Sends what is not saved. One request at a time; one without an answer is sent again as it was,
   * with its key, so it is kept once. @param {string} [note] why the change is made, or an empty text;
   * without one it is an autosave */
  async save(note) {
    if (note !== undefined) {
      this.addTags();
      this.isKept = true;
      this.isAsked = true;
      this.note = note || this.note;
    } else if (this.waitsForNote) return;
    clearTimeout(this.clock);
    if (this.isSending || this.trouble.peek() === 'gone' || this.isForeign.peek()) return;
    if (!this.pending) {
      const unsaved = this.sendable();
      if (!Object.keys(unsaved).length) return this.rest();
      this.pending = this.wish(unsaved, this.note);
    }
    this.flight = this.send(this.pending);
    await this.flight;
  }

  /** @param {import('./drafts.js').Pending} sent */
  async send(sent) {
    this.isSending = true;
    this.turn += 1;
    this.trouble.value = 'saving';
    this.keepDraft();
    try {
      const persona = await this.whole((await call('PATCH', `personas/${this.id}`, this.request(sent))).body);
      this.pending = null;
      this.savedKey = sent.key;
      this.attempts = 0;
      this.trouble.value = '';
      if (sent.note && sent.note === this.note) {
        this.note = '';
        this.typed.value = without(this.typed.peek(), 'note');
      }
      this.adopt(persona, { ...editable(this.server.peek()), ...sent.changes }, persona.revision);
    } catch (error) {
      await this.refused(/** @type {Refusal} */ (error), sent);
    } finally {
      this.isSending = false;
    }
    this.keepDraft();
    this.changedElsewhere(0);
    if ((this.isDirty.peek() || this.note) && !this.trouble.peek()) this.soon(this.note ? 0 : IDLE_MS);
    this.settle();
  }

  /** There is nothing to send. */
  rest() {
    if (this.held.size) return this.refresh();
    if (['saving', 'offline', 'busy', 'locked', 'failed'].includes(this.trouble.peek())) this.trouble.value = '';
    if (this.note && !Object.keys(this.both.peek()).length) {
      // Everything was saved before the note came; it stays in its dialog, for another change.
      this.note = '';
      toast(t.note.late, { kind: 'error' });
    }
    return this.settle();
  }

  /** While a note is written nothing is saved without it; the draft in the browser has everything.
   * @param {boolean} is */
  waitForNote(is) {
    this.waitsForNote = is;
    if (!is && this.isDirty.peek()) this.soon(IDLE_MS);
  }

  /** @param {import('./drafts.js').Pending} pending */
  request(pending) {
    return {
      query: { base_revision: pending.base, squash: pending.squash, squash_key: pending.squash_key }, body: patchOf(pending.changes), type: 'application/json-patch+json',
      headers: { 'Idempotency-Key': pending.key, ...(pending.note && { 'X-Persona-Note': utf8(pending.note) }) },
    };
  }

  /** What is not saved, without what the server could not merge. */
  sendable() {
    return Object.fromEntries(Object.entries(this.unsaved.peek()).filter(([name]) => !this.held.has(name)));
  }

  /** @param {Refusal} error @param {import('./drafts.js').Pending} sent */
  async refused(error, sent) {
    if (!(error instanceof Refusal)) throw error;
    if (error.isPassing || error.code === 'outcome_unknown') {
      this.trouble.value = error.status === 0 ? 'offline' : 'busy';
      const wait = Math.max(RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)], error.retryAfterMs);
      this.attempts += 1;
      return this.soon(wait);
    }
    if (error.status === 401) {
      this.trouble.value = 'locked';
      // Somebody has signed in since it was sent.
      return isLocked.peek() ? undefined : this.soon(RETRY_MS[0]);
    }
    this.pending = null;
    this.why.value = error.problem.detail ?? error.problem.title ?? '';
    if (error.code === 'conflict' || error.code === 'unknown_base') {
      const places = error.problem.conflicts?.map(({ pointer }) => pointer.split('/')[1]);
      for (const name of places?.length ? places : Object.keys(sent.changes)) this.held.add(name);
      // The rest is merged first, from the same base.
      return Object.keys(this.sendable()).length ? this.soon(0) : this.refresh();
    }
    if (error.code === 'revision_dropped') {
      // The request was applied before, and a later save of the same author stands for it.
      this.server.value = { ...this.server.peek(), ...sent.changes };
      return this.refresh();
    }
    if (error.status === 410) return this.lose(error);
    const errors = (error.problem.errors ?? []).filter((one) => one.pointer !== undefined);
    if (error.code === 'handle_taken') errors.push({ pointer: '/handle', code: error.code, message: this.why.peek() });
    this.errors.value = Object.fromEntries(errors.map((one) => [one.pointer ?? '', one.message]));
    this.trouble.value = errors.length ? 'invalid' : 'failed';
  }

  /** Reads the present state of the server, and merges it with the form. */
  async refresh() {
    const turn = this.turn;
    try {
      const { body } = await get(`personas/${this.id}`);
      if (['saving', 'gone'].includes(this.trouble.peek()) && (turn === this.turn || !this.isSending)) this.trouble.value = '';
      // Another state was taken over meanwhile, or is on its way: this one can be older.
      if (turn !== this.turn) this.changedElsewhere(body.revision);
      else if (body.revision !== this.server.peek().revision) this.meet(body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 410) this.lose(error);
      else if (error.isPassing) {
        this.trouble.value = 'offline';
        this.soon(RETRY_MS[1]);
      }
    }
  }

  /** The persona was deleted, or removed for good: what was typed stays here. @param {Refusal} error */
  lose(error) {
    this.isPurged.value = error.code === 'purged';
    this.trouble.value = 'gone';
  }

  /** Takes over a newer state of the server, unless both sides changed a unit: then the server is
   * asked first, which knows entries by their names. @param {any} persona */
  meet(persona) {
    const base = editable(this.server.peek());
    const { both } = reconcile(base, editable(persona), this.form.peek());
    if (!this.held.size && Object.keys(both).some((name) => !(name in this.both.peek()))) this.soon(0);
    else this.adopt(persona, base);
  }

  /** Takes over a newer state of the server. @param {any} persona
   * @param {Members} base what the form was made from @param {number} [own] the revision that a save of this page made */
  adopt(persona, base, own) {
    const theirs = editable(persona);
    const before = this.server.peek();
    const open = this.both.peek();
    // What is undecided is still merged with the state that it began with.
    const bases = Object.fromEntries(Object.entries(open).map(([name, one]) => [name, one.base]));
    const { form, both, taken } = reconcile({ ...base, ...bases }, theirs, this.form.peek());
    for (const [name, one] of Object.entries(both)) if (name in open && same(one.theirs, open[name].theirs)) one.done = open[name].done;
    const left = Object.fromEntries(Object.entries(both).filter(([name, one]) => merged(name, one)[1].length));
    const fields = taken.filter((name) => !same(theirs[name], before[name]));
    this.held.clear();
    this.turn += 1;
    batch(() => {
      this.server.value = persona;
      this.form.value = form;
      this.both.value = left;
      if (this.trouble.peek() === 'saving' && !this.isSending) this.trouble.value = '';
      this.isShared ||= Boolean(taken.length);
    });
    if (fields.length || Object.keys(left).length > Object.keys(open).length) this.tell(fields, before.revision, persona.revision, own);
    this.keepDraft();
  }

  /** Says what others changed, and who. @param {string[]} fields @param {number} from @param {number} to @param {number} [own] */
  async tell(fields, from, to, own) {
    const text = this.isDirty.peek() || own ? 'merged' : 'changed';
    const { items } = await get(`personas/${this.id}/revisions`, { query: { limit: AUTHORS_MAX } }).then(({ body }) => body, () => ({ items: [] }));
    const others = items.filter((/** @type {any} */ one) => one.revision > from && one.revision <= to && one.revision !== own);
    const names = others.map((/** @type {any} */ one) => (one.by && one.by !== ownName() ? one.by : t.editor.someone));
    const by = [...new Set(names)].join(', ');
    if (fields.length) this.notice.value = { text, by, fields };
    this.others.value = by;
  }

  /** The last chance of a page that is being closed: the browser sends this without it. */
  leave() {
    clearTimeout(this.clock);
    if (this.isSending || this.isForeign.peek() || !this.isDirty.peek() || ['gone', 'invalid'].includes(this.trouble.peek())) return this.keepLate();
    const pending = this.pending ?? this.wish(this.unsaved.peek(), this.note);
    this.pending = pending;
    this.keepDraft();
    this.keepLate();
    const wish = this.request(pending);
    if (JSON.stringify(wish.body).length < LAST_BYTES_MAX) call('PATCH', `personas/${this.id}`, { ...wish, keepalive: true }).catch(() => {});
  }

  /** The editor was left while the page stays: what is not saved is saved by and by. */
  close() {
    this.addTags();
    this.waitsForNote = false;
    this.isLeft = true;
    this.soon(0);
    this.settle();
  }

  /** Whether it has not ended. */
  isAlive() {
    return alive.has(this);
  }

  /** Its editor is open again. */
  comeBack() {
    [this.isLeft, this.onStuck] = [false, () => {}];
    this.refresh();
    return this;
  }

  /** Ends a session whose editor was left when everything is saved, or says that it cannot be. */
  settle() {
    if (!this.isLeft || this.isSending) return;
    const isOpen = Object.keys(this.both.peek()).length > 0;
    if (!this.isDirty.peek() && !this.pending && !isOpen) return this.end();
    if (this.isForeign.peek()) return;
    if (['invalid', 'failed', 'gone'].includes(this.trouble.peek()) || (isOpen && !this.isDirty.peek())) this.onStuck();
  }
}
