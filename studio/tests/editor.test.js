// The editor: nothing that is typed is lost, whatever ends.

import assert from 'node:assert/strict';
import { beforeSave, Server, story, until, withBrowser } from './harness.js';

withBrowser();

const edit = (id) => `#/personas/${id}`;
const saved = (page, revision) => page.getByText(`Saved as r${revision}`, { exact: true }).waitFor();

story('two windows that change different fields both win, and are told', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'a', personality: 'b' });
  const [mine, theirs] = [await open(edit(id)), await open(edit(id), { context: await person() })];
  await mine.getByLabel('Description').fill('mine');
  await theirs.getByLabel('Personality').fill('theirs');
  await mine.keyboard.press('Control+s');
  await theirs.keyboard.press('Control+s');
  await until('both changes are kept', async () => {
    const now = await server.read(id);
    return now.description === 'mine' && now.personality === 'theirs';
  });
  await mine.getByText(/changed Personality/).waitFor();
  await theirs.getByText(/changed Description/).waitFor();
  assert.equal(await mine.getByLabel('Personality').inputValue(), 'theirs');
  assert.equal(await theirs.getByLabel('Description').inputValue(), 'mine');
});

story('two people who change one field see both texts, word by word, and lose neither', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'The quick brown fox jumps.' });
  const page = await open(edit(id), { context: await person() });
  await beforeSave(page, async () => {
    await page.getByLabel('Description').fill('The quick red fox jumps.');
    await server.api('PATCH', `personas/${id}`, { description: 'The slow brown fox jumps.' }, { 'x-persona-author': 'Bea' });
    await page.keyboard.press('Control+s');
  });
  const dialog = page.getByRole('dialog', { name: 'Both of you changed this' });
  await dialog.waitFor();
  await dialog.getByText('Bea saved another version', { exact: false }).waitFor();
  const side = (name) => dialog.locator('.side', { hasText: name });
  assert.match(await side('Theirs').locator('ins').textContent(), /slow/);
  assert.match(await side('Yours').locator('del').textContent(), /brown/);
  assert.match(await side('Yours').locator('ins').textContent(), /red/);
  // A decision can wait, and the rest of the persona is saved meanwhile.
  await dialog.getByRole('button', { name: 'Decide later' }).click();
  await page.getByLabel('Personality').fill('Patient.');
  await page.keyboard.press('Control+s');
  await until('the other field is kept', async () => (await server.read(id)).personality === 'Patient.');
  assert.equal((await server.read(id)).description, 'The slow brown fox jumps.');
  // The open decision is kept for the next visit too.
  await page.reload();
  await dialog.waitFor();
  await dialog.getByLabel('What is kept').fill('The slow red fox jumps.');
  await dialog.getByRole('button', { name: 'Keep this' }).click();
  await until('the decision is kept', async () => (await server.read(id)).description === 'The slow red fox jumps.');
  await dialog.waitFor({ state: 'detached' });
});

