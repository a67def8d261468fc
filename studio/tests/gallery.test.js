// The gallery: searches, filters, selections, and changes of many personas.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { pulses, story, until, withBrowser } from './harness.js';

withBrowser();

const names = (page) => page.locator('.card-link').allTextContents();
const many = (count, more = {}) => Array.from({ length: count }, (_, place) => ({ name: `Persona ${String(place).padStart(5, '0')}`, ...more }));

story('the first persona is written with the keyboard alone, and is there after a reload', async ({ server, open }) => {
  const page = await open();
  await page.getByRole('heading', { name: 'A home for your personas' }).waitFor();
  await page.keyboard.press('c');
  await page.keyboard.type('Ada Lovelace');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Ada Lovelace' }).waitFor();
  const description = page.getByLabel('Description');
  while (!(await description.evaluate((box) => box === document.activeElement))) await page.keyboard.press('Tab');
  await page.keyboard.type('Wrote the first program.');
  await page.getByText('Saved as r2').waitFor();
  await page.reload();
  assert.equal(await page.getByLabel('Description').inputValue(), 'Wrote the first program.');
  const id = page.url().split('/').pop();
  assert.equal((await server.read(id)).description, 'Wrote the first program.');
});

story('samples fill an empty store, and a press of Escape and the back button lead home', async ({ open }) => {
  const page = await open();
  await page.getByRole('button', { name: /samples/ }).click();
  await page.getByText('6 personas added').waitFor();
  // The list is read behind the message.
  await page.getByRole('link', { name: 'Plain Editor' }).waitFor();
  assert.equal((await names(page)).length, 6);
  await page.getByRole('link', { name: 'Plain Editor' }).click();
  await page.getByRole('heading', { name: 'Plain Editor' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Personas', exact: true }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Plain Editor' }).waitFor();
});

story('a search finds the beginning of a word, marks it, and is part of the address', async ({ server, open }) => {
  await server.createAll([{ name: 'Merlin', description: 'An old wizard & a <b>friend</b>' }, { name: 'Wizardry', tags: ['Magic'] }, { name: 'Grocer' }]);
  const page = await open();
  await page.keyboard.press('/');
  await page.keyboard.type('wiz');
  await page.getByText('2 personas').waitFor();
  assert.deepEqual(await names(page), ['Wizardry', 'Merlin']);
  assert.equal(await page.locator('.card', { hasText: 'Merlin' }).locator('mark').textContent(), 'wizard');
  assert.match(await page.locator('.card', { hasText: 'Merlin' }).locator('.card-excerpt').textContent(), /wizard & a <b>friend<\/b>/);
  assert.match(page.url(), /#\/\?q=wiz$/);
  const other = await open(new URL(page.url()).hash);
  await other.getByText('2 personas').waitFor();
  await page.getByLabel('Filter by tag…').fill('magic');
  await page.keyboard.press('Enter');
  await page.getByText('1 persona', { exact: false }).first().waitFor();
  await page.goBack();
  await page.getByText('2 personas').waitFor();
  await page.getByLabel('Search personas').fill('nothing like this');
  await page.getByRole('heading', { name: 'No persona matches' }).waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).last().click();
  await page.getByText('3 personas').waitFor();
});

story('a range is selected, deleted, and brought back', async ({ server, open }) => {
  await server.createAll(many(8));
  const page = await open('#/?sort=name');
  await page.getByText('8 personas').waitFor();
  await page.getByLabel('Select Persona 00001').click();
  await page.getByLabel('Select Persona 00004').click({ modifiers: ['Shift'] });
  await page.getByText('4 selected').waitFor();
  // Escape ends the dialog, and not what was selected behind it.
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByText('4 selected').waitFor();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('4 personas deleted').waitFor();
  assert.deepEqual(await names(page), ['Persona 00000', 'Persona 00005', 'Persona 00006', 'Persona 00007']);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('4 personas restored').waitFor();
  await page.getByText('8 personas').waitFor();
});

