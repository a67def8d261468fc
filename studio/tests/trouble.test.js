// What can go wrong is told in its place, and nothing that was typed is lost.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { beforeSave, deafen, hearing, Server, signIn, story, until, withBrowser } from './harness.js';

withBrowser();

const edit = (id) => `#/personas/${id}`;
const linkOf = (server, ...flags) => server.token('link', `--url=${server.url}`, ...flags).url;

story('a cookie that is gone asks for a sign-in, and what was typed stays, also where another one signs in without the right to save it', async ({ server, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const admin = { authorization: `Bearer ${server.token('create', '--name=admin', '--scope=admin').token}` };
  const context = await person();
  // The save is what is refused, and nothing before it: the question would have the keys.
  await deafen(context);
  const page = await context.newPage();
  await page.goto(linkOf(server));
  await page.getByRole('link', { name: 'Ada' }).click();
  await page.getByLabel('Description').waitFor();
  await context.clearCookies();
  await page.getByLabel('Description').fill('Typed without a cookie.');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  // A token that only reads cannot save it; the text is shown, and why it is not saved.
  await signIn(page, server.token('create', '--name=reader', '--scope=read').token);
  await page.getByText('by somebody else who was signed in', { exact: false }).waitFor();
  await page.keyboard.press('Control+s');
  assert.equal(await page.getByLabel('Description').inputValue(), 'Typed without a cookie.');
  assert.equal((await server.api('GET', `personas/${id}`, undefined, admin)).description, '');
  // With the right it is saved.
  await page.goto(linkOf(server));
  await page.getByRole('button', { name: 'Use the link' }).click();
  await page.getByRole('link', { name: 'Ada' }).click();
  await until('what was typed is saved', async () => (await server.api('GET', `personas/${id}`, undefined, admin)).description === 'Typed without a cookie.');
});

story('the persona of an open editor is purged: that is said, and no text is lost', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'Written before.' });
  const context = await person();
  const page = await hearing(context, () => open(edit(id), { context }));
  const purge = (one) => server.api('DELETE', `personas/${one}?purge=true`, undefined, { 'if-match': '*' });
  await page.getByLabel('Description').waitFor();
  await purge(id);
  await page.getByText('This persona was removed for good.', { exact: false }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Restore', exact: true }).count(), 0);
  assert.equal(await page.getByLabel('Description').inputValue(), 'Written before.');
  await page.getByLabel('Personality').fill('Typed after.');
  // What was typed is shown also where the persona cannot be opened any more.
  await until('it is kept in the browser', () => page.evaluate((key) => new Promise((resolve) => {
    const opening = indexedDB.open('persona-studio');
    opening.onsuccess = () => {
      const all = opening.result.transaction('drafts').objectStore('drafts').getAll();
      all.onsuccess = () => resolve(all.result.some((one) => one.id === key && one.changes.personality === 'Typed after.'));
    };
  }), id));
  await page.reload();
  await page.getByText('This persona does not exist.').waitFor();
  await page.locator('.notice', { hasText: 'Typed after.' }).waitFor();
  // From an editor that is still open, a copy makes a persona of all of it.
  const other = await server.create({ name: 'Bea', description: 'Hers.' });
  const second = await open(edit(other.id), { context });
  await second.getByLabel('Personality').fill('Kind.');
  await second.getByText('Saved as r2').waitFor();
  await second.route('**/api/v1/personas/**', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await second.getByLabel('Scenario').fill('Not saved yet.');
  await second.keyboard.press('Control+s');
  await second.getByText('Offline · kept here, retrying').waitFor();
  await purge(other.id);
  await second.unroute('**/api/v1/personas/**');
  await second.locator('.notice').getByRole('button', { name: 'Duplicate' }).click();
  await second.getByRole('heading', { name: 'Bea (copy)' }).waitFor();
  const { items } = await server.api('GET', 'personas');
  assert.deepEqual(items.map((one) => [one.description, one.personality, one.scenario]), [['Hers.', 'Kind.', 'Not saved yet.']]);
});

story('a server with another database has the text still, and a copy makes a persona of it', async (tools) => {
  const { server, open } = tools;
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  await server.stop();
  await page.getByLabel('Description').fill('Homeless.');
  await page.keyboard.press('Control+s');
  await page.getByText('Offline · kept here, retrying').waitFor();
  for (const name of fs.readdirSync(server.folder)) if (name.startsWith('s.db')) fs.rmSync(path.join(server.folder, name), { recursive: true });
  Object.assign(server, await Server.start({ folder: server.folder, port: server.port }));
  await page.getByText('Not saved', { exact: true }).waitFor();
  await page.locator('.notice.danger').waitFor();
  assert.equal(await page.getByLabel('Description').inputValue(), 'Homeless.');
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Duplicate' }).click();
  await page.getByRole('heading', { name: 'Ada (copy)' }).waitFor();
  const { items } = await server.api('GET', 'personas');
  assert.deepEqual(items.map((one) => one.description), ['Homeless.']);
});

