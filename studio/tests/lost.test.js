// What is typed is not lost: not by a restore, in boxes that stand for lists, in the JSON of a persona,
// in dialogs that are left, and not by leaving the editor.

import assert from 'node:assert/strict';
import { beforeSave, Server, story, until, withBrowser } from './harness.js';

withBrowser();

const edit = (id) => `#/personas/${id}`;
const change = (server, id, members, by = 'Bea') => server.api('PATCH', `personas/${id}`, members, { 'x-persona-author': by });

/** The drafts that the browser has. @returns {Promise<any[]>} */
const drafts = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const opening = indexedDB.open('persona-studio');
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    if (!opening.result.objectStoreNames.contains('drafts')) return resolve([]);
    const all = opening.result.transaction('drafts').objectStore('drafts').getAll();
    all.onsuccess = () => resolve(all.result);
    all.transaction.oncomplete = () => opening.result.close();
    return undefined;
  };
}));

/** A context of a person with a name. */
async function named(person, name = 'Mara') {
  const context = await person();
  await context.addInitScript((author) => origin !== 'null' && localStorage.setItem('persona-studio:author', author), name);
  return context;
}

/** Holds up the next save until it is let go, before or behind the server. */
async function holdSave(page, { isBehind = true } = {}) {
  let go;
  const gate = new Promise((resolve) => (go = resolve));
  let told;
  const begun = new Promise((resolve) => (told = resolve));
  let held = 0;
  await page.route('**/api/v1/personas/**', async (route) => {
    if (route.request().method() !== 'PATCH' || held++ > 0) return route.continue();
    if (!isBehind) {
      told();
      await gate;
      return route.continue();
    }
    const response = await route.fetch();
    told();
    await gate;
    return route.fulfill({ response });
  });
  return { begun, go };
}

story('what was typed before a restore stays in the history', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'The first.' });
  const page = await open(edit(id), { context: await named(person) });
  await page.getByLabel('Description').fill('Typed for minutes.');
  await page.getByText('Saved as r2', { exact: true }).waitFor();
  await page.getByLabel('Personality').fill('Not saved yet.');
  await page.getByRole('link', { name: 'History' }).click();
  await page.locator('.timeline a', { hasText: 'r1' }).last().click();
  await page.getByRole('heading', { name: 'r1', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Restore all of it' }).click();
  await until('it is restored', async () => {
    const now = await server.read(id);
    return now.description === 'The first.' && now.personality === '' && now.revision > 2;
  });
  const { items } = await server.api('GET', `personas/${id}/revisions`);
  const texts = [];
  for (const one of items) texts.push(await server.api('GET', `personas/${id}/revisions/${one.revision}`));
  assert.ok(texts.some((one) => one.description === 'Typed for minutes.' && one.personality === 'Not saved yet.'), JSON.stringify(items));
  // One field alone, and then typing on: the restored text stays too.
  await page.getByRole('link', { name: 'Write' }).click();
  await page.getByLabel('Description').fill('Typed again.');
  await until('it is saved', async () => (await server.read(id)).description === 'Typed again.');
  assert.ok((await server.api('GET', `personas/${id}/revisions`)).items.length > items.length);
});

story('a restore while the server is away takes nothing from what was typed', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', description: 'The first.' });
  await change(server, id, { description: 'The second.' });
  const page = await open(`${edit(id)}/history`);
  await page.locator('.timeline a', { hasText: 'r1' }).last().click();
  await page.getByRole('heading', { name: 'r1', exact: true }).waitFor();
  await page.getByRole('link', { name: 'Write' }).click();
  await page.route('**/api/v1/personas/**', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await page.getByLabel('Description').fill('Typed offline.');
  await page.goBack();
  await page.getByRole('button', { name: 'Restore all of it' }).click();
  await page.locator('.toast', { hasText: 'is not saved yet' }).waitFor();
  await page.getByRole('link', { name: 'Write' }).click();
  assert.equal(await page.getByLabel('Description').inputValue(), 'Typed offline.');
});

