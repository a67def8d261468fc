// What changes elsewhere is seen here: over one stream of events for all windows of a browser.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { hearing, pulses, Server, story, until, violations, withBrowser } from './harness.js';

withBrowser();

const isStream = (request) => new URL(request.url()).pathname === '/api/v1/events';

/** Counts the streams that the windows of a person open, and have open. */
function streamsOf(context) {
  const open = new Set();
  let opened = 0;
  context.on('request', (request) => isStream(request) && ((opened += 1), open.add(request)));
  for (const end of ['requestfinished', 'requestfailed']) context.on(end, (request) => open.delete(request));
  // The end of a window is the end of its requests, and of none of them in particular.
  return { opened: () => opened, open: () => [...open].filter((request) => !request.frame().page().isClosed()).length };
}

const change = (server, id, members, by = 'Bea') => server.api('PATCH', `personas/${id}`, members, { 'x-persona-author': by });

story('a change elsewhere pulses on its card and is told in the editor, and no page asks in between', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'a' });
  const context = await person();
  await context.clock.install();
  const [gallery, editor] = [await open('#/', { context }), await open(`#/personas/${id}`, { context })];
  await gallery.getByRole('link', { name: 'Ada' }).waitFor();
  const pulsed = await pulses(gallery);
  await change(server, id, { description: 'b' });
  await pulsed('Ada');
  await editor.getByText('Bea changed Description.').waitFor();
  assert.equal(await editor.getByLabel('Description').inputValue(), 'b');
  // 20 seconds by the clocks of the pages, in which nothing happens; a stream may be silent for 45.
  await gallery.locator('.card.fresh').waitFor({ state: 'detached' });
  const asked = [];
  context.on('request', (request) => asked.push(request.url()));
  for (const page of [gallery, editor]) await page.clock.fastForward(20_000);
  assert.deepEqual(asked, []);
  await change(server, id, { personality: 'c' });
  await editor.getByText('Bea changed Personality.').waitFor();
  assert.notDeepEqual(asked, []);
});

const purge = (server, id) => server.api('DELETE', `personas/${id}?purge=true`, undefined, { 'if-match': '*' });

story('a purged persona leaves the gallery and its selection, also where deleted ones are shown', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const other = await server.create({ name: 'Bea' });
  await server.api('DELETE', `personas/${other.id}`, undefined, { 'if-match': '*' });
  const context = await person();
  const [first, second] = [await hearing(context, () => open('#/?deleted=yes', { context })), await open('#/?deleted=yes', { context })];
  for (const page of [first, second]) for (const name of ['Ada', 'Bea']) await page.getByRole('link', { name }).waitFor();
  await second.getByLabel('Select Ada').click();
  await second.getByText('1 selected').waitFor();
  await purge(server, id);
  // Both windows hear of it, though one of them has the stream.
  for (const page of [first, second]) await page.getByRole('link', { name: 'Ada' }).waitFor({ state: 'detached' });
  await second.getByText('1 selected').waitFor({ state: 'detached' });
  await purge(server, other.id);
  for (const page of [first, second]) await page.getByRole('link', { name: 'Bea' }).waitFor({ state: 'detached' });
  await first.getByText('0 personas').waitFor();
});

story('a purge while no stream is open is told of by the next one', async (tools) => {
  const { server, open } = tools;
  const { id } = await server.create({ name: 'Ada' });
  await server.create({ name: 'Bea' });
  const page = await open();
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  // The stream has told of something, so its place is known.
  const pulsed = await pulses(page);
  await change(server, id, { description: 'b' });
  await pulsed('Ada');
  await server.stop();
  await page.locator('.banner', { hasText: 'The server cannot be reached.' }).waitFor();
  const elsewhere = await Server.start({ folder: server.folder });
  await purge(elsewhere, id);
  await elsewhere.stop();
  Object.assign(server, await Server.start({ folder: server.folder, port: server.port }));
  await page.getByRole('link', { name: 'Ada' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Bea' }).waitFor();
});

story('many windows have one stream, and another one takes over and misses nothing', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Version 0' });
  const context = await person();
  const streams = streamsOf(context);
  const first = await open('#/', { context });
  await until('it has a stream', async () => streams.open() === 1);
  const others = [await open('#/', { context }), await open(`#/personas/${id}`, { context })];
  await change(server, id, { name: 'Version 1' });
  for (const page of [first, others[0]]) await page.getByRole('link', { name: 'Version 1' }).waitFor();
  await others[1].getByRole('heading', { name: 'Version 1' }).waitFor();
  assert.equal(streams.opened(), 1);
  // The change falls into the time without a stream, or just before or behind it.
  await Promise.all([first.close(), change(server, id, { name: 'Version 2' })]);
  await others[0].getByRole('link', { name: 'Version 2' }).waitFor();
  await others[1].getByRole('heading', { name: 'Version 2' }).waitFor();
  await until('there is one stream again', async () => streams.open() === 1);
  await change(server, id, { name: 'Version 3' });
  await others[0].getByRole('link', { name: 'Version 3' }).waitFor();
  await others[1].getByRole('heading', { name: 'Version 3' }).waitFor();
  assert.equal(streams.opened(), 2);
});

story('a change that is told of while a save is under way is taken in behind it', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  const page = await open(`#/personas/${id}`, { context });
  await page.route('**/api/v1/personas/**', async (route) => {
    if (route.request().method() !== 'PATCH') return route.continue();
    const response = await route.fetch();
    // The answer comes when the page was told of what is newer, which can be at once.
    const told = page.waitForResponse(async (answer) => /updated_since/.test(answer.url()) && (await answer.text()).includes('"revision":3'));
    assert.equal((await change(server, id, { personality: 'theirs' })).revision, 3);
    await told;
    return route.fulfill({ response });
  });
  await page.getByLabel('Description').fill('mine');
  await page.keyboard.press('Control+s');
  await page.getByText('Bea changed Personality.').waitFor();
  assert.equal(await page.getByLabel('Personality').inputValue(), 'theirs');
  assert.equal(await page.getByLabel('Description').inputValue(), 'mine');
});