story('tags of many are changed at once, beside what others changed meanwhile; one that they deleted is told', async ({ server, open, problems }) => {
  await server.createAll([{ name: 'One', tags: ['old'] }, { name: 'Three' }, { name: 'Two', tags: ['Old', 'kept'] }]);
  const page = await open('#/?sort=name');
  await page.getByText('3 personas').waitFor();
  await page.route('**/personas?*updated_since*', (route) => route.abort());
  await page.getByLabel('Select One').click();
  await page.getByRole('button', { name: 'Select all' }).click();
  await page.getByText('3 selected').waitFor();
  const { items: [one, three, two] } = await server.api('GET', 'personas?sort=name');
  await server.api('PATCH', `personas/${one.id}`, { tags: ['theirs'] });
  await server.api('DELETE', `personas/${three.id}`, undefined, { 'if-match': '*' });
  await page.getByRole('button', { name: 'Tag', exact: true }).click();
  await page.getByLabel('Tag', { exact: true }).fill('fresh, Fresh');
  await page.keyboard.press('Enter');
  await page.getByText('1 persona was left unchanged', { exact: false }).waitFor();
  assert.deepEqual((await server.read(one.id)).tags, ['theirs', 'fresh']);
  assert.deepEqual((await server.read(two.id)).tags, ['Old', 'kept', 'fresh']);
  problems.length = 0;
});

story('a selection is exported as lines that can be imported', async ({ server, open }) => {
  await server.createAll(many(3, { description: 'Ünï👩‍🚀' }));
  const page = await open('#/?sort=name');
  await page.getByLabel('Select Persona 00000').click();
  await page.getByLabel('Select Persona 00002').click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
  const lines = fs.readFileSync(await file.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((one) => [one.name, one.description]), [['Persona 00000', 'Ünï👩‍🚀'], ['Persona 00002', 'Ünï👩‍🚀']]);
});

story('thousands of personas are a few cards, and the last one is a key away', async ({ server, open }) => {
  await server.createAll(many(3000, { description: 'One of many.' }));
  const page = await open('#/?sort=name');
  await page.getByText('3,000 personas').waitFor();
  assert.ok((await page.locator('.card').count()) < 80);
  await page.locator('.card-link').first().focus();
  await page.keyboard.press('End');
  await page.locator('.card-link[data-place="2999"]:focus').waitFor();
  assert.equal(await page.locator('.card-link:focus').textContent(), 'Persona 02999');
  assert.ok((await page.locator('.card').count()) < 80);
  await page.keyboard.press('ArrowLeft');
  assert.equal(await page.locator('.card-link:focus').textContent(), 'Persona 02998');
  await page.keyboard.press('Home');
  await page.locator('.card-link[data-place="0"]:focus').waitFor();
});

story('the way back from the editor leads to the same place of the list', async ({ server, open }) => {
  await server.createAll(many(400));
  const page = await open('#/?sort=name');
  await page.getByText('400 personas').waitFor();
  await page.locator('main').evaluate((main) => main.scrollTo(0, 9000));
  const link = page.locator('.card-link[data-place="160"]');
  await link.click();
  await page.getByRole('heading', { name: 'Persona 00160' }).waitFor();
  await page.getByLabel('Name', { exact: true }).fill('Persona 00160 renamed');
  await page.keyboard.press('Control+s');
  await page.getByText('Saved as r2').waitFor();
  await page.goBack();
  await page.locator('.card-link:focus', { hasText: 'Persona 00160 renamed' }).waitFor();
  assert.equal(await page.locator('main').evaluate((main) => main.scrollTop), 9000);
});

story('a server that wants a token is asked with one, which only this window keeps', async ({ server, open }) => {
  await server.create({ name: 'Secret' });
  const page = await open('#/settings');
  await page.context().route('**/api/v1/**', (route) => {
    if (route.request().headers().authorization === 'Bearer psk_right') return route.continue();
    return route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify({ code: 'unauthorized', title: 'A token is needed', detail: 'the token is not known', status: 401 }) });
  });
  await page.goto(`${server.url}/#/`);
  const dialog = page.getByRole('dialog', { name: 'Sign in' });
  await dialog.getByLabel('Token').fill('psk_wrong');
  await page.keyboard.press('Enter');
  await dialog.getByText('the token is not known').waitFor();
  await dialog.getByLabel('Token').fill('psk_right');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Secret' }).waitFor();
  await page.reload();
  await page.getByRole('link', { name: 'Secret' }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${server.url}/#/`);
  await other.getByRole('dialog', { name: 'Sign in' }).waitFor();
});