story('keys, sources and a half-typed tag stay while they are typed, and are in the draft', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  await page.getByRole('button', { name: 'Add an entry' }).click();
  const keys = page.getByLabel('Keys');
  await keys.pressSequentially('engine, mill,');
  await until('they are saved without leaving the box', async () => (await server.read(id)).character_book.entries?.[0]?.keys.join() === 'engine,mill');
  await page.getByText(/^Saved as/).waitFor();
  assert.equal(await keys.inputValue(), 'engine, mill,');
  await keys.press('Space');
  await keys.pressSequentially('brass');
  await page.keyboard.press('Control+s');
  await until('Ctrl+S saves what is typed', async () => (await server.read(id)).character_book.entries[0].keys.length === 3);
  const sources = page.getByLabel('Sources');
  await sources.pressSequentially('https://one.example');
  await sources.press('Enter');
  await until('a source is saved', async () => (await server.read(id)).source.length === 1);
  await page.getByText(/^Saved as/).waitFor();
  await sources.pressSequentially('https://two.example');
  await until('both are saved', async () => (await server.read(id)).source.join() === 'https://one.example,https://two.example');
  // A part of a tag is no tag; it is in the draft, and Ctrl+S makes one of it.
  const tags = page.getByLabel('Tags');
  await tags.pressSequentially('math');
  await until('the browser has it', async () => (await drafts(page)).some((one) => one.typed?.tags === 'math'));
  await page.close();
  const next = await open(edit(id));
  await until('it is there again', async () => (await next.getByLabel('Tags').inputValue()) === 'math');
  await next.getByLabel('Tags').fill('maths');
  await next.keyboard.press('Control+s');
  await until('it is saved', async () => (await server.read(id)).tags.join() === 'maths');
});

story('typing on while a save is merged with the change of another person is no conflict', async ({ server, open, person }) => {
  const lines = (first, last) => [first, '', 'Two.', '', last].join('\n');
  const entry = (content) => ({ keys: [], content, enabled: true, insertion_order: 10, extensions: {} });
  const { id } = await server.create({ name: 'Ada', description: lines('One.', 'Three.'), tags: ['a'], alternate_greetings: ['one', 'two'], character_book: { entries: [entry('x')] } });
  const context = await named(person);
  // No event tells of the change: the answer to the save does, behind what is typed meanwhile.
  await context.route('**/api/v1/events**', () => {});
  const page = await open(edit(id), { context });
  await page.getByLabel('Description').waitFor();
  await change(server, id, { description: lines('One.', 'THREE.'), tags: ['a', 'b'], alternate_greetings: ['one', 'two', 'three'], character_book: { entries: [entry('x'), entry('z')] } });
  const { begun, go } = await holdSave(page);
  await page.getByLabel('Description').fill(lines('ONE.', 'Three.'));
  await page.getByLabel('Tags').fill('c,');
  await page.getByLabel('Greeting 1', { exact: true }).first().fill('ONE');
  await page.getByLabel('Content').fill('xy');
  await page.keyboard.press('Control+s');
  await begun;
  await page.getByLabel('Description').fill(lines('ONE. And more.', 'Three.'));
  await page.getByLabel('Tags').fill('d,');
  await page.getByLabel('Greeting 1', { exact: true }).first().fill('ONE!');
  await page.getByLabel('Content').first().fill('xyz');
  go();
  const now = await until('all of it is kept', async () => {
    const read = await server.read(id);
    return read.description === lines('ONE. And more.', 'THREE.') && read.tags.length === 4 && read;
  });
  assert.deepEqual([now.tags, now.alternate_greetings, now.character_book.entries.map((one) => one.content)], [['a', 'b', 'c', 'd'], ['ONE!', 'two', 'three'], ['xyz', 'z']]);
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.getByText(/^Saved as/).waitFor();
  // It was Bea who changed the rest, and not the one who is told.
  await page.locator('.notice', { hasText: 'Bea changed' }).waitFor();
});

