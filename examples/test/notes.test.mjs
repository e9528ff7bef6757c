// The whole product, as its users meet it in Chromium.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { until } from '../testing/keyward.mjs';
import { startChromium, Tab, withPasskeys } from './browsers.mjs';
import { Product } from './product.mjs';
import { takePictures } from './pictures.mjs';
import { Phone } from './totp.mjs';
import { byPassword, Users } from './users.mjs';

let product, chromium, users;

before(async () => {
    product = await Product.start();
    chromium = await startChromium();
    users = new Users(product, chromium);
});

after(async () => {
    await chromium?.close();
    await product?.stop();
});

/** Has an authenticator app set up; the phone is the user's from then on. */
async function setUpApp(tab) {
    await tab.follow('Security');
    await tab.press('Set up');
    await tab.shows('or type');
    const [secret] = await tab.texts('.set-up code');
    assert.ok(await tab.page.$eval('.set-up img', (image) => image.decode().then(() => image.naturalWidth > 0)), 'the QR code');
    const phone = new Phone(secret);
    await tab.fill({ 'Code from your app': await phone.code() });
    await tab.press('Confirm');
    await tab.shows('Your recovery codes');
    const codes = await tab.texts('.codes li');
    assert.equal(codes.length, 10);
    await tab.press('I have kept them');
    return { phone, codes };
}

test('a user writes notes, which Express keeps and FastAPI counts', async () => {
    const { context, tab } = await users.newcomer('bruno');
    await tab.fill({ 'New note': 'Water the tomatoes' });
    await tab.press('Add');
    await tab.shows('Water the tomatoes');
    await tab.shows('water, tomatoes');
    const other = await Tab.open(context, product.url);
    await other.shows('Water the tomatoes');
    await other.fill({ 'New note': 'Call the plumber' });
    await other.press('Add');
    await tab.shows('Call the plumber');
    await tab.press('Delete: Water the tomatoes');
    await other.showsNo('Water the tomatoes');
    await other.shows('Call the plumber');
});

test('nobody gets at the services who is not signed in', async () => {
    const paths = ['notes', 'notes/changes', 'insights', 'admin/totals', '../API/Admin/totals', '%61dmin/totals', 'x/../admin/totals'];
    for (const path of paths) {
        const headers = { 'x-auth-user': 'anna', 'x-auth-roles': 'admin' };
        const answer = await fetch(`${product.url}/api/${path}`, { headers });
        assert.equal(answer.status, 401, path);
    }
});

test('no attack of `keyward gateway test` gets in, past the role or past the second factor', () => {
    product.addUser('jan');
    product.addUser('kai', 'admin');
    const asked = { '--forbidden': ['jan', 'a path that asks for a role'], '--step-up': ['kai', 'a path that asks for two factors'] };
    for (const [option, [name, promise]] of Object.entries(asked)) {
        const said = product.attack('/api', name, option, '/admin/totals');
        const held = said.find(({ attack }) => attack === promise);
        assert.equal(held.verdict, 'holds', JSON.stringify(held));
    }
});

test('a wrong password and a name that nobody has are told the same', async () => {
    const told = [];
    for (const name of ['anna', 'nobody']) {
        const { tab } = await users.visitor();
        await tab.fill({ Name: name, Password: 'wrong horse' });
        await tab.press('Sign in');
        told.push(await tab.alert());
    }
    assert.equal(told[0], told[1]);
});

test('a user without the role has no admin page, and is refused', async () => {
    const { tab } = await users.newcomer('carla');
    assert.deepEqual(await tab.texts('nav a'), ['Notes', 'Security', 'Devices']);
    await tab.page.goto(`${product.url}/admin`);
    await tab.shows('This is for admins alone.');
});

test('an authenticator app is set up by its QR code, and asked for from then on', async () => {
    const { tab } = await users.newcomer('dora');
    const { phone, codes } = await setUpApp(tab);
    await tab.press('Sign out');
    await tab.shows('You are signed out.');

    await byPassword(tab, 'dora');
    await tab.fill({ 'Code from your app': '000000' });
    await tab.press('Go on');
    await tab.alert();
    await tab.fill({ 'Code from your app': await phone.code() });
    await tab.press('Go on');
    await tab.showsButton('Sign out');
    await tab.press('Sign out');

    await byPassword(tab, 'dora');
    await tab.press('Use a recovery code');
    await tab.fill({ 'Recovery code': codes[0] });
    await tab.press('Go on');
    await tab.showsButton('Sign out');
    await tab.follow('Security');
    await tab.shows('9 left');
});

test('a passkey is made, and signs in with nothing typed', async () => {
    const { tab } = await users.newcomer('emil');
    await withPasskeys(tab.page);
    await tab.follow('Security');
    await tab.press('Add a passkey');
    await tab.shows('Your recovery codes');
    await tab.press('Sign out');
    await tab.press('Sign in with a passkey');
    await tab.showsButton('Sign out');
    await tab.shows('emil');

    await tab.press('Sign out');
    await byPassword(tab, 'emil');
    await tab.press('Use your passkey');
    await tab.showsButton('Sign out');

    await tab.follow('Security');
    await tab.press('Remove Passkey');
    await tab.showsNo('Recovery codes');
});

