// The session of one persona in the editor: the server's state, the typed changes, and how these
// get to the server. No typed text is given up: it is in the form, in the browser's draft, or
// acknowledged by the server.

import { batch, computed, signal } from '../vendor/runtime.js';
import { call, get, newKey, reachable, Refusal, utf8 } from './api.js';
import { dropDraft, findDraft, keepDraft, keepDraftLate } from './drafts.js';
import { changes, editable, patchOf, reconcile, same } from './merge.js';

/** @typedef {import('./merge.js').Members} Members */
/** @typedef {import('./merge.js').Both} Both */
/** @typedef {'saved' | 'dirty' | 'saving' | 'offline' | 'busy' | 'conflict' | 'invalid' | 'gone' | 'failed'} State */

/** How long after the last keystroke the changes are sent, in milliseconds. */
const IDLE_MS = 1200;
/** Waits between attempts while the server is away, and the longest. */
const RETRY_MS = [500, 1000, 2000, 4000];
/** Autosaves within so many seconds are one revision: the one before is dropped from the history. */
const SQUASH_SECONDS = 900;
/** Most bytes of a request that a browser sends for a page that is being closed. */
const LAST_BYTES_MAX = 60_000;

export class Session {
  /** @param {any} persona as the API answered @param {import('./drafts.js').Draft | undefined} draft */
  constructor(persona, draft) {
    this.id = persona.id;
    /** The server's state of the persona. @type {import('../vendor/runtime.js').Signal<any>} */
    this.server = signal(persona);
    /** The members in the form. @type {import('../vendor/runtime.js').Signal<Members>} */
    this.form = signal(editable(persona));
    /** Members that both sides changed, until one of them is chosen.
     * @type {import('../vendor/runtime.js').Signal<Record<string, Both>>} */
    this.both = signal({});
    /** The server's refusals, by JSON Pointer of the member. @type {import('../vendor/runtime.js').Signal<Record<string, string>>} */
    this.errors = signal({});
    /** @type {import('../vendor/runtime.js').Signal<'' | 'saving' | 'offline' | 'busy' | 'invalid' | 'gone' | 'failed'>} */
    this.trouble = signal('');
    this.why = signal('');
    /** Whether the persona was removed for good, with its history. */
    this.isPurged = signal(false);
    this.hasDraft = signal(true);
    /** @type {import('../vendor/runtime.js').Signal<{ text: string, by: string, fields: string[] } | null>} */
    this.notice = signal(null);
    /** A draft came back; said until the person closes it, as the draft is saved in a moment. */
    this.wasRestored = signal(false);
    this.unsaved = computed(() => {
      const all = changes(editable(this.server.value), this.form.value);
      return Object.fromEntries(Object.entries(all).filter(([name]) => !(name in this.both.value)));
    });
    this.isDirty = computed(() => Object.keys(this.unsaved.value).length > 0);
    /** @type {import('../vendor/runtime.js').ReadonlySignal<State>} */
    this.state = computed(() => {
      if (this.trouble.value) return this.trouble.value;
      if (Object.keys(this.both.value).length) return 'conflict';
      return this.isDirty.value ? 'dirty' : 'saved';
    });
    /** @type {import('./drafts.js').Pending | null} */
    this.pending = null;
    /** Members that the server could not merge. @type {Set<string>} */
    this.held = new Set();
    this.isSending = false;
    this.isClosed = false;
    /** What is saved now was saved on purpose: the next save leaves it in the history. */
    this.isKept = false;
    this.waitsForNote = false;
    /** Others write it too. Their editors need its revisions, which they merge with. */
    this.isShared = false;
    this.attempts = 0;
    /** The newest revision that an event has named. */
    this.newest = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.clock = undefined;
    this.isKeeping = false;
    this.keepAgain = false;
    this.hasKept = false;
    if (draft) this.restore(draft, persona);
    this.endOfReachable = reachable.subscribe((is) => is && this.trouble.peek() === 'offline' && this.soon(0));
  }

  /** @param {import('./drafts.js').Draft} draft @param {any} persona */
  restore(draft, persona) {
    this.pending = draft.pending;
    this.hasKept = true;
    const form = { ...this.form.peek(), ...draft.changes };
    this.form.value = form;
    const both = Object.entries(draft.both).filter(([name]) => !same(form[name], editable(persona)[name]));
    this.both.value = Object.fromEntries(both.map(([name, one]) => [name, { base: one.base, theirs: editable(persona)[name], yours: form[name] }]));
    this.wasRestored.value = Object.keys(draft.changes).length > 0;
    this.soon(0);
  }