story('a conflict that an autosave finds takes no keys from the text that is being typed', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'Base.', personality: 'Calm.' });
  const page = await open(edit(id), { context: await named(person) });
  await beforeSave(page, async () => {
    await page.getByLabel('Description').fill('Mine.');
    await page.getByLabel('Personality').pressSequentially(' And more');
    await change(server, id, { description: 'Theirs.' });
  });
  await page.locator('.notice', { hasText: 'to decide' }).waitFor();
  await page.getByLabel('Personality').pressSequentially(' words.');
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.equal(await page.getByLabel('Personality').inputValue(), 'Calm. And more words.');
  await page.locator('.notice').getByRole('button', { name: 'Decide…' }).click();
  // It begins at its heading: neither Enter nor a blank decides anything.
  const dialog = page.getByRole('dialog', { name: 'Both of you changed this' });
  await dialog.getByRole('heading', { name: 'Both of you changed this' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Space');
  await dialog.getByRole('button', { name: 'Take yours Description' }).click();
  await until('it is kept', async () => (await server.read(id)).description === 'Mine.');
});

story('a conflict in one item is decided for that item, and what was added beside it stays', async ({ server, open, person }) => {
  const entry = (number, content) => ({ id: number, keys: [], content, enabled: true, insertion_order: number * 10, extensions: {} });
  const book = (...entries) => ({ name: 'Book', entries });
  const { id } = await server.create({ name: 'Ada', description: 'One.\n\nTwo.\n\nThree.', character_book: book(entry(1, 'first'), entry(2, 'second')) });
  const page = await open(edit(id), { context: await named(person) });
  await beforeSave(page, async () => {
    await page.getByLabel('Content').first().fill('mine');
    await page.getByRole('button', { name: 'Add an entry' }).click();
    await page.getByLabel('Content').last().fill('added by me');
    await page.getByLabel('Description').fill('ONE.\n\nMine.\n\nThree.');
    await change(server, id, { description: 'One.\n\nTheirs.\n\nTHREE.', character_book: book(entry(1, 'theirs'), entry(2, 'SECOND'), entry(7, 'added by Bea')) });
    await page.keyboard.press('Control+s');
  });
  const dialog = page.getByRole('dialog', { name: 'Both of you changed this' });
  await dialog.waitFor();
  // What is written stays when the dialog is left by a click beside it, by Escape, and over a reload.
  const result = dialog.getByLabel('What is kept').first();
  assert.equal(await result.inputValue(), 'ONE.\n\nMine.\n\nTHREE.');
  await result.fill('ONE.\n\nBoth.\n\nTHREE.');
  await page.mouse.click(4, 4);
  await dialog.waitFor({ state: 'detached' });
  await page.locator('.notice').getByRole('button', { name: 'Decide…' }).click();
  assert.equal(await result.inputValue(), 'ONE.\n\nBoth.\n\nTHREE.');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.reload();
  await dialog.waitFor();
  assert.equal(await result.inputValue(), 'ONE.\n\nBoth.\n\nTHREE.');
  await dialog.getByRole('button', { name: 'Keep this Description' }).click();
  await dialog.getByRole('button', { name: 'Take theirs Lorebook' }).click();
  await dialog.waitFor({ state: 'detached' });
  const now = await until('all is kept', async () => {
    const read = await server.read(id);
    return read.description === 'ONE.\n\nBoth.\n\nTHREE.' && read.character_book.entries.length === 4 && read;
  });
  assert.deepEqual(now.character_book.entries.map((one) => one.content).sort(), ['SECOND', 'added by Bea', 'added by me', 'theirs']);
});

story('the JSON that is typed is kept, and applied without what others changed meanwhile', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'Base.', personality: 'Calm.', tags: ['a'] });
  const page = await open(`${edit(id)}/json`, { context: await named(person) });
  const box = page.getByLabel('The persona as JSON');
  const start = JSON.parse(await box.inputValue());
  const text = JSON.stringify({ ...start, description: 'Mine.', tags: ['a', 'c'] }, null, 2);
  await box.fill(text);
  await page.getByRole('link', { name: 'Write' }).click();
  await page.getByLabel('Description').waitFor();
  await page.goBack();
  assert.equal(await box.inputValue(), text);
  await until('the browser has it', async () => (await drafts(page)).some((one) => one.typed?.json?.text === text));
  await page.reload();
  await until('it is there again', async () => (await box.inputValue()) === text);
  await change(server, id, { personality: 'Wild.', tags: ['a', 'b'] });
  await page.getByText('Bea changed', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Apply' }).click();
  const now = await until('it is applied', async () => {
    const read = await server.read(id);
    return read.description === 'Mine.' && read;
  });
  assert.deepEqual([now.personality, now.tags], ['Wild.', ['a', 'b', 'c']]);
  // A member that was taken out is not ignored.
  const { description: _gone, ...rest } = JSON.parse(await box.inputValue());
  await box.fill(JSON.stringify(rest));
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('description is missing.', { exact: false }).waitFor();
});

