// What an admin does in the studio: access tokens in the settings, and on the health page what the
// server finds of itself and can be asked to do.

import assert from 'node:assert/strict';
import { signIn, story, until, withBrowser } from './harness.js';

withBrowser();

const bearer = (secret) => ({ authorization: `Bearer ${secret}` });
const linkOf = (server, ...flags) => server.token('link', `--url=${server.url}`, ...flags).url;
/** Whether a secret lets a request in, and may write. */
const statusOf = async (server, secret, method = 'GET') => (await fetch(`${server.url}/api/v1/personas`, { method, headers: { 'content-type': 'application/json', ...bearer(secret) }, body: method === 'GET' ? undefined : '{"name": "Of a token"}' })).status;
const row = (page, name) => page.locator('.rows li', { hasText: name });
const dialog = (page) => page.getByRole('dialog');

/** A window that is signed in by a link with these flags, at a screen. */
async function signedIn({ server, person }, hash, ...flags) {
  const page = await (await person()).newPage();
  await page.goto(linkOf(server, ...flags));
  await page.locator('html[data-scope]:not([data-scope=""])').waitFor();
  await page.goto(`${server.url}/${hash}`);
  return page;
}

/** The secret that a dialog shows; the dialog is closed. */
async function secretOf(page) {
  const secret = await dialog(page).getByLabel('Secret').inputValue();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await dialog(page).waitFor({ state: 'detached' });
  return secret;
}

