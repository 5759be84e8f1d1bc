#!/usr/bin/env node
// Pictures of the page: node test/browser/shots.mjs FOLDER [VIEW...]
import { mkdirSync } from 'node:fs';
import { startMock } from '../../mock/server.mjs';
import { launch } from './browser.mjs';

const [folder = 'shots', ...views] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await launch();
const all = views.length ? views
  : ['overview', 'slices', 'workloads', 'graphs', 'processes', 'mig', 'events', 'reports'];
const server = await startMock();
for (const [scheme, width, height] of [['light', 1440, 960], ['dark', 1440, 960], ['light', 375, 800]]) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
  for (const view of all) {
    await page.goto(`${server.url}#/${view}`);
    await page.waitForTimeout(2500);
    if (view === 'slices') {
      const box = await page.locator('.canvas-box').boundingBox();
      await page.getByRole('button', { name: 'Live' }).click();
      await page.mouse.move(box.x + box.width * 0.45, box.y + 220);
      await page.waitForTimeout(300);
    }
    if (view === 'workloads') await page.getByRole('button', { name: 'train' }).click();
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${view}-${width}-${scheme}.png`, fullPage: !['slices', 'workloads'].includes(view) });
  }
  await page.close();
}
await server.close();
await browser.close();
