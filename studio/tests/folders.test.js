// Folders and filters of the gallery: what is below a folder of handles, and chips that are the
// address.

import assert from 'node:assert/strict';
import { story, until, withBrowser } from './harness.js';

withBrowser();

const names = (page) => page.locator('.card-link').allTextContents();
const folders = async (page) => (await page.locator('.folders .folder').allTextContents()).map((text) => text.replace(/\s+/g, ' ').trim());
const place = (page) => new URL(page.url()).hash;
const sorted = async (page, expected) => until(`the cards are ${expected}`, async () => (await names(page)).toSorted().join() === expected.join());

const SUPPORT = [
  { name: 'Tier 1', handle: 'support/tier-1' }, { name: 'Night', handle: 'support/tier-2/night' }, { name: 'Day', handle: 'support/tier-2/day', kind: 'agent' },
  { name: 'Support', handle: 'support' }, { name: 'Seller', handle: 'sales/seller' }, { name: 'Loose' },
];

story('folders lead down and the way leads up, with the keyboard, the address and the back button', async ({ server, open }) => {
  await server.createAll(SUPPORT);
  const page = await open();
  await page.getByText('6 personas').waitFor();
  await page.getByRole('link', { name: 'support 3 personas' }).waitFor();
  assert.deepEqual(await folders(page), ['sales1 persona', 'support3 personas']);
  await page.getByRole('link', { name: 'support 3 personas' }).focus();
  await page.keyboard.press('Enter');
  await sorted(page, ['Day', 'Night', 'Tier 1']);
  assert.equal(place(page), '#/?folder=support%2F');
  await page.getByRole('link', { name: 'tier-2 2 personas' }).click();
  await sorted(page, ['Day', 'Night']);
  const way = page.getByRole('navigation', { name: 'Folder' });
  assert.deepEqual(await way.getByRole('link').allTextContents(), ['All personas', 'support', 'tier-2']);
  assert.equal(await way.getByRole('link', { name: 'tier-2' }).getAttribute('aria-current'), 'page');
  await until('nothing is below', async () => (await folders(page)).length === 0);
  await page.goBack();
  await sorted(page, ['Day', 'Night', 'Tier 1']);
  await page.goForward();
  await sorted(page, ['Day', 'Night']);
  await way.getByRole('link', { name: 'support' }).click();
  await sorted(page, ['Day', 'Night', 'Tier 1']);
  // A search is of the folder, and another window has the same.
  await page.keyboard.press('/');
  await page.keyboard.type('ni');
  await sorted(page, ['Night']);
  assert.deepEqual(await folders(page), []);
  const other = await open(place(page));
  await sorted(other, ['Night']);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Agent', exact: true }).click();
  await sorted(page, ['Day']);
  // Other filters leave out what is counted.
  assert.deepEqual(await folders(page), ['tier-2']);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await sorted(page, ['Day', 'Night', 'Tier 1']);
  await page.getByRole('link', { name: 'Night' }).click();
  await page.getByRole('heading', { name: 'Night' }).waitFor();
  await page.keyboard.press('Escape');
  await sorted(page, ['Day', 'Night', 'Tier 1']);
  await way.getByRole('link', { name: 'All personas' }).click();
  await page.getByText('6 personas').waitFor();
  assert.equal(place(page), '#/');
});

story('a folder that is empty, or gone, leads back', async ({ server, open, problems }) => {
  const [first] = await Promise.all(SUPPORT.slice(0, 1).map((one) => server.create(one)));
  const page = await open('#/?folder=nothing/here');
  await page.getByRole('heading', { name: 'Nothing in this folder' }).waitFor();
  await page.getByRole('button', { name: 'All personas' }).click();
  await page.getByRole('link', { name: 'support 1 persona' }).click();
  await page.getByRole('link', { name: 'Tier 1' }).waitFor();
  // What others move is elsewhere.
  await server.api('PATCH', `personas/${first.id}`, { handle: 'sales/tier-1' });
  await page.getByRole('navigation', { name: 'Folder' }).getByRole('link', { name: 'All personas' }).click();
  await page.getByRole('link', { name: 'sales 1 persona' }).waitFor();
  await page.goto(`${server.url}/#/?folder=Not%20a%20folder`);
  await page.getByRole('alert').filter({ hasText: 'the beginning of a handle' }).waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page.locator('.count', { hasText: /^1 persona$/ }).waitFor();
  assert.equal(place(page), '#/');
  // The browser tells of the refusal, too.
  problems.length = 0;
});

