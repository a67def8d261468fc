// The studio for everybody: the rules of WCAG 2.2 AA on every screen and dialog, in both themes, from
// 320 pixels to 4K and at a zoom of 200 %; nothing is cut off at the side.

import assert from 'node:assert/strict';
import { beforeSave, signIn, story, violations, withBrowser } from './harness.js';

withBrowser();

/** A window at a zoom of 200 % has half of its pixels. */
const SIZES = { 'a window': { width: 1280, height: 800 }, 'a phone': { width: 320, height: 640 }, 'a zoomed window': { width: 640, height: 400 }, '4K': { width: 3840, height: 2160 } };

async function check(page, what) {
  assert.deepEqual(await violations(page), [], what);
  const over = await page.evaluate(() => document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth);
  assert.ok(over <= 0, `${what}: ${over} pixels are cut off`);
  const longer = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
  assert.ok(longer <= 0, `${what}: the whole page can be scrolled by ${longer} pixels`);
  const outside = await page.evaluate(() => [...document.querySelectorAll('dialog[open], .bulk, .toast')].filter((one) => {
    const { left, right } = one.getBoundingClientRect();
    return left < 0 || right > innerWidth;
  }).map((one) => one.className));
  assert.deepEqual(outside, [], `${what}: outside of the window`);
}