story('a list and a number that two people changed are written anew in the dialog', async ({ server, open, person }) => {
  const book = (order) => ({ name: 'Book', entries: [{ id: 1, keys: [], content: 'one', enabled: true, insertion_order: order, extensions: {} }] });
  const { id } = await server.create({ name: 'Ada', tags: ['a', 'b'], character_book: book(10) });
  const page = await open(`#/personas/${id}/json`, { context: await person() });
  const box = page.getByLabel('The persona as JSON');
  await box.fill(JSON.stringify({ ...JSON.parse(await box.inputValue()), tags: ['a', 'c'], character_book: book(30) }));
  await server.api('PATCH', `personas/${id}`, { tags: ['a'], character_book: book(20) }, { 'x-persona-author': 'Bea' });
  // What is applied was written from the state before, and says nothing of the change that is seen here.
  await page.getByText('Bea changed Tags, Lorebook.').waitFor();
  await page.getByRole('button', { name: 'Apply' }).click();
  const dialog = page.getByRole('dialog', { name: 'Both of you changed this' });
  const part = (field) => dialog.getByRole('region', { name: field });
  await part('Tags').getByLabel('What is kept').fill('c\nd');
  await part('Tags').getByRole('button', { name: 'Keep this' }).click();
  const order = part('Lorebook').getByLabel('What is kept');
  assert.equal(await order.inputValue(), '30');
  await order.fill('twenty');
  await part('Lorebook').getByRole('button', { name: 'Keep this' }).click();
  await dialog.getByText('This is no JSON', { exact: false }).waitFor();
  await order.fill('25');
  await part('Lorebook').getByRole('button', { name: 'Keep this' }).click();
  await dialog.waitFor({ state: 'detached' });
  const now = await until('both decisions are kept', async () => {
    const read = await server.read(id);
    return read.character_book.entries[0].insertion_order === 25 && read;
  });
  assert.deepEqual(now.tags, ['a', 'c', 'd']);
});

story('two people who change one list and other lines of one text are not in conflict', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', tags: ['a'], description: 'One.\n\nTwo.\n\nThree.', scenario: 'London.' });
  const page = await open(edit(id), { context: await person() });
  const theirs = { tags: ['a', 'b'], description: 'One.\n\nTwo.\n\nTHREE.' };
  await beforeSave(page, async () => {
    await page.getByLabel('Description').fill('ONE.\n\nTwo.\n\nThree.');
    await page.getByLabel('Tags').fill('c,');
    await server.api('PATCH', `personas/${id}`, theirs, { 'x-persona-author': 'Bea' });
    await page.keyboard.press('Control+s');
  });
  const now = await until('both are kept', async () => {
    const read = await server.read(id);
    return read.description === 'ONE.\n\nTwo.\n\nTHREE.' && read.tags.includes('c') && read;
  });
  assert.deepEqual(now.tags, ['a', 'b', 'c']);
  await page.getByText(`Saved as r${now.revision}`, { exact: true }).waitFor();
  assert.equal(await page.getByLabel('Description').inputValue(), now.description);
  // What cannot be merged waits for a decision, and holds up nothing else.
  await beforeSave(page, async () => {
    await page.getByLabel('Scenario').fill('Paris.');
    await page.getByLabel('Tags').fill('e,');
    await server.api('PATCH', `personas/${id}`, { scenario: 'Rome.', tags: ['a', 'b', 'c', 'd'] }, { 'x-persona-author': 'Bea' });
    await page.keyboard.press('Control+s');
  });
  await page.getByRole('dialog', { name: 'Both of you changed this' }).getByText('Rome.').first().waitFor();
  await until('the tags are kept', async () => (await server.read(id)).tags.join() === 'a,b,c,d,e');
  assert.equal((await server.read(id)).scenario, 'Rome.');
});

/** Whether the browser has a draft on its disk. */
const hasDraft = () => new Promise((resolve, reject) => {
  const request = indexedDB.open('persona-studio');
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const count = request.result.transaction('drafts').objectStore('drafts').count();
    count.onsuccess = () => resolve(count.result > 0);
    count.onerror = () => reject(count.error);
    count.transaction.oncomplete = () => request.result.close();
  };
});

story('what was typed in a window that was closed before it was saved is there in the next one', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  await page.route('**/api/v1/personas/**', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await page.getByLabel('Description').fill('Typed and gone.');
  await until('the browser has it', () => page.evaluate(hasDraft));
  await page.close({ runBeforeUnload: false });
  const next = await open(edit(id));
  await until('it is saved', async () => (await server.read(id)).description === 'Typed and gone.');
  const notice = next.locator('.notice', { hasText: 'What you had typed and not saved is back.' });
  await notice.getByRole('button', { name: 'Close' }).click();
  await notice.waitFor({ state: 'detached' });
});