story('a persona that is made in a folder is offered a handle there, and a free one where it is taken', async ({ server, open }) => {
  await server.createAll([{ name: 'Ada', handle: 'support/ada' }, { name: 'Ada', handle: 'support/ada-2' }, { name: 'Ada', handle: 'sales/ada-3' }]);
  const page = await open('#/?folder=support/');
  await sorted(page, ['Ada', 'Ada']);
  const dialog = page.getByRole('dialog', { name: 'New persona' });
  const [name, handle, why] = [dialog.getByLabel('Name'), dialog.getByLabel('Handle'), dialog.getByRole('alert')];
  const offered = (text) => until(`${text} is offered`, async () => (await handle.inputValue()) === text);
  const made = async (handle) => {
    await page.locator('.form').waitFor();
    return until(`the one with ${handle}`, async () => (await server.read(new URL(page.url()).hash.split('/').at(-1))).handle === handle);
  };
  await page.keyboard.press('c');
  await name.fill(' Ünal & Söhne ');
  await offered('support/unal-sohne');
  // Where no letter can be in a handle, the kind is.
  await name.fill('日本');
  await offered('support/character');
  await name.fill('x'.repeat(80));
  await offered(`support/${'x'.repeat(56)}`);
  await name.fill('Ada');
  await dialog.getByLabel('Agent').check();
  await name.press('Enter');
  await why.filter({ hasText: 'Another persona has the handle support/ada. support/ada-3 is free' }).waitFor();
  await offered('support/ada-3');
  assert.deepEqual([await name.inputValue(), await name.getAttribute('aria-invalid'), await handle.getAttribute('aria-invalid')], ['Ada', null, 'true']);
  await name.press('Enter');
  await made('support/ada-3');
  assert.equal((await server.read(new URL(page.url()).hash.split('/').at(-1))).kind, 'agent');
  // The next one is made in the same folder, with a handle of one's own.
  await page.keyboard.press('Escape');
  await sorted(page, ['Ada', 'Ada', 'Ada']);
  await page.keyboard.press('c');
  await name.fill('Bea');
  await handle.fill('support/Bea');
  await handle.press('Enter');
  await why.filter({ hasText: 'must be 1 to 8 words' }).waitFor();
  assert.equal(await handle.getAttribute('aria-invalid'), 'true');
  await name.fill('Beatrice');
  await offered('support/Bea');
  await handle.fill('support/ada');
  await handle.press('Enter');
  await offered('support/ada-4');
  await handle.fill('support/tier-2/bea');
  await handle.press('Enter');
  await made('support/tier-2/bea');
  // What is selected stays so on the way back, beside what is new.
  await page.keyboard.press('Escape');
  await page.locator('.pick input').last().click();
  await page.getByText('1 selected').waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  await server.create({ name: 'Of another one', handle: 'support/other' });
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await page.getByRole('link', { name: 'Personas', exact: true }).click();
  await page.getByRole('link', { name: 'Of another one' }).waitFor();
  await page.getByText('1 selected').waitFor();
  // None is wanted.
  await page.keyboard.press('c');
  await name.fill('Loose');
  await handle.fill('');
  await handle.press('Enter');
  await page.getByRole('heading', { name: 'Loose' }).waitFor();
  await made(null);
  const other = await open('#/');
  await other.keyboard.press('c');
  await other.getByRole('dialog').getByLabel('Name').waitFor();
  assert.equal(await other.getByRole('dialog').getByLabel('Handle').count(), 0);
});