/** Checks a dialog, and closes it. */
async function checkDialog(page, what) {
  await page.getByRole('dialog').waitFor();
  await check(page, what);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function checkGallery(page, server) {
  for (const view of ['grid', 'list']) {
    await page.goto(`${server.url}/#/?tag=a&q=word`);
    await page.getByRole('button', { name: view === 'grid' ? 'Grid' : 'List', exact: true }).click();
    await page.locator('.card').first().waitFor();
    await page.locator('.pick input').first().click();
    await page.locator('.bulk').getByRole('button', { name: 'Select all' }).waitFor();
    await check(page, `${view} with a selection`);
    if (view === 'grid') await page.getByRole('button', { name: 'Clear selection' }).click();
  }
  for (const name of ['Tag', 'Label']) {
    await page.locator('.bulk').getByRole('button', { name, exact: true }).click();
    await checkDialog(page, `${name} of many`);
  }
  await page.getByRole('button', { name: 'Clear selection' }).click();
  await page.keyboard.press('Control+k');
  await page.locator('.palette-entry').first().waitFor();
  await checkDialog(page, 'palette');
}

/** Folders, filters of every kind with long words, their dialog, and a folder with nothing in it. */
async function checkFolders(page, server) {
  const folder = 'long-word'.repeat(7).slice(0, 50);
  for (let number = 0; number < 14; number += 1) await server.create({ name: `In a folder ${number}`, handle: `${folder.slice(0, 36 + number)}/${number}/a`, owner: 'team:7' });
  await page.goto(`${server.url}/#/?folder=${folder.slice(0, 36)}`);
  await page.locator('.folders .folder').first().waitFor();
  await check(page, 'a folder');
  await page.keyboard.press('c');
  await page.getByRole('dialog').getByLabel('Name').fill('x'.repeat(80));
  await checkDialog(page, 'new persona in a folder');
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').getByRole('combobox').fill('long');
  await page.locator('.palette-entry', { hasText: 'long-word' }).first().waitFor();
  await checkDialog(page, 'palette with folders');
  await page.goto(`${server.url}/#/`);
  await page.getByRole('button', { name: 'More folders' }).waitFor();
  await check(page, 'more folders');
  await page.goto(`${server.url}/#/?not=a&tag=${'x'.repeat(60)}&label=${'label'.repeat(12)}&owner=${'owner'.repeat(20)}&since=7d`);
  await page.getByRole('heading', { name: 'No persona matches' }).waitFor();
  await check(page, 'filters of every kind');
  await page.getByRole('button', { name: 'More filters' }).click();
  await page.getByLabel('Since a day').check();
  await checkDialog(page, 'filters');
  await page.goto(`${server.url}/#/?folder=nothing`);
  await page.getByRole('heading', { name: 'Nothing in this folder' }).waitFor();
  await check(page, 'an empty folder');
}

async function checkEditor(page, server, id) {
  await page.goto(`${server.url}/#/personas/${id}`);
  await page.getByLabel('Description').waitFor();
  await page.keyboard.press('Control+Shift+s');
  await checkDialog(page, 'note');
  await page.getByRole('button', { name: 'More' }).click();
  await check(page, 'editor');
  await page.goto(`${server.url}/#/personas/${id}/preview`);
  await page.locator('.preview.alone .bubble').waitFor();
  await check(page, 'preview');
  await page.goto(`${server.url}/#/personas/${id}/history`);
  await page.locator('.compared .diff').first().waitFor();
  await page.locator('.timeline .badge', { hasText: 'staging' }).waitFor();
  await check(page, 'history');
  await page.getByRole('button', { name: 'Label…' }).click();
  await checkDialog(page, 'label');
  await page.goto(`${server.url}/#/personas/${id}/json`);
  await page.getByLabel('The persona as JSON').waitFor();
  await check(page, 'JSON');
}

/** The health page with all that it can show: findings, and a task that is under way. */
async function healthOf(page) {
  await page.getByRole('heading', { name: 'Processes' }).waitFor();
  await page.getByRole('progressbar').waitFor();
  await page.locator('.findings li').first().waitFor();
  await page.getByText('1 check is well').click();
}

const TASK = { kind: 'check', state: 'running', not_offered: null, rests_for_seconds: 0, step: 'checking the personas', done: 3, total: 4 };
const FINDINGS = [{ check: 'damage', level: 'fail', text: '2 damaged personas', cure: 'restore a backup: persona restore' }, { check: 'WAL', level: 'warn', text: 'it is large', cure: 'end the export' }, { check: 'lock', level: 'ok', text: `no program ${'x'.repeat(60)}`, cure: null }];

/** The settings of an admin: the tokens, and each of their dialogs. */
async function checkTokens(page, server, token) {
  await signIn(page, token);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.goto(`${server.url}/#/settings`);
  await page.locator('.rows li').first().waitFor();
  await check(page, 'tokens');
  for (const name of ['Rotate admin', 'Revoke admin', 'New token']) {
    await page.getByRole('button', { name }).click();
    if (name === 'New token') await page.getByLabel('Owner').fill('team');
    await checkDialog(page, name);
  }
  await page.getByRole('button', { name: 'New token' }).click();
  await page.getByLabel('Name', { exact: true }).fill('x'.repeat(64));
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Secret' }).waitFor();
  await check(page, 'secret');
  await page.getByRole('button', { name: 'Done' }).click();
  await page.locator('.rows li', { hasText: 'xxx' }).waitFor();
  await check(page, 'tokens with a long name');
}

/** An editor that can only be read, and one with the draft of another person. */
async function checkAuthors(page, server, id) {
  const enter = async (secret) => {
    await page.evaluate((text) => sessionStorage.setItem('persona-studio:token', text), secret);
    await page.goto(`${server.url}/#/personas/${id}`);
    await page.reload();
    await page.getByLabel('Description').waitFor();
  };
  const [reader, writer] = ['read', 'write'].map((scope) => server.token('create', `--name=${scope}`, `--scope=${scope}`).token);
  await page.goto(`${server.url}/#/personas/${id}`);
  // The conflict from before is still to be decided.
  await page.getByRole('button', { name: /^Take yours/ }).click();
  await page.getByText(/^Saved as/).waitFor();
  await page.route('**/api/v1/personas/**', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await page.getByLabel('Personality').fill('Typed by an admin.');
  await page.getByText('Offline · kept here, retrying').waitFor();
  await enter(writer);
  await page.getByText('by somebody else who was signed in', { exact: false }).waitFor();
  await check(page, 'a draft of another person');
  await page.unroute('**/api/v1/personas/**');
  await page.getByRole('button', { name: 'Leave it out' }).click();
  await page.getByText('by somebody else who was signed in', { exact: false }).waitFor({ state: 'detached' });
  await enter(reader);
  await page.locator('html[data-scope=read]').waitFor();
  await check(page, 'an editor that can only be read');
}

async function checkOthers(page, server) {
  for (const [hash, name] of [['#/import', 'Import'], ['#/health', 'Health'], ['#/settings', 'Settings'], ['#/?q=nothing+here', 'Personas'], ['#/personas/nothing', 'This persona does not exist.']]) {
    await page.goto(`${server.url}/${hash}`);
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    if (name === 'Health') await healthOf(page);
    // Labels and owners, one of each with a long name.
    if (name === 'Settings') await page.locator('.rows li', { hasText: 'team:7' }).waitFor();
    await check(page, name);
  }
  await page.goto(`${server.url}/#/import`);
  await page.locator('input[type=file]').setInputFiles({ name: 'one.ndjson', mimeType: 'text/plain', buffer: Buffer.from(`{"name": "${'long name '.repeat(20)}"}\n{"name": 7}`) });
  await page.locator('.import-table').waitFor();
  await check(page, 'import with a table');
  await page.getByRole('button', { name: 'Other files' }).click();
}

const EVERYTHING = { name: '👩‍🚀 '.repeat(60), description: 'word'.repeat(200), tags: ['a', 'b', 'c', 'd', 'x'.repeat(128)], first_mes: 'Hello *waves* {{user}}', alternate_greetings: ['Hi'], character_book: { entries: [{ keys: ['k'], content: 'c' }] } };

for (const colorScheme of ['light', 'dark']) for (const [what, viewport] of Object.entries(SIZES)) {
  story(`every screen keeps the rules in the ${colorScheme} theme on ${what}`, async ({ server, person, open }) => {
    const context = await person({ colorScheme, viewport, reducedMotion: 'reduce' });
    const page = await open('#/', { context });
    for (const [place, items] of [['tasks', [TASK]], ['findings', FINDINGS]]) await page.route(`**/api/v1/server/${place}`, (route) => route.fulfill({ json: { items, next_cursor: null } }));
    await check(page, 'empty gallery');
    await page.keyboard.press('c');
    await checkDialog(page, 'new persona');
    await page.keyboard.press('?');
    await checkDialog(page, 'shortcuts');
    await page.getByRole('button', { name: /samples/ }).click();
    await page.locator('.card').first().waitFor();
    const { id } = await server.create(EVERYTHING);
    await server.api('PATCH', `personas/${id}`, { is_active: false });
    // Where one of several is selected, all of them can be.
    await server.create({ name: 'Another', description: 'word', tags: ['a'] });
    await server.api('PUT', `personas/${id}/labels/staging`, { revision: 1 });
    await checkGallery(page, server);
    await checkFolders(page, server);
    await checkEditor(page, server, id);
    await checkOthers(page, server);
    await page.goto(`${server.url}/#/personas/${id}`);
    await beforeSave(page, async () => {
      await page.getByLabel('Scenario').fill('mine');
      await server.api('PATCH', `personas/${id}`, { scenario: 'theirs' });
    });
    await page.getByRole('button', { name: 'Decide…' }).first().click();
    await page.getByRole('dialog', { name: 'Both of you changed this' }).waitFor();
    await check(page, 'conflict');
    // What a server that is away, and one that wants a token, make of the page.
    await page.keyboard.press('Escape');
    await page.route('**/api/v1/**', (route) => route.abort());
    await page.getByLabel('Appearance').fill('Typed while the server is away.');
    await page.locator('.banner', { hasText: 'The server cannot be reached.' }).waitFor();
    await check(page, 'offline');
    await page.unroute('**/api/v1/**');
    const { token } = server.token('create', '--name=admin', '--scope=admin');
    await page.goto(`${server.url}/#/`);
    await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
    await check(page, 'sign in');
    await page.keyboard.press('Escape');
    await page.getByText('You are signed out.', { exact: false }).waitFor();
    await check(page, 'signed out');
    await page.locator('.banner').getByRole('button', { name: 'Sign in' }).click();
    await checkTokens(page, server, token);
    await checkAuthors(page, server, id);
  });
}
