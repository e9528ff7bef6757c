// Browsers, and what a user does in one: everything is found by its label, which is what a screen reader says.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import puppeteer from 'puppeteer-core';

const PATIENCE = Number(process.env.PATIENCE ?? 60_000);

const launch = (command, options) => puppeteer.launch({
    executablePath: execFileSync('bash', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim(),
    userDataDir: mkdtempSync(join(import.meta.dirname, `${command}-`)), timeout: PATIENCE, ...options,
});

/** Ends with this process: it is spoken to over a pipe. */
export const startChromium = () => launch('chromium', {
    browser: 'chrome', pipe: true,
    args: ['--no-sandbox', '--lang=en-GB', '--force-color-profile=srgb', '--hide-scrollbars'],
});

export async function startFirefox() {
    const firefox = await launch('firefox-esr', { browser: 'firefox' });
    // It would go on without this process: what waits on a pipe from here ends it, and all that it has started.
    const guard = spawn('bash', ['-c', `read -r _; kill -9 -- -${firefox.process().pid}`], {
        stdio: ['pipe', 'ignore', 'ignore'], detached: true,
    });
    guard.unref();
    guard.stdin.unref();
    return firefox;
}

/** A device with a fingerprint reader that always says yes. */
export async function withPasskeys(page) {
    const session = await page.createCDPSession();
    await session.send('WebAuthn.enable');
    await session.send('WebAuthn.addVirtualAuthenticator', {
        options: {
            protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
            isUserVerified: true, automaticPresenceSimulation: true,
        },
    });
}

export class Tab {
    constructor(page) {
        this.page = page;
    }

    static async open(context, url, agent) {
        const page = await context.newPage();
        if (agent) await page.setUserAgent({ userAgent: agent });
        page.setDefaultTimeout(PATIENCE);
        await page.goto(url);
        return new Tab(page);
    }

    /** An element, in a tab that is looked at. */
    async #find(selector) {
        await this.page.bringToFront();
        return this.page.locator(selector);
    }

    async press(name) {
        await (await this.#find(`::-p-aria([role="button"][name="${name}"])`)).click();
    }

    async follow(name) {
        await (await this.#find(`::-p-aria([role="link"][name="${name}"])`)).click();
    }

    async fill(fields) {
        for (const [label, value] of Object.entries(fields)) {
            await (await this.#find(`::-p-xpath(//label[normalize-space(.)="${label}"]//input)`)).fill(value);
        }
    }

    /** Waits until that is so on the page, also where the tab is behind another. */
    async #until(isSo, ...args) {
        await this.page.waitForFunction(isSo, { polling: 50 }, ...args).catch(async (error) => {
            throw new Error(`not ${isSo} of ${args} in: ${await this.text()}`, { cause: error });
        });
    }

    showsButton(name) {
        const isThere = (label) => [...document.querySelectorAll('button')].some((it) => (it.ariaLabel ?? it.textContent) === label);
        return this.#until(isThere, name);
    }

    shows(wanted) {
        return this.#until((text) => document.body.innerText.includes(text), wanted);
    }

    showsNo(unwanted) {
        return this.#until((text) => !document.body.innerText.includes(text), unwanted);
    }

    /** What a refusal says. */
    async alert() {
        const found = await this.page.waitForSelector('[role="alert"]');
        return found.evaluate((alert) => alert.textContent);
    }

    text() {
        return this.page.evaluate(() => document.body.innerText);
    }

    texts(selector) {
        return this.page.$$eval(selector, (found) => found.map((one) => one.textContent));
    }
}
