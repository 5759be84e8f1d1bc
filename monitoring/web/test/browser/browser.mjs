// Debian's chromium, driven by playwright-core; nothing is downloaded.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--disable-background-networking'],
});

export const VIEWS =
  ['overview', 'slices', 'workloads', 'graphs', 'processes', 'mig', 'events', 'reports'];

/** A page that notes what goes wrong in it: console errors, requests to elsewhere, CSP violations. */
export async function openPage(browser, options = {}) {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(20000);
  page.troubles = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') page.troubles.push(message.text());
  });
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol !== 'blob:' && hostname !== '127.0.0.1') page.troubles.push(`asks ${request.url()}`);
  });
  return page;
}

/** Opens a view and waits until it shows figures. */
export async function show(page, url, view) {
  await page.goto(`${url}#/${view}`);
  await page.waitForSelector('main > :not(h1)');
  await page.waitForFunction(() => document.querySelector('.link.live'));
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What axe finds, a line each. The script comes in past the CSP, as a debugger's does. */
export async function axe(page) {
  if (!await page.evaluate(() => 'axe' in globalThis)) await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((n) =>
      `${n.target.join(' ')} (${n.any[0]?.message ?? n.failureSummary})`).join('; ')}`);
  });
}

export const overflow = (page) => page.evaluate(() =>
  document.documentElement.scrollWidth - document.documentElement.clientWidth);