story('a value of a wrong type is refused beside its field, and the form bears it', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', character_book: { entries: [null, 'text', { keys: 'x', content: 7 }] } });
  const page = await open(edit(id));
  await page.getByLabel('Content').last().waitFor();
  await page.getByLabel('Content').first().fill('now an entry');
  await until('it is kept', async () => (await server.read(id)).character_book.entries[0]?.content === 'now an entry');
  await page.getByRole('link', { name: 'JSON' }).click();
  const box = page.getByLabel('The persona as JSON');
  const start = JSON.parse(await box.inputValue());
  await box.fill(JSON.stringify({ ...start, tags: 'x', source: 'x', alternate_greetings: 'x', description: 7, name: null, kind: 3, character_book: [1] }));
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText(/^Not saved/).waitFor();
  await page.getByRole('link', { name: 'Write' }).click();
  await page.getByLabel('Description').waitFor();
  await page.reload();
  await page.getByLabel('Description').fill('Still here.');
  assert.equal(await page.getByLabel('Description').inputValue(), 'Still here.');
});

story('an editor that is left before all is saved goes on with it, and says where that cannot be', async (tools) => {
  const { server, open, person } = tools;
  const { id } = await server.create({ name: 'Ada' });
  const context = await named(person);
  const page = await open(edit(id), { context });
  const { begun, go } = await holdSave(page, { isBehind: false });
  await page.getByLabel('Description').fill('Sent.');
  await page.keyboard.press('Control+s');
  await begun;
  await page.getByLabel('Description').fill('Sent. And typed meanwhile.');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  go();
  await until('the rest is saved too', async () => (await server.read(id)).description === 'Sent. And typed meanwhile.');
  // The server is away for longer than one attempt, and the person is elsewhere.
  await page.getByRole('link', { name: 'Ada' }).click();
  await page.getByLabel('Personality').waitFor();
  await server.stop('SIGKILL');
  await page.getByLabel('Personality').fill('Typed offline.');
  await page.getByText('Offline · kept here, retrying').waitFor();
  await page.getByRole('link', { name: 'Health' }).click();
  await page.getByRole('heading', { name: 'Health' }).waitFor();
  Object.assign(server, await Server.start({ folder: server.folder, port: server.port }));
  await until('it is sent when the server is back', async () => (await server.read(id).catch(() => ({}))).personality === 'Typed offline.');
  // What the server does not take is told, and there when one comes back.
  await page.goto(`${server.url}/${edit(id)}`);
  await page.getByLabel('Handle').fill('Not A Handle');
  await page.getByRole('link', { name: 'Health' }).click();
  await page.locator('.toast', { hasText: 'What you changed in Ada is not saved.' }).getByRole('button', { name: 'Open' }).click();
  await page.getByText(/^Not saved/).waitFor();
  assert.equal(await page.getByLabel('Handle').inputValue(), 'Not A Handle');
});

story('a note is kept until it is saved with a change', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id), { context: await named(person) });
  const notes = async () => (await server.api('GET', `personas/${id}/revisions`)).items.map((one) => one.note).filter(Boolean);
  const box = page.getByLabel('Note', { exact: true });
  // An autosave is under way, and more was typed since.
  const { begun, go } = await holdSave(page);
  await page.getByLabel('Description').fill('One.');
  await begun;
  await page.getByLabel('Description').fill('One. Two.');
  await page.keyboard.press('Control+Shift+s');
  await box.fill('Why two');
  // Left by a click beside it, and opened again; Ctrl+S in it saves with the note.
  await page.mouse.click(4, 4);
  await box.waitFor({ state: 'detached' });
  await page.keyboard.press('Control+Shift+s');
  assert.equal(await box.inputValue(), 'Why two');
  await page.keyboard.press('Control+s');
  await box.waitFor({ state: 'detached' });
  go();
  await until('the note is kept', async () => (await notes()).includes('Why two'));
  assert.equal((await server.read(id)).description, 'One. Two.');
  // A refused save leaves the note for the one that is taken.
  await page.getByLabel('Handle').fill('Not A Handle');
  await page.keyboard.press('Control+Shift+s');
  await box.fill('Has a handle now');
  await page.keyboard.press('Enter');
  await page.getByText('Not saved · see the marked fields').waitFor();
  await page.getByLabel('Handle').fill('ada');
  await until('it is kept with the next one', async () => (await notes()).includes('Has a handle now'));
  assert.equal((await server.read(id)).handle, 'ada');
});

