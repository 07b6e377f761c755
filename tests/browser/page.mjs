// Opens each report of a folder in Chromium as people do: node page.mjs FOLDER. Fails on what a reader would stumble over.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const folder = resolve(process.argv[2]);
const pages = readdirSync(folder).filter((name) => name.endsWith('.html'));
const faults = [];
const ways = {
  desk: { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  phone: { viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
for (const name of pages) {
  for (const [way, options] of Object.entries(ways)) {
    const say = (what) => faults.push(`${name} (${way}): ${what}`);
    const address = pathToFileURL(join(folder, name)).href;
    // without scripts first: what is there then is what there is
    const plain = await (await browser.newContext({ ...options, javaScriptEnabled: false })).newPage();
    plain.on('console', (message) => say(`console: ${message.text()}`));
    plain.on('request', (request) => request.url() === address || say(`asks for ${request.url()}`));
    await plain.goto(address);
    await plain.screenshot({ path: join(folder, `${name}.${way}.png`), fullPage: true });
    await plain.pdf({ path: join(folder, `${name}.${way}.pdf`), format: 'A4' });
    // axe is put in by the browser's own tools, past the page's policy
    const page = await (await browser.newContext({ ...options, bypassCSP: true })).newPage();
    page.on('console', (message) => say(`console: ${message.text()}`));
    page.on('pageerror', (error) => say(`error: ${error.message}`));
    await page.goto(address);
    const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
    if (wide > 0) say(`${wide} pixels wider than the screen`);
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => globalThis.axe.run());
    for (const v of found.violations) say(`axe: ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target).join(', ')}`);
    if (found.passes.length < 10) say(`axe looked at ${found.passes.length} rules only`);
  }
}
await browser.close();
console.log(`${pages.length} pages, ${faults.length} faults`);
for (const fault of faults) console.log(fault);
process.exit(pages.length > 0 && faults.length === 0 ? 0 : 1);
