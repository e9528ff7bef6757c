// What is told from one tab to another, and what streams, in Firefox too.
import { after, before, test } from 'node:test';

import { startFirefox, Tab } from './browsers.mjs';
import { Product } from './product.mjs';
import { Users } from './users.mjs';

let product, firefox, users;

before(async () => {
    product = await Product.start();
    firefox = await startFirefox();
    users = new Users(product, firefox);
});

after(async () => {
    await firefox?.close();
    await product?.stop();
});

test('what one tab writes and where it signs out shows in the other, in Firefox', async () => {
    const { context, tab } = await users.signedIn('ben');
    const other = await Tab.open(context, product.url);
    await other.showsButton('Sign out');
    await tab.fill({ 'New note': 'Water the tomatoes' });
    await tab.press('Add');
    await other.shows('Water the tomatoes');
    await tab.press('Sign out');
    await tab.showsButton('Sign in');
    await other.showsButton('Sign in');
});