story('the palette leads to folders at any depth, and narrows the list by what there is', async ({ server, open, problems }) => {
  await server.createAll([...SUPPORT, { name: 'Owned', owner: 'team:7', tags: ['Night shift'] }]);
  const [seller] = (await server.api('GET', 'personas?handle_prefix=sales/')).items;
  await server.api('PUT', `personas/${seller.id}/labels/production`, { revision: 1 });
  const page = await open('#/health');
  const counts = [];
  // Those of the palette; the gallery has a page of its own.
  page.on('request', (request) => /\/counts.*limit=1000/.test(request.url()) && counts.push(decodeURIComponent(request.url().split('?')[1])));
  const box = page.getByRole('dialog').getByRole('combobox');
  const options = async () => (await page.getByRole('group', { name: 'Folders and filters' }).getByRole('option').allTextContents()).map((text) => text.trim());
  const type = async (text, expected) => {
    if (!(await box.count())) await page.keyboard.press('Control+k');
    await box.fill(text);
    await until(`${text} finds ${expected}`, async () => (await options()).join() === expected.join());
  };
  const choose = async (text, name) => {
    await type(text, [name]);
    await page.getByRole('option', { name, exact: true, selected: true }).waitFor();
    await page.keyboard.press('Enter');
  };
  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: 'Loose' }).waitFor();
  assert.deepEqual([await options(), counts], [[], []]);
  // Words are found where they begin, and what is below a folder where it is typed.
  await type('ales', []);
  await type('support/', ['support/', 'support/tier-2/']);
  await choose('Support/t', 'support/tier-2/');
  await sorted(page, ['Day', 'Night']);
  assert.equal(place(page), '#/?folder=support%2Ftier-2%2F');
  // Each was counted once, however much was typed; what is below the open folder is found by its word.
  assert.deepEqual(counts.toSorted(), ['by=folder&handle_prefix=support/&limit=1000', 'by=folder&limit=1000', 'by=label&limit=1000', 'by=owner&limit=1000']);
  await page.getByRole('navigation', { name: 'Folder' }).getByRole('link', { name: 'support' }).click();
  await sorted(page, ['Day', 'Night', 'Tier 1']);
  await choose('tier', 'support/tier-2/');
  await sorted(page, ['Day', 'Night']);
  await choose('agent kind', 'Kind: Agent');
  await sorted(page, ['Day']);
  assert.equal(place(page), '#/?kind=agent&folder=support%2Ftier-2%2F');
  await choose('clear', 'Clear filters');
  await sorted(page, ['Day', 'Night']);
  await choose('all', 'All personas');
  await page.getByText('7 personas').waitFor();
  await choose('prod', 'Label: production');
  await sorted(page, ['Seller']);
  await choose('all per', 'All personas');
  await page.getByText('7 personas').waitFor();
  await choose('team', 'Owner: team:7');
  await sorted(page, ['Owned']);
  await choose('clear', 'Clear filters');
  await page.getByText('7 personas').waitFor();
  await choose('night s', 'Tag: Night shift');
  await sorted(page, ['Owned']);
  assert.equal(place(page), '#/?tag=Night+shift');
  await choose('7 days', 'Filters: Within 7 days');
  await page.goBack();
  await until('the step is taken back', () => place(page) === '#/?tag=Night+shift');
  // What can be in no handle is not asked for.
  await type('No such folder/', []);
  assert.ok(!counts.some((one) => one.includes('No such')));
});

story('hundreds of folders are shown a few at first, and thousands of personas in one scroll', async ({ server, open }) => {
  await server.createAll(Array.from({ length: 1250 }, (_, number) => ({ name: `Persona ${String(number).padStart(4, '0')}`, handle: `f${String(number % 250).padStart(3, '0')}/p${number}` })));
  const page = await open('#/?sort=name');
  await page.getByText('1,250 personas').waitFor();
  const more = page.getByRole('button', { name: 'More folders' });
  await more.click();
  await until('a page', async () => (await folders(page)).length === 100);
  await more.click();
  await until('two pages', async () => (await folders(page)).length === 200);
  await more.click();
  await until('all', async () => (await folders(page)).length === 250);
  await more.waitFor({ state: 'detached' });
  await page.locator('.card-link').first().focus();
  await page.keyboard.press('End');
  await page.locator('.card-link[data-place="1249"]:focus').waitFor();
  assert.ok((await page.locator('.card').count()) < 80);
  await page.getByRole('link', { name: 'f007 5 personas' }).click();
  await page.getByText('5 personas', { exact: true }).first().waitFor();
});

const chip = (page, text) => page.getByRole('button', { name: `Remove the filter ${text}` });

story('tags are wanted or left out, a press turns one over, and all is in the address', async ({ server, open }) => {
  await server.createAll([{ name: 'Old', tags: ['old'] }, { name: 'Both', tags: ['old', 'new'] }, { name: 'New', tags: ['New'] }, { name: 'None' }]);
  const page = await open();
  const box = page.getByLabel('Filter by tag…');
  await box.fill('-old');
  await page.keyboard.press('Enter');
  await sorted(page, ['New', 'None']);
  await box.fill('new');
  await page.keyboard.press('Enter');
  await sorted(page, ['New']);
  assert.equal(place(page), '#/?tag=new&not=old');
  await page.getByRole('button', { name: 'not old: want it instead' }).click();
  await sorted(page, ['Both']);
  await page.getByRole('button', { name: 'new: leave it out instead' }).click();
  await sorted(page, ['Old']);
  await page.goBack();
  await sorted(page, ['Both']);
  await page.goForward();
  await chip(page, 'not new').click();
  await sorted(page, ['Both', 'Old']);
  await chip(page, 'old').click();
  await page.getByText('4 personas').waitFor();
});