story('what was typed in the moment in which a window is closed is there in the next one', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  await page.route('**/api/v1/personas/**', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await page.getByLabel('Description').evaluate((field) => {
    field.value = 'The last words.';
    field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    // No task of the page runs between this line and the end of the page.
    location.href = 'about:blank';
  });
  await page.waitForURL('about:blank');
  await page.close();
  const next = await open(edit(id));
  await next.getByText('What you had typed and not saved is back.').waitFor();
  await until('it is saved', async () => (await server.read(id)).description === 'The last words.');
});

story('a worker that is killed while one types loses nothing', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  const text = 'Each of these words is typed while workers are killed. '.repeat(4);
  await page.getByLabel('Description').click();
  for (let place = 0; place < text.length; place += 44) {
    await page.keyboard.type(text.slice(place, place + 44));
    if (place % 88 === 0) for (const pid of await server.workers().catch(() => [])) process.kill(pid, 'SIGKILL');
    await page.keyboard.press('Control+s');
  }
  await until('everything is kept', async () => (await server.read(id).catch(() => ({}))).description === text);
  await page.getByText(/Saved as r/).waitFor();
});

story('a server that is away is told, and gets what was typed when it is back', async (tools) => {
  const { server, open } = tools;
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  await server.stop('SIGKILL');
  await page.getByLabel('Description').fill('Written offline.');
  await page.keyboard.press('Control+s');
  await page.locator('.banner', { hasText: 'The server cannot be reached.' }).waitFor();
  await page.getByText('Offline · kept here, retrying').waitFor();
  Object.assign(server, await Server.start({ folder: server.folder, port: server.port }));
  await page.getByText(/Saved as r/).waitFor();
  assert.equal((await server.read(id)).description, 'Written offline.');
  await page.locator('.banner', { hasText: 'The server cannot be reached.' }).waitFor({ state: 'detached' });
});

story('a server that limits writes is given what was typed when it takes it', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  let refused = 0;
  await page.route('**/api/v1/personas/**', (route) => {
    if (route.request().method() !== 'PATCH' || refused++ > 0) return route.continue();
    return route.fulfill({ status: 429, headers: { 'retry-after': '1' }, contentType: 'application/problem+json', body: '{"code":"rate_limited","status":429,"title":"Too many requests"}' });
  });
  await page.getByLabel('Description').fill('Patience.');
  await page.keyboard.press('Control+s');
  await page.getByText(/Saved as r/).waitFor();
  assert.equal((await server.read(id)).description, 'Patience.');
});

story('an answer that is lost after the commit makes no second change and no conflict', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  let lost = 0;
  await page.route('**/api/v1/personas/**', async (route) => {
    if (route.request().method() !== 'PATCH' || lost++ > 0) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await page.getByLabel('Description').fill('Once.');
  await page.keyboard.press('Control+s');
  await until('the answer is lost', async () => lost > 0);
  await page.getByLabel('Description').fill('Once. And more.');
  await until('the rest is kept too', async () => (await server.read(id)).description === 'Once. And more.');
  await saved(page, 3);
});

story('what the server refuses is told beside its field, and stays typed', async ({ server, open }) => {
  await server.create({ name: 'First', handle: 'taken' });
  const { id } = await server.create({ name: 'Second' });
  const page = await open(edit(id));
  await page.getByLabel('Handle').fill('taken');
  await page.keyboard.press('Control+s');
  await page.getByText('Not saved · see the marked fields').waitFor();
  assert.equal(await page.getByLabel('Handle').getAttribute('aria-invalid'), 'true');
  await page.getByLabel('Handle').fill('free');
  await page.keyboard.press('Control+s');
  await saved(page, 2);
  await page.getByLabel('Name', { exact: true }).fill('');
  await page.keyboard.press('Control+s');
  await page.getByText('Not saved · see the marked fields').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('x'.repeat(256));
  await page.keyboard.press('Control+s');
  await saved(page, 3);
});

story('the JSON view changes what the form does not show, and keeps what is no JSON', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', extensions: { depth: 4, gone: true } });
  const page = await open(`${edit(id)}/json`);
  const box = page.getByLabel('The persona as JSON');
  const before = JSON.parse(await box.inputValue());
  await box.fill('{ "name": ');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText(/This is no JSON/).waitFor();
  assert.equal(await box.inputValue(), '{ "name": ');
  await box.fill(JSON.stringify({ ...before, extensions: { depth: null } }));
  await page.getByRole('button', { name: 'Apply' }).click();
  await until('it is kept', async () => JSON.stringify((await server.read(id)).extensions) === '{"depth":null}');
  await box.fill(JSON.stringify({ ...before, tags: ['', 'x'.repeat(200)] }));
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('/tags/1').waitFor();
  // A refusal is told of the box that it is about, also in a list.
  await box.fill(JSON.stringify({ ...before, tags: [], alternate_greetings: ['fine', 'x'.repeat(300_000)] }));
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('/alternate_greetings/1').waitFor();
  await page.getByRole('link', { name: 'Write' }).click();
  assert.deepEqual(await Promise.all([1, 2].map((place) => page.getByLabel(`Greeting ${place}`, { exact: true }).first().getAttribute('aria-invalid'))), [null, 'true']);
});