test('a forgotten password is set anew by the link of a mail, and a second factor where there is one', async () => {
    const { tab } = await users.newcomer('jule');
    const { phone, codes } = await setUpApp(tab);
    await tab.press('Sign out');
    await tab.press('Forgot your password?');
    await tab.fill({ 'Name or e-mail address': 'jule@example.com' });
    await tab.press('Send a link');
    await tab.shows('a mail is on its way');

    const link = await product.linkFor('jule');
    assert.ok(link.startsWith(`${product.url}/reset#`), link);
    await tab.page.goto(link);
    await tab.fill({ 'New password': 'password' });
    await tab.press('Set it');
    await tab.alert();
    const chosen = 'purple staple harbour';
    await tab.fill({ 'New password': chosen });
    await tab.press('Set it');
    await tab.shows('or a recovery code');
    await tab.fill({ 'Code from your app, or a recovery code': codes[0] });
    await tab.press('Set it');
    await tab.shows('It is set');
    await tab.press('Go to the sign-in');
    await tab.fill({ Name: 'jule', Password: chosen });
    await tab.press('Sign in');
    await tab.fill({ 'Code from your app': await phone.code() });
    await tab.press('Go on');
    await tab.showsButton('Sign out');

    await tab.page.goto(link);
    await tab.page.reload();
    await tab.fill({ 'New password': 'another staple harbour' });
    await tab.press('Set it');
    assert.match(await tab.alert(), /link/);
});

test('while Keyward cannot be reached the page says so, and then goes on by itself', async () => {
    const { tab } = await users.newcomer('kurt');
    const session = await tab.page.createCDPSession();
    await session.send('Network.enable');
    await session.send('Network.setBlockedURLs', { urls: [`${product.url}/v1/*`] });
    await tab.page.reload();
    await tab.shows('the server does not answer yet');
    await session.send('Network.setBlockedURLs', { urls: [] });
    await tab.showsButton('Sign out');
});

test('the admin page asks an admin for a second factor, once there is one', async () => {
    const { tab } = await users.newcomer('frida', 'admin');
    await tab.follow('Admin');
    await tab.shows('you have none yet');
    await tab.press('Set one up');
    const { phone } = await setUpApp(tab);

    await tab.follow('Admin');
    await tab.shows('Is it you?');
    await tab.press('Cancel');
    await tab.shows('This takes a proof of who you are.');
    await tab.follow('Notes');
    await tab.follow('Admin');
    await tab.fill({ 'Code from your app': await phone.code() });
    await tab.press('Go on');
    await tab.shows('Last one');
    assert.deepEqual(await tab.texts('thead th'), ['User', 'Notes', 'Last one']);
});

test('my devices: one is ended, then all others', async () => {
    const { tab } = await users.newcomer('gustav');
    const [second, third, fourth] = [await users.signedIn('gustav'), await users.signedIn('gustav'), await users.signedIn('gustav')];
    await tab.follow('Devices');
    await until(async () => (await tab.texts('ul.list li')).length === 4, 'four devices');
    await tab.press('Sign out Chrome on Linux');
    await until(async () => (await tab.texts('ul.list li')).length === 3, 'three devices');
    await tab.press('Sign out everywhere else');
    await until(async () => (await tab.texts('ul.list li')).length === 1, 'this one');
    // No tab of theirs is touched: the event stream ends with the session.
    for (const other of [second, third, fourth]) await other.tab.showsButton('Sign in');
    assert.match(await tab.text(), /this one/);
});

test('a sign-out in one tab shows in the other, and closes an open event stream', async (context) => {
    const { context: same, tab } = await users.newcomer('hanna');
    const other = await Tab.open(same, product.url);
    await other.showsButton('Sign out');
    await other.page.evaluate(async () => {
        const stream = (await fetch('/api/notes/changes')).body.getReader();
        await stream.read();
        const readOn = async () => { while (!(await stream.read()).done); };
        window.streamClosed = readOn().catch(() => {}).then(() => Date.now());
    });
    const at = Date.now();
    await tab.press('Sign out');
    await tab.showsButton('Sign in');
    const closed = await other.page.evaluate(() => window.streamClosed);
    await other.showsButton('Sign in');
    context.diagnostic(`the stream closed ${closed - at} ms after the press, the other tab showed it after ${Date.now() - at} ms at most`);
});

test('the pages say what the client does, to the compiler too', () => {
    product.script('check');
});

test('Ctrl-C ends all of it, and the next start finds what was kept', async () => {
    const { tab } = await users.newcomer('ida');
    await tab.fill({ 'New note': 'Post the letter' });
    await tab.press('Add');
    await tab.shows('Post the letter');
    await product.pressCtrlC();
    await assert.rejects(fetch(product.url));
    await product.begin();
    await tab.page.reload();
    await tab.shows('Post the letter');
});

// Alone, for they show what there is: SCREENSHOTS=$PWD/docs/screenshots … -- --test-name-pattern=pictures
const folder = process.env.SCREENSHOTS;
if (folder) test('pictures for the documentation', () => takePictures(folder, users));
