#!/usr/bin/env node
// The pictures of the documentation: node test/browser/pictures.mjs [FOLDER], by default docs/images.
import { mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startMock } from '../../mock/server.mjs';
import { launch, openPage, show } from './browser.mjs';

const folder = process.argv[2] ?? fileURLToPath(new URL('../../../../docs/images', import.meta.url));
mkdirSync(folder, { recursive: true });
const server = await startMock();
const browser = await launch();

async function picture(name, view, colorScheme, height, act = async () => {}) {
  const page = await openPage(browser, { viewport: { width: 1200, height }, colorScheme });
  await show(page, server.url, view);
  await page.waitForTimeout(4000);
  await act(page);
  await page.screenshot({ path: `${folder}/${name}.png` });
  console.log(`${name}.png ${Math.round(statSync(`${folder}/${name}.png`).size / 1024)} KiB`);
  await page.close();
}

await picture('page-overview', 'overview', 'dark', 830);
await picture('page-slices', 'slices', 'light', 590, async (page) => {
  await page.getByLabel('Time in view', { exact: true }).selectOption('1');
  await page.waitForTimeout(1500);
  await page.getByRole('button', { name: 'Live' }).click();
  const box = await page.locator('.canvas-box').boundingBox();
  await page.mouse.move(box.x + box.width * 0.38, box.y + 225);
  await page.waitForTimeout(400);
});
await server.close();
await browser.close();