story('the first token is made with the keyboard alone, is told once, and the window goes on with it', async ({ server, person, open }) => {
  await server.create({ name: 'Ada' });
  const context = await person({ permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await open('#/settings', { context });
  await page.getByRole('button', { name: 'New token' }).focus();
  await page.keyboard.press('Enter');
  await dialog(page).getByText('Without a token everyone', { exact: false }).waitFor();
  await page.keyboard.type('boss');
  await page.keyboard.press('Enter');
  await dialog(page).getByText('Copy it now', { exact: false }).waitFor();
  const secret = await dialog(page).getByLabel('Secret').inputValue();
  await page.keyboard.press('Enter');
  await dialog(page).getByText('Copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  // A click beside the dialog does not lose the secret.
  await page.mouse.click(4, 4);
  assert.equal(await secretOf(page), secret);
  assert.ok(!(await page.content()).includes(secret), 'the secret is nowhere any more');
  await row(page, 'boss').getByText('This window').waitFor();
  assert.equal((await fetch(`${server.url}/api/v1/personas`)).status, 401);
  await page.getByRole('link', { name: 'Personas', exact: true }).click();
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  const { items: [first] } = await server.api('GET', 'tokens', undefined, bearer(secret));
  assert.deepEqual([first.scope, first.act_as, first.owner], ['admin', true, null]);
});

story('tokens are made, rotated and revoked, and count as they say', async (tools) => {
  const { server } = tools;
  server.token('create', '--name=admin', '--scope=admin');
  const page = await signedIn(tools, '#/settings');
  await row(page, 'admin').first().waitFor();
  await page.getByRole('button', { name: 'New token' }).click();
  const name = dialog(page).getByLabel('Name', { exact: true });
  await name.fill('admin');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  // A name that is taken is told in its place, until it is changed.
  await dialog(page).locator('#dialog-why:not(:empty)').waitFor();
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  await name.fill('ci');
  await dialog(page).locator('#dialog-why:empty').waitFor({ state: 'attached' });
  await dialog(page).getByLabel('Read', { exact: true }).check();
  await dialog(page).getByLabel('Owner').fill('team:7');
  await dialog(page).getByLabel('Also reads personas without an owner').check();
  await dialog(page).getByLabel('30 days').check();
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  const first = await secretOf(page);
  assert.deepEqual([await statusOf(server, first), await statusOf(server, first, 'POST')], [200, 403]);
  const facts = await row(page, 'ci').textContent();
  assert.match(facts, /Read.*of team:7 and shared · never used · until \w+ \d+, \d+/);
  // Without the former secret from now on.
  await row(page, 'ci').getByRole('button', { name: 'Rotate ci' }).click();
  await dialog(page).getByLabel('No more').check();
  await dialog(page).getByRole('button', { name: 'Rotate' }).click();
  const second = await secretOf(page);
  assert.deepEqual([await statusOf(server, first), await statusOf(server, second)], [401, 200]);
  // A revocation asks, and Escape is no answer.
  await row(page, 'ci').getByRole('button', { name: 'Revoke ci' }).click();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  assert.equal(await statusOf(server, second), 200);
  await row(page, 'ci').getByRole('button', { name: 'Revoke ci' }).click();
  await dialog(page).getByRole('button', { name: 'Revoke' }).click();
  await row(page, 'ci').waitFor({ state: 'detached' });
  assert.equal(await statusOf(server, second), 401);
  await page.getByLabel('Show ended ones').check();
  await row(page, 'ci').getByText('Revoked').waitFor();
  assert.equal(await row(page, 'ci').getByRole('button').count(), 0);
  // A session has no secret that a script may learn.
  assert.deepEqual(await row(page, 'studio-session').getByRole('button').allTextContents().then((all) => all.map((text) => text.split(' ')[0])), ['Revoke']);
});

story('a token is offered what it permits, and no more', async (tools) => {
  const { server, person } = tools;
  const admin = bearer(server.token('create', '--name=admin', '--scope=admin', '--act-as').token);
  const writer = await signedIn(tools, '#/settings', '--scope=write');
  await writer.getByRole('heading', { name: 'Data' }).waitFor();
  assert.equal(await writer.getByRole('heading', { name: 'Access tokens' }).count(), 0);
  await writer.goto(`${server.url}/#/health`);
  await writer.getByText('Nothing needs attention.').waitFor();
  assert.equal(await writer.getByRole('heading', { name: 'Actions' }).count(), 0);
  // An admin of one owner: its own tokens, without what it may not give.
  for (const [name, more] of [['of-nobody', {}], ['of-team', { owner: 'team:7' }], ['larger', { owner: 'team:7', act_as: true }], ['wider', { owner: 'team:7', shared: true }]]) await server.api('POST', 'tokens', { name, scope: 'read', ...more }, admin);
  const bound = await signedIn({ server, person }, '#/settings', '--scope=admin', '--owner=team:7');
  await row(bound, 'of-team').waitFor();
  assert.equal(await row(bound, 'of-nobody').count(), 0);
  const rotations = await bound.getByRole('button', { name: /^Rotate/ }).allTextContents();
  assert.deepEqual(rotations, ['Rotate of-team']);
  await bound.getByRole('button', { name: 'New token' }).click();
  await dialog(bound).getByLabel('Name', { exact: true }).fill('mine');
  for (const label of ['Owner', 'Also reads personas without an owner', 'May name other authors']) assert.equal(await dialog(bound).getByLabel(label).count(), 0, label);
  await dialog(bound).getByRole('button', { name: 'Create' }).click();
  await secretOf(bound);
  const { items } = await server.api('GET', 'tokens?limit=100', undefined, admin);
  assert.equal(items.find((one) => one.name.startsWith('mine')).owner, 'team:7');
});

story('of many tokens some are looked for by what they are, whichever page they are on', async (tools) => {
  const { server } = tools;
  const admin = bearer(server.token('create', '--name=admin', '--scope=admin').token);
  const page = await signedIn(tools, '#/settings');
  await row(page, 'admin').waitFor();
  const box = page.getByLabel('Look for tokens');
  assert.equal(await box.count(), 0, 'a few are seen at once');
  for (let number = 0; number < 110; number += 1) await server.api('POST', 'tokens', { name: `ci-${String(number).padStart(3, '0')}`, scope: 'read' }, admin);
  await server.api('POST', 'tokens', { name: 'zz-last', scope: 'write', owner: 'team:9' }, admin);
  await server.api('POST', 'tokens/ci-005/revoke', undefined, admin);
  await page.reload();
  await page.getByRole('button', { name: 'More tokens' }).waitFor();
  assert.equal(await row(page, 'zz-last').count(), 0);
  const names = () => page.locator('.rows').first().locator('li strong').allTextContents();
  // Two presses for more bring the next page once.
  let go;
  const gate = new Promise((resolve) => (go = resolve));
  const answers = [];
  await page.route(/tokens\?.*cursor=/, async (route) => {
    await gate;
    const response = await route.fetch();
    await route.fulfill({ response });
    answers.push(response);
  });
  for (const _time of [1, 2]) await page.getByRole('button', { name: 'More tokens' }).click();
  go();
  await until('both are answered', async () => answers.length === 2);
  await row(page, 'zz-last').first().waitFor();
  assert.equal(await row(page, 'zz-last').count(), 1);
  await page.reload();
  await page.getByRole('button', { name: 'More tokens' }).waitFor();
  const find = async (text, expected, count) => {
    await box.fill(text);
    await page.getByRole('status').filter({ hasText: `${count} of 113 tokens` }).waitFor();
    assert.deepEqual((await names()).slice(0, 3), expected);
  };
  await find('zz', ['zz-last'], 1);
  await find(' Team:9 write', ['zz-last'], 1);
  await find('CI-01', ['ci-010', 'ci-011', 'ci-012'], 10);
  await find('revoked', ['ci-005'], 1);
  await find('live session', [(await names()).find((one) => one.startsWith('studio-session')) ?? (await server.api('GET', 'tokens?limit=1000', undefined, admin)).items.find((one) => one.kind === 'session').name], 1);
  await find('no such', [], 0);
  // What is found can be changed, and what ended is not among all the others.
  await find('ci-007 live', ['ci-007'], 1);
  await page.getByRole('button', { name: 'Revoke ci-007' }).click();
  await dialog(page).getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('status').filter({ hasText: '0 of 113 tokens' }).waitFor();
  await box.fill('');
  await row(page, 'ci-006').waitFor();
  assert.deepEqual([await row(page, 'ci-005').count(), await row(page, 'ci-007').count()], [0, 0]);
});

story('the own token is rotated under the window, and its end asks for another one', async ({ server, open }) => {
  await server.create({ name: 'Ada' });
  const { token } = server.token('create', '--name=admin', '--scope=admin');
  const page = await open();
  await signIn(page, token);
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  await page.goto(`${server.url}/#/settings`);
  await row(page, 'admin').getByText('This window').waitFor();
  await row(page, 'admin').getByRole('button', { name: 'Rotate' }).click();
  await dialog(page).getByLabel('No more').check();
  await dialog(page).getByRole('button', { name: 'Rotate' }).click();
  const secret = await secretOf(page);
  assert.deepEqual([await statusOf(server, token), await statusOf(server, secret)], [401, 200]);
  await page.reload();
  await row(page, 'admin').getByRole('button', { name: 'Revoke' }).click();
  await dialog(page).getByText('This window is signed in with it', { exact: false }).waitFor();
  await dialog(page).getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  assert.equal(await statusOf(server, secret), 401);
});

const taskOf = async (server, kind) => (await server.api('GET', 'server/tasks')).items.find((one) => one.kind === kind);

story('an admin has the log emptied, the database checked and a backup made, and sees what came of it', async ({ server, open }) => {
  await server.create({ name: 'Ada' });
  const page = await open('#/health');
  for (const [kind, title, action, told] of [
    ['check', 'Integrity check', 'Check', /^Done .* · 1 persona · no problem/],
    ['checkpoint', 'Checkpoint', 'Make a checkpoint', /^Done /],
    ['backup', 'Backup', 'Back up', /^Done .* · [\d.]+ KiB · 1 persona · again in 10 min/],
  ]) {
    const button = row(page, title).getByRole('button', { name: action, exact: true });
    await until(`${kind} can be asked for`, () => button.isEnabled());
    await button.click();
    await row(page, title).getByRole('status').filter({ hasText: told }).waitFor();
    assert.equal((await taskOf(server, kind)).state, 'done');
    // It rests for a while, and the button says so.
    assert.equal(await button.isDisabled(), true);
  }
}, { env: { PERSONA_BACKUP_EVERY: '1h' } });

story('the progress of a task, its failure, and what is not offered are told', async ({ server, open }) => {
  const page = await open();
  const task = { not_offered: null, asked_at: null, began_at: null, ended_at: null, rests_for_seconds: 0, step: null, done: 0, total: 0, bytes: null, personas: null, problems: null };
  let items = [{ ...task, kind: 'check', state: 'running', step: 'checking the personas', done: 30, total: 120 }, { ...task, kind: 'checkpoint', state: 'never' }];
  await page.route('**/api/v1/server/tasks', (route) => route.fulfill({ json: { items, next_cursor: null } }));
  await page.goto(`${server.url}/#/health`);
  await row(page, 'Integrity check').getByText('checking the personas…').waitFor();
  const bar = page.getByRole('progressbar', { name: 'Integrity check' });
  assert.equal(await bar.evaluate((one) => one.position), 0.25);
  // One task at a time.
  for (const name of ['Check', 'Make a checkpoint']) assert.equal(await page.getByRole('button', { name, exact: true }).isDisabled(), true);
  const ended_at = new Date().toISOString();
  items = [{ ...task, kind: 'check', state: 'done', ended_at, personas: 7, problems: 3 }, { ...task, kind: 'checkpoint', state: 'failed', ended_at }, { ...task, kind: 'backup', state: 'never', not_offered: 'set backup_every' }];
  await row(page, 'Integrity check').getByText('7 personas · 3 problems', { exact: false }).waitFor();
  await row(page, 'Checkpoint').getByText('Failed just now; the log of the server says why').waitFor();
  await row(page, 'Backup').getByText('set backup_every').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Back up' }).count(), 0);
  assert.equal(await bar.count(), 0);
});

story('what the server finds of itself is told, with what to do', async ({ server, open }) => {
  const page = await open('#/health');
  await page.getByText('Nothing needs attention.').waitFor();
  // As the server says it, for each of its checks.
  const { items } = await server.api('GET', 'server/findings');
  await page.getByText(/^\d+ checks are well$/).click();
  assert.deepEqual(await page.locator('details dt').allTextContents(), items.map((one) => one.check));
  // What it cannot say yet is listed, and not counted.
  const wrong = [{ check: 'damage', level: 'fail', text: '2 damaged personas were found', cure: 'restore a backup' }, { check: 'WAL', level: 'warn', text: 'it is large', cure: 'end the export' }, { check: 'lock', level: 'ok', text: 'no program', cure: null }, { check: 'contention', level: 'ok', text: 'not known yet', cure: null }];
  await page.route('**/api/v1/server/findings', (route) => route.fulfill({ json: { items: wrong, next_cursor: null } }));
  await page.reload();
  await page.locator('.findings li.fail', { hasText: 'What to do: restore a backup' }).waitFor();
  await page.locator('.findings li.warn', { hasText: 'it is large' }).waitFor();
  await page.getByText('1 check is well').waitFor();
  assert.equal(await page.getByText('Nothing needs attention.').count(), 0);
});

story('the figures of the health page say what they are, its times are ages, and what is not known yet is not well', async ({ server, open }) => {
  await server.create({ name: 'Ada' });
  await server.api('POST', 'server/checkpoint');
  const page = await open('#/health');
  const figure = (name) => page.locator('.figures > div', { has: page.getByText(name, { exact: true }) });
  for (const [name, text] of [['Database', /journal wal, durability normal/], ['Writes waiting', /p99 of the wait/], ['Writes per second', /\d/], ['Write lock held, p99', /[µm]s/], ['Requests in work', /\d+ window|follows?/], ['Running for', /version \d/]]) await figure(name).getByText(text).first().waitFor();
  const findings = page.locator('details', { has: page.getByText(/checks are well$/) });
  const texts = await findings.locator('dd').allTextContents();
  const unknown = texts.filter((one) => /not known/i.test(one)).length;
  await page.getByText(`${texts.length - unknown} checks are well`, { exact: true }).waitFor();
  assert.ok(texts.length > 5 && texts.every((one) => !/\dT\d\d:/.test(one)), texts.join('\n'));
});