story('windows with other tokens share no stream', async ({ server, open, person }) => {
  await server.create({ name: 'Ada' });
  const context = await person();
  const streams = streamsOf(context);
  const first = await open('#/', { context });
  await until('it has a stream', async () => streams.open() === 1);
  const second = await open('#/', { context });
  await second.evaluate(() => sessionStorage.setItem('persona-studio:token', 'psk_other'));
  await second.reload();
  await until('it has one of its own', async () => streams.open() === 2);
  await first.getByRole('link', { name: 'Ada' }).waitFor();
});

story('a page without locks has a stream of its own while it is seen', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Before' });
  const context = await person();
  await context.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
    let isHidden = false;
    Object.defineProperty(Document.prototype, 'hidden', { get: () => isHidden });
    globalThis.hide = (is) => {
      isHidden = is;
      document.dispatchEvent(new Event('visibilitychange'));
    };
  });
  const streams = streamsOf(context);
  const pages = [await open('#/', { context }), await open('#/', { context })];
  await until('each has one', async () => streams.open() === 2);
  await pages[0].evaluate(() => globalThis.hide(true));
  await until('the hidden one rests', async () => streams.open() === 1);
  await change(server, id, { name: 'After' });
  await pages[1].getByRole('link', { name: 'After' }).waitFor();
  assert.equal(await pages[0].getByRole('link', { name: 'Before' }).count(), 1);
  await pages[0].evaluate(() => globalThis.hide(false));
  await pages[0].getByRole('link', { name: 'After' }).waitFor();
  await until('each has one', async () => streams.open() === 2);
});

story('a server that was away has told of everything when it is back', async (tools) => {
  const { server, open } = tools;
  const { id } = await server.create({ name: 'Before' });
  const [gallery, editor] = [await open(), await open(`#/personas/${id}`)];
  await gallery.getByRole('link', { name: 'Before' }).waitFor();
  await server.stop();
  await gallery.locator('.banner', { hasText: 'The server cannot be reached.' }).waitFor();
  // While it is up at another address the pages do not hear of it.
  const elsewhere = await Server.start({ folder: server.folder });
  await change(elsewhere, id, { name: 'Meanwhile' });
  await elsewhere.stop();
  Object.assign(server, await Server.start({ folder: server.folder, port: server.port }));
  await gallery.locator('.card', { hasText: 'Meanwhile' }).waitFor();
  await editor.getByText('Bea changed Name.').waitFor();
  await change(server, id, { name: 'After' });
  await gallery.locator('.card', { hasText: 'After' }).waitFor();
});

story('workers that are replaced are followed further', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Before' });
  const page = await open();
  await page.getByRole('link', { name: 'Before' }).waitFor();
  const before = await server.workers();
  server.child.kill('SIGHUP');
  await until('all workers are new', async () => (await server.workers()).every((pid) => !before.includes(pid)));
  await change(server, id, { name: 'After' });
  await page.getByRole('link', { name: 'After' }).waitFor();
});

story('another database in the place of the first one is read anew', async (tools) => {
  const { server, open } = tools;
  await server.create({ name: 'Of the first' });
  const page = await open();
  await page.getByRole('link', { name: 'Of the first' }).waitFor();
  await server.stop();
  await page.locator('.banner', { hasText: 'The server cannot be reached.' }).waitFor();
  for (const name of fs.readdirSync(server.folder)) if (name.startsWith('s.db')) fs.rmSync(path.join(server.folder, name), { recursive: true });
  const other = await Server.start({ folder: server.folder });
  await other.create({ name: 'Of the second' });
  await other.stop();
  Object.assign(server, await Server.start({ folder: server.folder, port: server.port }));
  await page.getByRole('link', { name: 'Of the second' }).waitFor();
  await page.getByRole('link', { name: 'Of the first' }).waitFor({ state: 'detached' });
});

story('an editor says who else has its persona, and who has changed it last', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: 'a' });
  const context = await person();
  const page = await open(`#/personas/${id}`, { context });
  await page.getByText('Saved as r1').waitFor();
  assert.equal(await page.locator('.presence .badge').count(), 0);
  const other = await open(`#/personas/${id}`, { context });
  for (const one of [page, other]) await one.getByText('Also open in another window').waitFor();
  const third = await open(`#/personas/${id}/history`, { context });
  await page.getByText('Also open in 2 other windows').waitFor();
  // What is typed there and not saved is told at once.
  await other.route('**/api/v1/personas/**', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await other.getByLabel('Description').fill('b');
  await page.getByText('Being edited in another window').waitFor();
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    assert.deepEqual(await violations(page), [], colorScheme);
  }
  await other.unroute('**/api/v1/personas/**');
  await other.keyboard.press('Control+s');
  await page.getByText('Being edited in another window').waitFor({ state: 'detached' });
  await page.getByText('Another window edited just now').waitFor();
  await change(server, id, { personality: 'Of Bea.' });
  await page.getByText('Bea edited just now').waitFor();
  // One that is left, and one that is closed, are not there any more; whoever comes sees who was there last.
  await third.getByRole('link', { name: 'Settings' }).click();
  await page.getByText('Also open in another window').waitFor();
  await other.close();
  await page.getByText('Also open in another window').waitFor({ state: 'detached' });
  const next = await open(`#/personas/${id}`, { context: await person() });
  await next.getByText('Bea edited just now').waitFor();
  assert.equal(await next.getByText('Also open').count(), 0);
});
