// A rewritten text is stepped through change by change: each is taken, kept or written anew, with the
// keyboard alone, and nothing of it is lost.

import assert from 'node:assert/strict';
import { story, until, violations, withBrowser } from './harness.js';

withBrowser();

const edit = (id) => `#/personas/${id}`;
const BEFORE = 'Ada is a quick mathematician.\n\nShe lives in London, and writes letters at night.\n\nShe never shouts.';
const AFTER = 'Ada is a patient mathematician.\n\nShe lives in Turin, and writes letters at night.\n\nShe never shouts, but she sighs.';
/** What the dialog says of the change that is looked at. */
const at = (page, place, count) => page.getByRole('dialog').getByText(`Change ${place} of ${count}`, { exact: true }).waitFor();
const button = (page, name) => page.getByRole('dialog').getByRole('button', { name, exact: true });

/** Opens the dialog of a text with what is pasted into it. */
async function begin(page, name, text) {
  await page.getByRole('button', { name, exact: true }).click();
  // Like a paste it is told once, and not line by line.
  await page.getByLabel('The rewritten text').evaluate((box, words) => {
    box.value = words;
    box.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }, text);
  await button(page, 'Step through').click();
  await page.getByRole('region', { name: 'The text with its changes' }).waitFor();
}

/** Pastes into the box that has the focus, in place of all that it has. */
async function paste(page, text) {
  await page.evaluate((words) => navigator.clipboard.writeText(words), text);
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Control+v');
}

story('each change of a pasted rewrite is taken, kept or written anew with the keyboard alone', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', description: BEFORE });
  const page = await open(edit(id));
  await page.getByRole('button', { name: 'Rewrite… Description' }).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('The rewritten text').and(page.locator(':focus')).waitFor();
  await page.keyboard.insertText(AFTER);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await at(page, 1, 3);
  assert.deepEqual([await page.locator('.marked del').allTextContents(), await page.locator('.marked ins').allTextContents()], [['removed: quick', 'removed: London'], ['added: patient', 'added: Turin', 'added: , but she sighs']]);
  await page.keyboard.press('t');
  await at(page, 2, 3);
  await page.keyboard.press('k');
  await at(page, 3, 3);
  // Back and forth, and a decision that is taken back.
  await page.keyboard.press('ArrowLeft');
  await at(page, 2, 3);
  await button(page, 'Keep').and(page.locator('[aria-pressed=true]')).waitFor();
  await page.keyboard.press('Control+z');
  await page.keyboard.press('e');
  const box = page.getByLabel('What stands there');
  assert.equal(await box.inputValue(), 'Turin');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('Paris');
  await page.keyboard.press('Escape');
  await box.waitFor({ state: 'detached' });
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('t');
  await page.getByRole('dialog').getByText('all decided').waitFor();
  await page.keyboard.press('Control+s');
  const result = 'Ada is a patient mathematician.\n\nShe lives in Paris, and writes letters at night.\n\nShe never shouts, but she sighs.';
  const field = page.getByLabel('Description');
  await field.and(page.locator(':focus')).waitFor();
  assert.equal(await field.inputValue(), result);
  await page.getByText('3 of 3 changes taken').waitFor();
  // It is an edit like any other: the browser undoes it, and it is saved.
  await page.keyboard.press('Control+z');
  assert.equal(await field.inputValue(), BEFORE);
  await page.keyboard.press('Control+Shift+z');
  assert.equal(await field.inputValue(), result);
  await until('it is saved', async () => (await server.read(id)).description === result);
});

story('all of a rewrite is taken or kept at once, what is left open stays, and the result is undone', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', description: BEFORE });
  const page = await open(edit(id));
  const field = page.getByLabel('Description');
  await begin(page, 'Rewrite… Description', AFTER);
  await button(page, 'Keep').click();
  await button(page, 'Take the rest').click();
  await button(page, 'Undo the decision').click();
  await at(page, 2, 3);
  await button(page, 'Take').click();
  await button(page, 'Apply').click();
  const result = BEFORE.replace('London', 'Turin');
  await until('it is in the field', async () => (await field.inputValue()) === result);
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await until('it is as before', async () => (await field.inputValue()) === BEFORE);
  await begin(page, 'Rewrite… Description', AFTER);
  await button(page, 'Take the rest').click();
  await button(page, 'Apply').click();
  await until('all of it is saved', async () => (await server.read(id)).description === AFTER);
});