story('markup in every field is text, and nothing of it runs', async ({ server, open }) => {
  const evil = '<img src=x onerror="console.error(1)"><script>console.error(2)</script>"\'&amp;{{char}}';
  const { id } = await server.create({ name: evil, nickname: evil, description: evil, first_mes: evil, tags: [evil.slice(0, 100)], alternate_greetings: [evil], character_book: { entries: [{ keys: [evil], content: evil }] } });
  const page = await open('#/?q=img');
  await page.getByText('1 persona').waitFor();
  assert.equal(await page.locator('.card-link').textContent(), evil);
  assert.match(await page.locator('.card-excerpt').textContent(), /<img src=x onerror="console/);
  await page.goto(`${server.url}/#/personas/${id}`);
  await page.getByLabel('Description').waitFor();
  assert.match(await page.locator('.preview').textContent(), /<script>console.error\(2\)<\/script>/);
  assert.equal(await page.locator('main img, main script').count(), 0);
});

story('what changes elsewhere changes here, and what is new is told', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Before' });
  const page = await open();
  await page.getByRole('link', { name: 'Before' }).waitFor();
  const pulsed = await pulses(page);
  await server.api('PATCH', `personas/${id}`, { name: 'After' });
  await pulsed('After');
  await server.create({ name: 'Fresh' });
  await page.getByRole('link', { name: 'Fresh' }).waitFor();
  await server.api('DELETE', `personas/${id}`, undefined, { 'if-match': '*' });
  await page.getByRole('link', { name: 'After' }).waitFor({ state: 'detached' });
});

/** Goes to a persona by the palette. */
async function jump(page, typed, name) {
  await page.keyboard.press('Control+k');
  await page.keyboard.type(typed);
  await page.getByRole('option', { name }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name }).waitFor();
}

