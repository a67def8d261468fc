// The studio for everybody: the rules of WCAG 2.2 AA on every screen, in both themes, wide and
// narrow; nothing is cut off at the side at 320 pixels.

import assert from 'node:assert/strict';
import { story, violations, withBrowser } from './harness.js';

withBrowser();

const SIZES = [{ width: 1280, height: 800 }, { width: 320, height: 640 }];

async function check(page, what) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {}))));
  assert.deepEqual(await violations(page), [], what);
  const over = await page.evaluate(() => document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth);
  assert.ok(over <= 0, `${what}: ${over} pixels are cut off`);
}

for (const colorScheme of ['light', 'dark']) {
  story(`every screen keeps the rules in the ${colorScheme} theme`, async ({ server, person, open }) => {
    const context = await person({ colorScheme, reducedMotion: 'reduce' });
    const page = await open('#/', { context });
    for (const size of SIZES) {
      const told = `${colorScheme} ${size.width}`;
      await page.setViewportSize(size);
      await check(page, `${told}: empty gallery`);
      await page.keyboard.press('c');
      await page.getByRole('dialog').waitFor();
      await check(page, `${told}: new persona`);
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await check(page, `${told}: shortcuts`);
      await page.keyboard.press('Escape');
    }
    await page.getByRole('button', { name: /samples/ }).click();
    await page.locator('.card').first().waitFor();
    const { id } = await server.create({ name: '👩‍🚀 '.repeat(60), description: 'word'.repeat(200), tags: ['a', 'b', 'c', 'd', 'x'.repeat(128)], first_mes: 'Hello *waves* {{user}}', alternate_greetings: ['Hi'], character_book: { entries: [{ keys: ['k'], content: 'c' }] } });
    await server.api('PATCH', `personas/${id}`, { is_active: false });
    for (const size of SIZES) {
      const told = `${colorScheme} ${size.width}`;
      await page.setViewportSize(size);
      for (const view of ['grid', 'list']) {
        await page.goto(`${server.url}/#/?tag=a&q=word`);
        await page.getByRole('button', { name: view === 'grid' ? 'Grid' : 'List', exact: true }).click();
        await page.locator('.card').first().waitFor();
        await page.locator('.pick input').first().click();
        await page.locator('.bulk').waitFor();
        await check(page, `${told}: ${view} with a selection`);
        await page.getByRole('button', { name: 'Clear selection' }).click();
      }
      await page.keyboard.press('Control+k');
      await page.locator('.palette-entry').first().waitFor();
      await check(page, `${told}: palette`);
      await page.keyboard.press('Escape');
      await page.goto(`${server.url}/#/personas/${id}`);
      await page.getByLabel('Description').waitFor();
      await page.getByRole('button', { name: 'More' }).click();
      await check(page, `${told}: editor`);
      await page.goto(`${server.url}/#/personas/${id}/history`);
      await page.locator('.compared .diff').first().waitFor();
      await check(page, `${told}: history`);
      await page.goto(`${server.url}/#/personas/${id}/json`);
      await page.getByLabel('The persona as JSON').waitFor();
      await check(page, `${told}: JSON`);
      for (const [hash, name] of [['#/import', 'Import'], ['#/health', 'Health'], ['#/settings', 'Settings'], ['#/?q=nothing+here', 'Personas']]) {
        await page.goto(`${server.url}/${hash}`);
        await page.getByRole('heading', { name, level: 1 }).waitFor();
        if (name === 'Health') await page.getByRole('heading', { name: 'Processes' }).waitFor();
        await check(page, `${told}: ${name}`);
      }
    }
    await page.goto(`${server.url}/#/personas/${id}`);
    await page.getByLabel('Scenario').fill('mine');
    await server.api('PATCH', `personas/${id}`, { scenario: 'theirs' });
    await page.getByRole('dialog', { name: 'Both of you changed this' }).waitFor();
    for (const size of SIZES) {
      await page.setViewportSize(size);
      await check(page, `${colorScheme} ${size.width}: conflict`);
    }
  });
}