story('a paste that replaces most of a long text is offered to be stepped through', async ({ server, open, person }) => {
  const long = `${BEFORE}\n\n${'She has opinions on engines. '.repeat(6)}`;
  const { id } = await server.create({ name: 'Ada', description: long, alternate_greetings: [long] });
  const context = await person({ permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await open(edit(id), { context });
  const field = page.getByLabel('Description');
  const rewritten = long.replace('quick', 'patient').replace('London', 'Turin');
  await field.click();
  await paste(page, 'short');
  assert.equal(await field.inputValue(), 'short');
  await page.keyboard.press('Control+z');
  assert.equal(await field.inputValue(), long);
  await paste(page, rewritten);
  assert.equal(await field.inputValue(), rewritten);
  await page.getByRole('button', { name: 'Step through what you pasted Description' }).click();
  await at(page, 1, 2);
  // Left, the paste stays where it is, and the decisions wait.
  await page.keyboard.press('k');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await field.inputValue(), rewritten);
  await page.getByRole('button', { name: 'Go on with the rewrite Description' }).click();
  await at(page, 2, 2);
  await page.keyboard.press('t');
  await button(page, 'Apply').click();
  await until('it is saved', async () => (await server.read(id)).description === long.replace('London', 'Turin'));
  // A greeting is a text like another.
  await page.getByLabel('Greeting 1', { exact: true }).first().click();
  await paste(page, rewritten);
  await page.getByRole('button', { name: 'Step through what you pasted Greeting 1' }).click();
  await button(page, 'Keep the rest').click();
  await button(page, 'Apply').click();
  await until('it is as it was', async () => (await page.getByLabel('Greeting 1', { exact: true }).first().inputValue()) === long);
});

story('a rewrite that waits is there after the page was closed, and knows what others changed meanwhile', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada', description: BEFORE, character_book: { entries: [{ keys: ['k'], content: BEFORE }] } });
  const context = await person();
  const page = await open(edit(id), { context });
  await begin(page, 'Rewrite… Description', AFTER);
  await page.keyboard.press('t');
  await at(page, 2, 3);
  await until('the browser has it', () => page.evaluate(() => new Promise((resolve) => {
    indexedDB.open('persona-studio').onsuccess = ({ target: { result } }) => {
      result.transaction('drafts').objectStore('drafts').getAll().onsuccess = (event) => resolve(event.target.result.some((one) => Object.values(one.typed['rewrite/description']?.choices ?? {}).includes('patient')));
      result.close();
    };
  })));
  await page.close();
  await server.api('PATCH', `personas/${id}`, { description: BEFORE.replace('She never', 'Ada never') }, { 'x-persona-author': 'Bea' });
  const next = await open(edit(id), { context });
  await next.getByRole('button', { name: 'Go on with the rewrite Description' }).click();
  await at(next, 2, 4);
  await next.keyboard.press('t');
  await at(next, 3, 4);
  // What Bea wrote in the same line is what would be replaced, and is kept here.
  await button(next, 'Keep the rest').click();
  await button(next, 'Apply').click();
  const result = AFTER.replace('She never shouts, but she sighs.', 'Ada never shouts.');
  await until('both are kept', async () => (await server.read(id)).description === result);
  // What is discarded comes back too.
  await begin(next, 'Rewrite… Content, Entry 1', AFTER);
  await button(next, 'Discard').click();
  await next.locator('.toast', { hasText: 'discarded' }).getByRole('button', { name: 'Undo' }).click();
  await next.getByRole('button', { name: 'Go on with the rewrite Content, Entry 1' }).click();
  await button(next, 'Take the rest').click();
  await button(next, 'Apply').click();
  await until('the entry is saved', async () => (await server.read(id)).character_book.entries[0].content === AFTER);
});

story('a rewrite of the largest text is shown in parts, and one that says the same says so', async ({ server, open }) => {
  const line = (place) => `Line ${place} of many, with words that stay as they are.`;
  const lines = Array.from({ length: 3000 }, (_, place) => line(place));
  const { id } = await server.create({ name: 'Ada', description: lines.join('\n') });
  const page = await open(edit(id));
  const after = lines.map((text, place) => (place % 3 ? text : text.replace('words', 'other words')));
  await begin(page, 'Rewrite… Description', after.join('\n'));
  await at(page, '1', '1,000');
  assert.ok((await page.locator('.marked').evaluate((one) => one.textContent.length)) < 40_000);
  await page.keyboard.press('ArrowLeft');
  await at(page, '1,000', '1,000');
  await page.keyboard.press('t');
  await button(page, 'Keep the rest').click();
  await button(page, 'Apply').click();
  await until('one is saved', async () => (await server.read(id)).description === [...lines.slice(0, 2997), after[2997], ...lines.slice(2998)].join('\n'));
  await page.getByRole('button', { name: 'Rewrite… Description' }).click();
  await page.getByLabel('The rewritten text').evaluate((box) => {
    box.value = document.getElementById('field-description').value;
    box.dispatchEvent(new InputEvent('input', { bubbles: true }));
  });
  await button(page, 'Step through').click();
  await page.getByText('The rewrite says the same; nothing differs.').waitFor();
});

for (const colorScheme of ['light', 'dark']) for (const [what, viewport] of Object.entries({ 'a window': { width: 1280, height: 800 }, 'a phone': { width: 320, height: 640 } })) {
  story(`a rewrite keeps the rules in the ${colorScheme} theme on ${what}`, async ({ server, person, open }) => {
    const { id } = await server.create({ name: 'Ada', description: BEFORE, alternate_greetings: ['Hi'], character_book: { entries: [{ keys: ['k'], content: BEFORE }] } });
    const page = await open(edit(id), { context: await person({ colorScheme, viewport, reducedMotion: 'reduce' }) });
    const check = async (place) => {
      assert.deepEqual(await violations(page), [], place);
      const over = await page.evaluate(() => [...document.querySelectorAll('main, dialog[open], dialog[open] .dialog-body')].filter((one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > innerWidth).map((one) => one.className));
      assert.deepEqual(over, [], `${place} is cut off`);
    };
    await check('an editor');
    await page.getByRole('button', { name: 'Rewrite… Description' }).click();
    await page.getByLabel('The rewritten text').fill(AFTER);
    await check('what is pasted');
    await button(page, 'Step through').click();
    await page.keyboard.press('t');
    await at(page, 2, 3);
    await page.keyboard.press('k');
    await at(page, 3, 3);
    await page.keyboard.press('e');
    await page.getByLabel('What stands there').waitFor();
    await check('the changes');
    await page.keyboard.press('Escape');
    await button(page, 'Later').click();
    await check('a rewrite that waits');
  });
}
