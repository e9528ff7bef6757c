// Users of the product: who they are, and how they come in.
import { Tab } from './browsers.mjs';
import { PASSWORD } from './product.mjs';

export async function byPassword(tab, name) {
    await tab.fill({ Name: name, Password: PASSWORD });
    await tab.press('Sign in');
}

/** Those who use one browser. Each has a profile of their own in it. */
export class Users {
    constructor(product, browser) {
        this.product = product;
        this.browser = browser;
    }

    /** The product, open in a new profile. */
    async visitor(agent) {
        const context = await this.browser.createBrowserContext();
        return { context, tab: await Tab.open(context, this.product.url, agent) };
    }

    async signedIn(name, agent) {
        const opened = await this.visitor(agent);
        await byPassword(opened.tab, name);
        await opened.tab.showsButton('Sign out');
        return opened;
    }

    /** Somebody whom nobody else uses, signed in. */
    newcomer(name, ...roles) {
        this.product.addUser(name, ...roles);
        return this.signedIn(name);
    }
}