story('a label, an owner and a day are filters too, made in a dialog with the keyboard', async ({ server, open, problems }) => {
  const all = [];
  for (const [name, owner] of [['Ada', 'team:7'], ['Bea', 'team:7'], ['Cid', null]]) all.push(await server.create({ name, owner }));
  for (const { id } of [all[0], all[2]]) await server.api('PUT', `personas/${id}/labels/production`, { revision: 1 });
  const page = await open();
  const asked = [];
  // The list with these filters; a list of what changed elsewhere has a time of its own.
  page.on('request', (request) => /\/personas\?.*label=/.test(request.url()) && asked.push(new URL(request.url()).searchParams));
  await page.getByRole('button', { name: 'More filters' }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Filters' });
  await dialog.getByLabel('Label').fill('production');
  // The labels and owners that there are, are offered.
  await until('they are offered', () => page.evaluate(() => ['filter-labels', 'filter-owners'].map((id) => document.querySelector(`#${id} option`)?.value).join() === 'production,team:7'));
  await page.keyboard.press('Enter');
  await sorted(page, ['Ada', 'Cid']);
  await page.getByRole('button', { name: 'More filters' }).click();
  await dialog.getByLabel('Owner', { exact: true }).fill('team:7');
  await dialog.getByLabel('Within 7 days').check();
  await dialog.getByRole('button', { name: 'Show' }).click();
  await sorted(page, ['Ada']);
  assert.equal(place(page), '#/?label=production&owner=team%3A7&since=7d');
  const since = Date.parse(asked.at(-1).get('updated_since'));
  assert.ok(Math.abs(Date.now() - since - 7 * 86_400_000) <= 3_600_000);
  await page.reload();
  await sorted(page, ['Ada']);
  await chip(page, 'team:7').click();
  await sorted(page, ['Ada', 'Cid']);
  await page.getByRole('button', { name: 'More filters' }).click();
  await dialog.getByLabel('Without an owner').check();
  await dialog.getByLabel('Since a day').check();
  assert.equal(await dialog.getByRole('button', { name: 'Show' }).isDisabled(), true);
  await dialog.getByLabel('Since', { exact: true }).fill('2020-02-03');
  await dialog.getByRole('button', { name: 'Show' }).click();
  await sorted(page, ['Cid']);
  assert.equal(place(page), '#/?label=production&owner=&since=2020-02-03');
  await chip(page, 'Since Feb 3, 2020').waitFor();
  await chip(page, 'Without an owner').click();
  await chip(page, 'production').click();
  await page.goto(`${server.url}/#/?since=2999-01-01`);
  await page.getByRole('heading', { name: 'No persona matches' }).waitFor();
  // What is no time is no filter.
  await page.goto(`${server.url}/#/?since=soon`);
  await page.getByText('3 personas').waitFor();
  await page.goto(`${server.url}/#/?label=latest`);
  await page.getByRole('alert').filter({ hasText: 'latest always points' }).waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).last().click();
  await page.getByText('3 personas').waitFor();
  problems.length = 0;
});

story('a change of the tags of many is taken back, and what others changed meanwhile stays', async ({ server, open }) => {
  const all = [];
  for (const [name, tags] of [['One', ['a', 'b']], ['Three', ['fresh']], ['Two', []]]) all.push(await server.create({ name, tags }));
  const [one, , two] = all;
  const tagsOf = async () => Promise.all(all.map(async ({ id }) => (await server.read(id)).tags));
  const page = await open('#/?sort=name');
  // This page does not see what others do.
  await page.route('**/personas?*updated_since*', (route) => route.abort());
  const change = async (how, tags) => {
    await page.getByLabel('Select One').click();
    await page.getByRole('button', { name: 'Select all' }).click();
    await page.getByRole('button', { name: 'Tag', exact: true }).click();
    await page.getByLabel(how).check();
    await page.getByLabel('Tag', { exact: true }).fill(tags);
    await page.keyboard.press('Enter');
    await page.getByText('Tags of 3 personas changed').waitFor();
  };
  await page.getByText('3 personas').waitFor();
  await server.api('PATCH', `personas/${one.id}`, { tags: ['a', 'theirs'] });
  await change('Add these tags', 'fresh, more');
  assert.deepEqual(await tagsOf(), [['a', 'theirs', 'fresh', 'more'], ['fresh', 'more'], ['fresh', 'more']]);
  await server.api('PATCH', `personas/${two.id}`, { tags: ['fresh', 'more', 'later'] });
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Tags of 3 personas as before').waitFor();
  assert.deepEqual(await tagsOf(), [['a', 'theirs'], ['fresh'], ['later']]);
  await page.locator('.toast').first().getByRole('button', { name: 'Close' }).click();
  await change('Remove these tags', 'A, fresh');
  assert.deepEqual(await tagsOf(), [['theirs'], [], ['later']]);
  // Two had none of them: there is nothing to take back.
  const revision = (await server.read(two.id)).revision;
  await page.getByRole('button', { name: 'Undo' }).last().click();
  await page.getByText('Tags of 2 personas as before').waitFor();
  assert.deepEqual(await tagsOf(), [['a', 'theirs'], ['fresh'], ['later']]);
  assert.equal((await server.read(two.id)).revision, revision);
});