story('a server of another version offers its page, and keeps what was typed', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(edit(id));
  await page.route((url) => url.pathname === '/', (route) => (route.request().method() === 'HEAD' ? route.fulfill({ headers: { etag: '"studio-0123456789abcdef"' } }) : route.fallback()));
  await page.route('**/api/v1/personas/**', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  const before = await server.workers();
  server.child.kill('SIGHUP');
  await until('all workers are new', async () => (await server.workers()).every((pid) => !before.includes(pid)));
  await page.getByText('The server has another version now.').waitFor();
  await page.getByLabel('Description').fill('Typed in the old page.');
  await page.unroute('**/api/v1/personas/**');
  await page.getByRole('button', { name: 'Load again' }).click();
  await until('it is saved', async () => (await server.read(id)).description === 'Typed in the old page.');
});

story('a newer server has members and kinds that the page does not know; they stay', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', kind: 'agent' });
  const page = await open();
  await page.route('**/api/v1/personas**', async (route) => {
    const response = await route.fetch();
    const text = (await response.text()).replaceAll('"kind":"agent"', '"kind":"oracle","mood":{"of":"tomorrow"}');
    return route.fulfill({ response, body: text });
  });
  const sent = [];
  page.on('request', (request) => request.method() === 'PATCH' && sent.push(request.postDataJSON()));
  await page.goto(`${server.url}/${edit(id)}`);
  assert.equal(await page.getByLabel('Kind').inputValue(), 'oracle');
  await page.getByLabel('Description').fill('Still mine.');
  await page.keyboard.press('Control+s');
  await page.getByText('Saved as r2').waitFor();
  assert.deepEqual(sent.map((patch) => patch.map((one) => one.path)), [['/description']]);
  await page.getByRole('link', { name: 'JSON' }).click();
  assert.match(await page.getByLabel('The persona as JSON').inputValue(), /"of": "tomorrow"/);
});

story('an older server without labels and feed has its history and its saves', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  await server.api('PATCH', `personas/${id}`, { description: 'Two.' });
  const page = await open();
  const missing = { status: 404, contentType: 'application/problem+json', body: '{"code":"no_such_route","status":404,"title":"No such route"}' };
  for (const route of ['**/labels', '**/api/v1/events', '**/api/v1/session']) await page.route(route, (one) => one.fulfill(missing));
  await page.goto(`${server.url}/${edit(id)}/history`);
  await page.reload();
  await page.locator('.compared ins', { hasText: 'Two.' }).waitFor();
  await page.getByRole('link', { name: 'Write' }).click();
  await page.getByLabel('Description').fill('Three.');
  await page.keyboard.press('Control+s');
  await page.getByText('Saved as r3').waitFor();
});

story('a browser that keeps nothing says so, and saves', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  await context.addInitScript(() => {
    const full = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    IDBObjectStore.prototype.put = full;
    Storage.prototype.setItem = full;
  });
  const page = await open(edit(id), { context });
  await page.getByLabel('Description').fill('Kept by the server alone.');
  await page.getByText('This browser keeps no draft', { exact: false }).waitFor();
  await page.getByText('Saved as r2').waitFor();
  assert.equal((await server.read(id)).description, 'Kept by the server alone.');
  await page.goto(`${server.url}/#/settings`);
  await page.getByLabel('Dark').check();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
});

story('files without personas say why, each by its name', async ({ open }) => {
  const page = await open('#/import');
  const file = (name, buffer) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) });
  await page.locator('input[type=file]').setInputFiles([file('empty.json', ''), file('none.json', '[]'), file('list.json', '[1, "two", null]'), file('text.csv', 'neither; nor\n'), file('noise.bin', [0, 255, 254, 7, 0])]);
  await page.locator('.import-sum .badge.danger, .notice.danger').first().waitFor();
  await until('each is named', async () => {
    const text = await page.locator('main').textContent();
    return ['empty.json', 'none.json', 'list.json', 'text.csv', 'noise.bin'].every((name) => text.includes(name));
  });
  assert.ok(await page.getByRole('button', { name: 'Import 0 personas' }).isDisabled());
});

story('a name of 256 emoji is written, found, copied and deleted like any other', async ({ server, open }) => {
  const name = '🦊'.repeat(256);
  const page = await open();
  await page.keyboard.press('c');
  await page.getByRole('dialog').getByLabel('Name').fill(name);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  await page.getByLabel('Name', { exact: true }).fill('x'.repeat(257));
  await page.keyboard.press('Control+s');
  await page.getByText('Not saved · see the marked fields').waitFor();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByText(/^Saved as r/).waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Duplicate' }).click();
  await page.getByText('A copy was made').waitFor();
  assert.deepEqual((await server.api('GET', 'personas')).items.map((one) => one.name), [name, name]);
  await page.goto(`${server.url}/#/?q=🦊`);
  await page.getByText('2 personas').waitFor();
  const over = await page.evaluate(() => document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth);
  assert.ok(over <= 0, `${over} pixels are cut off`);
});