  /** Reads the persona and its unsaved draft. @param {string} id */
  static async open(id) {
    const draft = await findDraft(id).catch(() => undefined);
    let persona;
    try {
      persona = (await get(`personas/${id}`)).body;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'deleted') throw error;
      const revision = /** @type {any} */ (error.problem).current_revision;
      persona = (await get(`personas/${id}`, { query: { revision } })).body;
    }
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
    this.adopt('name' in body ? body : (await get(`personas/${this.id}`)).body, editable(this.server.peek()));
    this.soon(0);
  }

  /** Takes a keystroke, or any other change of one member. @param {string} name @param {any} value */
  set(name, value) {
    this.setAll({ [name]: value });
  }

  /** @param {Members} members */
  setAll(members) {
    batch(() => {
      this.form.value = { ...this.form.peek(), ...members };
      const both = { ...this.both.peek() };
      for (const name of Object.keys(members)) {
        if (name in both) both[name] = { ...both[name], yours: members[name] };
        for (const pointer of Object.keys(this.errors.peek())) {
          if (pointer === `/${name}` || pointer.startsWith(`/${name}/`)) this.errors.value = without(this.errors.peek(), pointer);
        }
      }
      this.both.value = both;
      if (['invalid', 'failed'].includes(this.trouble.peek()) && !Object.keys(this.errors.peek()).length) this.trouble.value = '';
    });
    this.keepDraft();
    if (!['offline', 'busy', 'gone'].includes(this.trouble.peek())) this.soon(IDLE_MS);
  }

  /** Ends the conflict of one member with this value. @param {string} name @param {any} value */
  decide(name, value) {
    batch(() => {
      this.form.value = { ...this.form.peek(), [name]: value };
      this.both.value = without(this.both.peek(), name);
    });
    this.keepDraft();
    this.soon(0);
  }

  /** @param {number} ms */
  soon(ms) {
    clearTimeout(this.clock);
    if (!this.isClosed) this.clock = setTimeout(() => this.save(), ms);
  }

  /** The draft: the unsaved changes, and a request without an answer; `null` if there is neither. */
  draft() {
    const both = Object.fromEntries(Object.entries(this.both.peek()).map(([name, one]) => [name, { base: one.base, theirs: one.theirs }]));
    const all = changes(editable(this.server.peek()), this.form.peek());
    if (!Object.keys(all).length && !this.pending) return null;
    return { id: this.id, revision: this.server.peek().revision, changes: all, both, pending: this.pending };
  }

  /** Keeps a draft that is on its way to the disk while the page is being closed. */
  keepLate() {
    const draft = this.isKeeping ? this.draft() : null;
    if (draft) keepDraftLate(draft);
  }

  /** Writes the draft at once; while one is being written, the next one follows with the newest. */
  async keepDraft() {
    if (this.isKeeping) return void (this.keepAgain = true);
    this.isKeeping = true;
    try {
      const draft = this.draft();
      if (draft) {
        await keepDraft(draft);
        this.hasKept = true;
      } else if (this.hasKept) {
        await dropDraft(this.id);
        this.hasKept = false;
      }
      this.hasDraft.value = true;
    } catch {
      this.hasDraft.value = false;
    }
    this.isKeeping = false;
    if (this.keepAgain) {
      this.keepAgain = false;
      this.keepDraft();
    }
  }

  /** Sends what is not saved. One request at a time; one without an answer is sent again as it was,
   * with its key, so it is kept once. @param {string} [note] why the change is made, or an empty text;
   * without one it is an autosave */
  async save(note) {
    clearTimeout(this.clock);
    if (note !== undefined) this.isKept = true;
    else if (this.waitsForNote) return;
    if (this.isSending || this.trouble.peek() === 'gone') return;
    if (!this.pending) {
      const unsaved = this.sendable();
      if (!Object.keys(unsaved).length) {
        if (this.held.size) return this.refresh();
        if (['saving', 'offline', 'busy', 'failed'].includes(this.trouble.peek())) this.trouble.value = '';
        return;
      }
      this.pending = this.wish(unsaved, note);
    }
    this.isSending = true;
    this.trouble.value = 'saving';
    const sent = this.pending;
    this.keepDraft();
    try {
      const { body } = await call('PATCH', `personas/${this.id}`, this.request(sent));
      // A server without memory for the answer names the new revision only.
      const persona = 'name' in body ? body : (await get(`personas/${this.id}`)).body;
      this.pending = null;
      this.attempts = 0;
      this.trouble.value = '';
      this.adopt(persona, { ...editable(this.server.peek()), ...sent.changes });
    } catch (error) {
      await this.refused(/** @type {Refusal} */ (error), sent);
    }
    this.isSending = false;
    this.keepDraft();
    this.changedElsewhere(0);
    if (this.isDirty.peek() && !this.trouble.peek()) this.soon(IDLE_MS);
  }

  /** While a note is written nothing is saved without it; the draft in the browser has everything.
   * @param {boolean} is */
  waitForNote(is) {
    this.waitsForNote = is;
    if (!is && this.isDirty.peek()) this.soon(IDLE_MS);
  }

  /** A request that saves members. @param {Members} changes @param {string} [note] @returns {import('./drafts.js').Pending} */
  wish(changes, note) {
    const squash = this.isKept || this.isShared ? undefined : SQUASH_SECONDS;
    this.isKept = false;
    return { key: newKey(), base: this.server.peek().revision, changes, note, squash };
  }

  /** @param {import('./drafts.js').Pending} pending */
  request(pending) {
    return {
      query: { base_revision: pending.base, squash: pending.squash }, body: patchOf(pending.changes), type: 'application/json-patch+json',
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
    if (error.status === 410) return this.end(error);
    const errors = (error.problem.errors ?? []).filter((one) => one.pointer !== undefined);
    if (error.code === 'handle_taken') errors.push({ pointer: '/handle', code: error.code, message: this.why.peek() });
    this.errors.value = Object.fromEntries(errors.map((one) => [one.pointer ?? '', one.message]));
    this.trouble.value = errors.length ? 'invalid' : 'failed';
  }

  /** Reads the present state of the server, and merges it with the form. */
  async refresh() {
    try {
      const { body } = await get(`personas/${this.id}`);
      if (['saving', 'gone'].includes(this.trouble.peek())) this.trouble.value = '';
      if (body.revision !== this.server.peek().revision) this.meet(body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 410) this.end(error);
      else if (error.isPassing) {
        this.trouble.value = 'offline';
        this.soon(RETRY_MS[1]);
      }
    }
  }

  /** The persona was deleted, or removed for good: what was typed stays here. @param {Refusal} error */
  end(error) {
    this.isPurged.value = error.code === 'purged';
    this.trouble.value = 'gone';
  }

  /** Takes over a newer state of the server, unless both sides changed a member: that the server
   * merges, by items and lines, when it gets what was typed. @param {any} persona */
  meet(persona) {
    const base = editable(this.server.peek());
    const { both } = reconcile(base, editable(persona), this.form.peek());
    if (!this.held.size && Object.keys(both).some((name) => !(name in this.both.peek()))) this.soon(0);
    else this.adopt(persona, base);
  }

  /** Takes over a newer state of the server. @param {any} persona @param {Members} base what the form was made from */
  adopt(persona, base) {
    const theirs = editable(persona);
    const { form, both, taken } = reconcile(base, theirs, this.form.peek());
    const undecided = { ...both };
    this.held.clear();
    for (const [name, one] of Object.entries(this.both.peek())) {
      if (name in undecided) undecided[name].base = one.base;
      else if (!same(theirs[name], this.form.peek()[name])) {
        undecided[name] = { ...one, theirs: theirs[name], yours: this.form.peek()[name] };
        form[name] = this.form.peek()[name];
      }
    }
    const by = persona.updated_by ?? '';
    batch(() => {
      this.server.value = persona;
      this.form.value = form;
      this.both.value = undecided;
      if (this.trouble.peek() === 'saving' && !this.isSending) this.trouble.value = '';
      this.isShared ||= Boolean(taken.length);
      if (taken.length) this.notice.value = { text: this.isDirty.peek() ? 'merged' : 'changed', by, fields: taken };
    });
    this.keepDraft();
  }

  /** The last chance of a page that is being closed: the browser sends this without it. */
  leave() {
    clearTimeout(this.clock);
    if (this.isSending || !this.isDirty.peek() || ['gone', 'invalid'].includes(this.trouble.peek())) return this.keepLate();
    const pending = this.pending ?? this.wish(this.unsaved.peek());
    this.pending = pending;
    this.keepDraft();
    this.keepLate();
    const wish = this.request(pending);
    if (JSON.stringify(wish.body).length < LAST_BYTES_MAX) call('PATCH', `personas/${this.id}`, { ...wish, keepalive: true }).catch(() => {});
  }

  /** Saves the changes after the editor was left while the page stays. */
  close() {
    this.endOfReachable();
    if (this.isDirty.peek() || this.pending) this.save().finally(() => (this.isClosed = true));
    else this.isClosed = true;
    clearTimeout(this.clock);
  }
}

/** @template T @param {Record<string, T>} all @param {string} name */
function without(all, name) {
  const { [name]: _gone, ...rest } = all;
  return rest;
}