story('a window keeps its own draft, and takes that of a closed window when its own is saved', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await named(person);
  const page = await open(edit(id), { context });
  let isAway = true;
  const refusal = { status: 403, contentType: 'application/problem+json', body: '{"code":"not_now","status":403,"title":"Not now"}' };
  await context.route('**/api/v1/personas/**', (route) => (isAway && route.request().method() === 'PATCH' ? route.fulfill(refusal) : route.continue()));
  await page.getByLabel('Description').fill('In the first window.');
  await page.getByText('Not saved', { exact: true }).waitFor();
  const other = await open(edit(id), { context });
  await other.getByLabel('Personality').fill('In the second one, later.');
  await other.getByText('Not saved', { exact: true }).waitFor();
  await until('both are on the disk', async () => (await drafts(page)).length === 2);
  await other.close();
  await until('it is gone', () => page.evaluate(async () => (await navigator.locks.query()).held.filter((one) => /^persona-studio:\w+$/.test(one.name)).length === 1));
  // As if the first window had been killed before the second one, and not closed behind it.
  await page.evaluate(() => new Promise((resolve) => {
    const opening = indexedDB.open('persona-studio');
    opening.onsuccess = () => {
      const store = opening.result.transaction('drafts', 'readwrite').objectStore('drafts');
      store.getAll().onsuccess = (event) => event.target.result.forEach((one) => one.changes.personality && store.put({ ...one, at: one.at + 1e9 }));
      store.transaction.oncomplete = () => { opening.result.close(); resolve(); };
    };
  }));
  await page.reload();
  assert.equal(await page.getByLabel('Description').inputValue(), 'In the first window.');
  isAway = false;
  await page.reload();
  await until('both are saved', async () => {
    const now = await server.read(id);
    return now.description === 'In the first window.' && now.personality === 'In the second one, later.';
  });
});

story('an answer of success that is no JSON, and an older answer that comes late, break nothing', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id), { context: await named(person) });
  let wrong = 0;
  await page.route('**/api/v1/personas/**', (route) => {
    if (route.request().method() !== 'PATCH' || wrong++ > 0) return route.continue();
    return route.fulfill({ status: 200, contentType: 'text/html', body: '<p>Please accept our terms.' });
  });
  await page.getByLabel('Description').fill('Kept all the same.');
  await until('it is saved', async () => (await server.read(id)).description === 'Kept all the same.');
  await page.getByText(/^Saved as/).waitFor();
  // A read that began before a save is answered behind it.
  let go;
  const gate = new Promise((resolve) => (go = resolve));
  let reads = 0;
  await page.route(`**/api/v1/personas/${id}`, async (route) => {
    if (route.request().method() !== 'GET' || reads++ > 0) return route.fallback();
    const response = await route.fetch();
    await gate;
    return route.fulfill({ response });
  });
  await change(server, id, { personality: 'Theirs.' });
  await until('the page reads it', async () => reads > 0);
  await page.getByLabel('Description').fill('Newer.');
  await page.keyboard.press('Control+s');
  await until('it is saved', async () => (await server.read(id)).description === 'Newer.');
  await page.getByText(/^Saved as/).waitFor();
  go();
  await until('the read is answered', async () => (await page.getByLabel('Personality').inputValue()) === 'Theirs.');
  assert.equal(await page.getByLabel('Description').inputValue(), 'Newer.');
  await page.getByText(`Saved as r${(await server.read(id)).revision}`, { exact: true }).waitFor();
});
