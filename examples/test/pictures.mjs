// Pictures of the product for the documentation.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { Phone } from './totp.mjs';

const WIDE = { width: 960, height: 660 };
const PHONE = { width: 390, height: 770 };
const cut = (size, height) => ({ ...size, height });
const NOTES = ['Ask Ben for the keys', 'Seed potatoes: order by Friday', 'The ferry leaves at 9:40', 'Water the tomatoes'];
const AGENTS = [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0',
];

export async function takePictures(folder, users) {
    mkdirSync(folder, { recursive: true });
    const { tab: bens } = await users.signedIn('ben');
    await write(bens, NOTES.slice(0, 2));
    for (const agent of AGENTS) await users.signedIn('anna', agent);
    const { tab } = await users.signedIn('anna');
    const shoot = (name, look) => take(tab, join(folder, `${name}.png`), look);

    await write(tab, NOTES.toReversed());
    await shoot('notes', { size: WIDE });
    await shoot('notes-phone', { size: PHONE, scheme: 'dark' });
    await tab.follow('Devices');
    await tab.shows('Safari on an iPhone');
    await shoot('devices', { size: cut(WIDE, 500), scheme: 'dark' });
    await shoot('devices-phone', { size: cut(PHONE, 600) });

    await tab.follow('Security');
    await tab.press('Set up');
    await tab.shows('or type');
    const phone = new Phone((await tab.texts('.set-up code'))[0]);
    await shoot('security', { size: cut(WIDE, 580) });
    await tab.fill({ 'Code from your app': await phone.code() });
    await tab.press('Confirm');
    await tab.press('I have kept them');
    await tab.follow('Admin');
    await tab.showsButton('Go on');
    await shoot('step-up-phone', { size: cut(PHONE, 600), scheme: 'dark' });
    await tab.fill({ 'Code from your app': await phone.code() });
    await tab.press('Go on');
    await tab.shows('Last one');
    await shoot('admin', { size: cut(WIDE, 360) });
    await tab.press('Sign out');
    await tab.showsButton('Sign in');
    await shoot('sign-in-phone', { size: cut(PHONE, 540) });
}

async function write(tab, notes) {
    for (const note of notes) {
        await tab.fill({ 'New note': note });
        await tab.press('Add');
        await tab.shows(note);
    }
}

async function take({ page }, path, { size, scheme = 'light' }) {
    await page.bringToFront();
    await page.setViewport(size);
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    // How far the page was scrolled, where the pointer is left, and whether the caret is to be seen, is no part of it.
    await page.mouse.move(0, 0);
    await page.evaluate(() => {
        document.body.style.caretColor = 'transparent';
        scrollTo(0, 0);
    });
    await page.screenshot({ path });
}