story('the colour of an avatar is chosen in the editor, and seen wherever its persona is', async ({ server, open, person }) => {
  const extensions = { other: { text: 'x'.repeat(50_000) }, persona_studio: { later: 1 } };
  const { id } = await server.create({ name: 'Ada', first_mes: 'Hello.', extensions });
  const context = await person();
  const gallery = await open('#/', { context });
  const bytes = [];
  gallery.on('response', async (answer) => /fields=id/.test(answer.url()) && bytes.push((await answer.body().catch(() => '')).length));
  const classOf = (page, where) => page.locator(`${where} .avatar`).first().evaluate((one) => /avatar-(\d+)/.exec(one.className)[1]);
  await gallery.getByRole('link', { name: 'Ada' }).waitFor();
  const byName = await classOf(gallery, '.card');
  const page = await open(edit(id), { context });
  const colours = page.getByRole('group', { name: 'Colour' });
  assert.equal(await colours.getByLabel('By the name').isChecked(), true);
  await colours.getByLabel('By the name').focus();
  // With the keyboard, as in any group of choices; where others keep something is left alone.
  for (const _time of [1, 2]) await page.keyboard.press('ArrowRight');
  assert.equal(await colours.getByLabel('Teal').isChecked(), true);
  await page.keyboard.press('Control+s');
  await until('it is kept', async () => (await server.read(id)).extensions.persona_studio.colour === 'teal');
  assert.deepEqual((await server.read(id)).extensions, { ...extensions, persona_studio: { later: 1, colour: 'teal' } });
  assert.deepEqual([await classOf(page, '.editor-title'), await classOf(page, '.preview')], ['2', '2']);
  await until('the card has it', async () => (await classOf(gallery, '.card')) === '2');
  await gallery.reload();
  await until('the list has it', async () => (await classOf(gallery, '.card')) === '2');
  assert.ok(Math.max(...bytes) < 5000, 'what other programs keep is not read for it');
  await gallery.keyboard.press('Control+k');
  await gallery.locator('.palette-entry .avatar-2').waitFor();
  // What is no colour of the studio is none, and stays.
  await server.api('PATCH', `personas/${id}`, { extensions: { persona_studio: { colour: 'mauve' } } });
  await until('the card is as it was', async () => (await classOf(gallery, '.card')) === byName);
  await until('no colour is chosen', async () => (await colours.getByRole('radio', { checked: true }).count()) === 0);
  await colours.getByLabel('Red').check();
  await until('the card has another one', async () => (await classOf(gallery, '.card')) === '7');
  await colours.getByLabel('By the name').check();
  await page.keyboard.press('Control+s');
  await until('none is kept', async () => !('colour' in (await server.read(id)).extensions.persona_studio));
  assert.deepEqual((await server.read(id)).extensions, extensions);
  await until('the card is as it was', async () => (await classOf(gallery, '.card')) === byName);
});