story('the list is asked for once, and before anything is drawn', async ({ server, person }) => {
  await server.create({ name: 'Ada' });
  const context = await person();
  // The time of the first drawing, and of each request for the list.
  await context.addInitScript(() => {
    globalThis.asked = [];
    const own = globalThis.fetch;
    globalThis.fetch = (address, ...more) => {
      const query = new URL(address, location.href);
      if (query.pathname.endsWith('/personas') && !query.searchParams.has('updated_since') && !query.searchParams.has('count')) {
        globalThis.asked.push(document.querySelector('#app > *') !== null);
      }
      return own(address, ...more);
    };
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/`);
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  assert.deepEqual(await page.evaluate(() => globalThis.asked), [false]);
  // A filter in the address is that of the first list too.
  await page.goto(`${server.url}/#/?q=nobody`);
  await page.reload();
  await page.getByRole('heading', { name: 'No persona matches' }).waitFor();
  assert.deepEqual(await page.evaluate(() => globalThis.asked), [false]);
});

story('the palette finds personas and commands', async ({ server, open }) => {
  await server.createAll([{ name: 'Merlin' }, { name: 'Morgana' }]);
  const page = await open();
  await jump(page, 'morg', 'Morgana');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('dark');
  await page.getByRole('option', { name: 'Theme: Dark' }).waitFor();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
});

story('the way back from a persona that is not in sight takes no focus from a search', async ({ server, open }) => {
  await server.createAll(Array.from({ length: 300 }, (_, place) => ({ name: `Persona ${place}` })));
  await server.create({ name: 'Zed', description: 'Somewhere far below.' });
  const page = await open('#/?sort=name');
  await page.getByText('301 personas').waitFor();
  await jump(page, 'zed', 'Zed');
  await page.keyboard.press('Escape');
  await page.locator('.card').first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('ze');
  await page.getByRole('link', { name: 'Zed' }).waitFor();
  await page.keyboard.type('d');
  assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
  assert.equal(await page.getByLabel('Search personas').inputValue(), 'zed');
});

story('a key is a command as soon as what it is for is drawn', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  // It is pressed in the very task in which that is drawn, and not when the browser has painted it.
  await context.addInitScript(() => {
    const keys = { '.brand': { key: '?' }, '.search input': { key: '/' }, '.bulk': { key: 'Escape' }, '.save-state': { key: 's', ctrlKey: true } };
    globalThis.taken = {};
    new MutationObserver(() => {
      for (const [selector, key] of Object.entries(keys)) {
        if (selector in globalThis.taken || !document.querySelector(selector)) continue;
        globalThis.taken[selector] = !document.body.dispatchEvent(new KeyboardEvent('keydown', { ...key, bubbles: true, cancelable: true }));
      }
    }).observe(document, { childList: true, subtree: true });
  });
  const taken = (page, expected) => until(`${expected} are taken`, async () => (await page.evaluate(() => Object.entries(globalThis.taken).filter(([, is]) => is).map(([selector]) => selector).join())) === expected);
  const page = await open('#/', { context });
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await taken(page, '.brand,.search input');
  await page.getByLabel('Select Ada').click();
  await taken(page, '.brand,.search input,.bulk');
  await page.locator('.bulk').waitFor({ state: 'detached' });
  await taken(await open(`#/personas/${id}`, { context }), '.brand,.save-state');
});

story('two deletions of one each can both be undone', async ({ server, open }) => {
  for (const name of ['Ada', 'Bea']) await server.create({ name });
  const page = await open();
  for (const name of ['Ada', 'Bea']) {
    await page.getByLabel(`Select ${name}`).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('link', { name }).waitFor({ state: 'detached' });
  }
  await page.getByRole('button', { name: 'Undo' }).nth(1).waitFor();
  for (const count of [1, 2]) {
    await page.getByRole('button', { name: 'Undo' }).first().click();
    await page.getByText(`${count} persona${count > 1 ? 's' : ''}`, { exact: true }).waitFor();
  }
});

story('of many that are deleted, what was done before a failure can be undone, and the rest stays selected', async ({ server, open }) => {
  await server.createAll(Array.from({ length: 620 }, (_, place) => ({ name: `Persona ${place}` })));
  const page = await open();
  await page.getByLabel('Select Persona').first().click();
  await page.getByRole('button', { name: 'Select all' }).click();
  await page.getByText('620 selected').waitFor();
  const keys = [];
  await page.route('**/personas/batch', (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    return keys.length > 1 ? route.abort() : route.continue();
  });
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('Done for 500 of 620 personas', { exact: false }).waitFor();
  await page.getByText('120 selected').waitFor();
  // The answer that is lost is asked for again with its key.
  assert.deepEqual([keys.length, keys[1] === keys[2], keys[0] === keys[1], Boolean(keys[0])], [3, true, false, true]);
  assert.equal((await server.api('GET', 'personas?count=exact&limit=1')).total, 120);
  await page.locator('.toast', { hasText: '500 personas deleted' }).getByRole('button', { name: 'Undo' }).click();
  // They come back one by one, which takes a busy machine a while.
  for (const total of [220, 320, 420, 520, 620]) await until(`${total} are there`, async () => (await server.api('GET', 'personas?count=exact&limit=1')).total >= total);
});

story('a card far down has its description, and a selection of all is all or says so', async ({ server, open }) => {
  await server.createAll(Array.from({ length: 1500 }, (_, place) => ({ name: `Persona ${String(place).padStart(4, '0')}`, description: 'It has one.' })));
  const page = await open('#/?sort=name');
  await page.getByText('1,500 personas').waitFor();
  await page.locator('.card-link').first().focus();
  await page.keyboard.press('End');
  await page.locator('.card', { hasText: 'Persona 1499' }).getByText('It has one.').waitFor();
  await page.locator('main').evaluate((main) => main.scrollTo(0, main.scrollHeight / 2));
  await until('the cards in the middle have theirs', () => page.evaluate(() => {
    const shown = [...document.querySelectorAll('.card[data-id]')];
    return shown.length > 8 && shown.every((card) => card.textContent.includes('It has one.')) && !document.body.textContent.includes('No description yet');
  }));
  // On a page that has read only its beginning, the rest cannot be read.
  await page.reload();
  await page.getByText('1,500 personas').waitFor();
  await page.getByLabel('Select Persona 0000').click();
  let isAway = true;
  await page.route(/cursor=/, (route) => (isAway ? route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"code":"busy","status":503,"title":"Busy"}' }) : route.continue()));
  await page.getByRole('button', { name: 'Select all' }).click();
  await page.getByText('Not all of them could be read', { exact: false }).waitFor();
  await page.getByText('1 selected').waitFor();
  isAway = false;
  await page.getByRole('button', { name: 'Select all' }).click();
  await page.getByText('1,500 selected').waitFor();
});

story('counts follow deletions of what is not read yet, and news counts personas and not saves', async ({ server, open }) => {
  await server.createAll(Array.from({ length: 400 }, (_, place) => ({ name: `Persona ${String(place).padStart(4, '0')}` })));
  const page = await open('#/?sort=name');
  await page.getByText('400 personas').waitFor();
  const [last, other] = (await server.api('GET', 'personas?sort=-name&limit=2')).items;
  // Below its top the list waits for the person.
  await page.locator('main').evaluate((main) => main.scrollTo(0, 300));
  for (const text of ['a', 'b', 'c']) {
    const heard = page.waitForResponse((answer) => /updated_since/.test(answer.url()));
    await server.api('PATCH', `personas/${last.id}`, { description: text });
    await heard;
  }
  await page.getByRole('button', { name: '1 change elsewhere · show' }).waitFor();
  await server.api('DELETE', `personas/${other.id}`, undefined, { 'if-match': '*' });
  await page.getByText('399 personas').waitFor();
});