story('markup is text in every dialog, notice and table too', async ({ server, open }) => {
  const evil = '<img src=x onerror="console.error(1)"><script>console.error(2)</script>';
  const { id } = await server.create({ name: evil, description: 'a', personality: evil, tags: [evil.slice(0, 100)], extensions: { [evil]: evil } });
  await server.api('PATCH', `personas/${id}`, { description: evil }, { 'x-persona-author': evil, 'x-persona-note': evil });
  const page = await open(`${edit(id)}/history`);
  const none = async (where) => assert.equal(await page.locator('main img, main script, dialog img, dialog script, .toasts img').count(), 0, where);
  const shows = async (locator) => assert.match(await locator.textContent(), /<img src=x/);
  await page.locator('.timeline li').first().waitFor();
  await page.locator('.compared ins').first().waitFor();
  await shows(page.locator('.timeline'));
  await shows(page.locator('.compared'));
  await none('history');
  await page.goto(`${server.url}/${edit(id)}`);
  await beforeSave(page, async () => {
    await page.getByLabel('Description').fill('mine');
    await server.api('PATCH', `personas/${id}`, { description: `${evil}!` }, { 'x-persona-author': evil });
  });
  await page.getByRole('button', { name: 'Decide…' }).first().click();
  await page.getByRole('dialog', { name: 'Both of you changed this' }).waitFor();
  await shows(page.getByRole('dialog'));
  await none('conflict');
  await page.getByRole('button', { name: 'Take theirs' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.locator('.toast', { hasText: 'was deleted' }).waitFor();
  await shows(page.locator('.toasts'));
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: evil }).waitFor();
  await none('palette');
  await page.keyboard.press('Escape');
  await page.goto(`${server.url}/#/import`);
  await page.locator('input[type=file]').setInputFiles({ name: `${evil.replaceAll('/', '')}.ndjson`, mimeType: 'text/plain', buffer: Buffer.from(`${JSON.stringify({ name: evil })}\n{"name": 7}`) });
  await page.locator('.import-table').waitFor();
  await shows(page.locator('.import-table'));
  await none('import');
});

story('no name at the top of a module hides one of the browser, which another module could mean', async ({ open }) => {
  const folder = new URL('../app/', import.meta.url);
  const texts = fs.readdirSync(folder).filter((name) => /\.js$/.test(name)).map((name) => fs.readFileSync(new URL(name, folder), 'utf8'));
  const names = texts.flatMap((text) => [...text.matchAll(/^(?:export )?(?:async )?(?:const|let|function|class) (\w+)/gm)].map((found) => found[1]));
  assert.ok(names.length > 100);
  // A local variable may have such a name, if the program knows it: all others are made shorter.
  const bare = texts.map((text) => text.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')).join('\n');
  const locals = [...bare.matchAll(/\b(?:const|let) (\w+)|(\w+)\s*\)? =>/g)].map((found) => found[1] ?? found[2]);
  const short = fs.readFileSync(new URL('../../crates/persona-http/build/names.rs', import.meta.url), 'utf8');
  const known = /OF_BROWSERS[^=]*=\s*\[([^\]]*)\]/.exec(short)[1].match(/\w+/g);
  const page = await open();
  const hide = (all) => page.evaluate((some) => some.filter((name) => name in globalThis), [...new Set(all)]);
  assert.deepEqual(await hide(names), []);
  assert.deepEqual((await hide(locals)).filter((name) => !known.includes(name)), []);
});

story('a banner covers nothing: the head of the editor stays where it can be used', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', description: 'Words. '.repeat(2000) });
  const page = await open(`#/personas/${id}`);
  await page.route('**/api/v1/**', (route) => route.abort());
  await page.getByLabel('Personality').fill('Typed while the server is away.');
  await page.locator('.banner').waitFor();
  await page.getByLabel('Example dialogue').scrollIntoViewIfNeeded();
  const boxes = await page.evaluate(() => ['.banner', '.editor-head', '.preview'].map((one) => {
    const { top, bottom } = document.querySelector(one).getBoundingClientRect();
    return [top, bottom];
  }));
  const [banner, head, preview] = boxes;
  assert.ok(head[0] >= banner[1] - 1 && preview[0] >= head[1] - 1 && preview[1] <= 801, JSON.stringify(boxes));
  await page.unroute('**/api/v1/**');
});