story('greetings, tags and lorebook entries are added, moved and removed', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', alternate_greetings: ['one', 'two'], character_book: { name: 'kept', entries: [] } });
  const page = await open(edit(id));
  const focused = (name) => page.getByRole('button', { name, exact: true }).and(page.locator(':focus')).waitFor();
  await page.getByRole('button', { name: 'Add an entry' }).click();
  await page.getByRole('button', { name: 'Add an entry' }).click();
  await page.getByRole('button', { name: 'Remove: Entry 1' }).click();
  await focused('Remove: Entry 1');
  await page.keyboard.press('Enter');
  await focused('Add an entry');
  // An item that is moved keeps the focus, on the other button at the end of its way.
  await page.getByRole('button', { name: 'Move down: Greeting 1' }).click();
  await focused('Move up: Greeting 2');
  await page.getByRole('group', { name: 'Alternate greetings' }).getByRole('button', { name: 'Add a greeting' }).click();
  await page.locator('textarea:focus').waitFor();
  await page.keyboard.type('three');
  await page.getByLabel('Tags').fill('maths,');
  await page.getByRole('button', { name: 'Add an entry' }).click();
  await page.getByLabel('Keys').fill('engine, mill');
  await page.getByLabel('Content').fill('Made of brass.');
  await page.keyboard.press('Control+s');
  const now = await until('all of it is kept', async () => {
    const read = await server.read(id);
    return read.character_book.entries?.[0]?.content === 'Made of brass.' && read;
  });
  assert.deepEqual([now.alternate_greetings, now.tags, now.character_book.name], [['two', 'one', 'three'], ['maths'], 'kept']);
  assert.deepEqual(now.character_book.entries[0].keys, ['engine', 'mill']);
});

story('a persona that is deleted elsewhere keeps what was typed, and can be brought back', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  await page.getByLabel('Description').fill('Still here.');
  await server.api('DELETE', `personas/${id}`, undefined, { 'if-match': '*' });
  await page.keyboard.press('Control+s');
  await page.getByText('Deleted elsewhere · kept here').first().waitFor();
  await page.getByRole('button', { name: 'Restore' }).click();
  await until('it is back with the text', async () => (await server.read(id).catch(() => ({}))).description === 'Still here.');
});

story('a persona is duplicated, and deleted with a way back', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', handle: 'ada', tags: ['maths'] });
  const page = await open(edit(id));
  // The menu has the focus before the next key or paint.
  assert.equal(await page.evaluate(async () => {
    [...document.querySelectorAll('.menu button')].find((one) => one.textContent.includes('More')).click();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    return document.activeElement.textContent;
  }), 'Duplicate');
  await page.getByRole('button', { name: 'Duplicate' }).click();
  await page.getByRole('heading', { name: 'Ada (copy)' }).waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('Ada (copy) was deleted').waitFor();
  await page.getByText('1 persona', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('heading', { name: 'Ada (copy)' }).waitFor();
});

story('an address of nothing, and of a deleted persona, say so', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Gone', description: 'A trace.' });
  await server.api('DELETE', `personas/${id}`, undefined, { 'if-match': '*' });
  const page = await open('#/personas/0193b0c2-7f3e-7a10-8c1d-00000000ffff');
  await page.getByRole('heading', { name: 'This persona does not exist.' }).waitFor();
  await page.goto(`${server.url}/${edit(id)}`);
  await page.getByText('This persona is deleted.').waitFor();
  assert.equal(await page.getByLabel('Description').inputValue(), 'A trace.');
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.getByText('This persona is deleted.').waitFor({ state: 'detached' });
  assert.equal((await server.read(id)).description, 'A trace.');
});
