// The browsers that the tests drive: without a screen, each with an empty profile of its own, and ended with the test
// in whatever way that ends.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import puppeteer from 'puppeteer-core';

import { guarded, until } from '../testing/keyward.mjs';

/** A busy machine takes its time to start a browser. */
const PATIENCE = 120_000;

const CHROMIUM = [
    '--headless=new',
    '--remote-debugging-port=0',
    // Root has no sandbox, and a container little shared memory.
    '--no-sandbox',
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--no-first-run',
    '--no-proxy-server',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];

/** Nothing but what the tests ask for goes over the network, and no first-run page comes up. */
const FIREFOX = {
    'app.update.enabled': false,
    'browser.aboutConfig.showWarning': false,
    'browser.shell.checkDefaultBrowser': false,
    'browser.startup.page': 0,
    'browser.tabs.warnOnClose': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'dom.disable_open_during_load': false,
    'extensions.update.enabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'network.proxy.type': 0,
    'remote.active-protocols': 1,
    'services.settings.server': 'data:,#remote-settings-dummy/v1',
    'toolkit.telemetry.reportingpolicy.firstRun': false,
};

async function startChromium(folder, log) {
    const profile = join(folder, 'profile');
    const running = await guarded('chromium', [...CHROMIUM, `--user-data-dir=${profile}`], own(folder, log));
    const said = join(profile, 'DevToolsActivePort');
    const lines = await until(() => existsSync(said) && readFileSync(said, 'utf8').match(/^(\d+)\n(\S+)/), said, PATIENCE);
    const browserWSEndpoint = `ws://127.0.0.1:${lines[1]}${lines[2]}`;
    return [running, await puppeteer.connect({ browserWSEndpoint, defaultViewport: null, protocolTimeout: PATIENCE })];
}

async function startFirefox(folder, log) {
    const profile = join(folder, 'profile');
    mkdirSync(profile);
    const lines = Object.entries(FIREFOX).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    const args = ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', profile];
    const running = await guarded('firefox-esr', args, own(folder, log));
    const said = () => readFileSync(log, 'utf8').match(/WebDriver BiDi listening on (ws:\S+)/);
    const [, address] = await until(said, 'Firefox says where it listens', PATIENCE);
    const browserWSEndpoint = `${address}/session`;
    return [running, await puppeteer.connect({
        browserWSEndpoint, protocol: 'webDriverBiDi', defaultViewport: null, protocolTimeout: PATIENCE,
    })];
}

/** Nobody's settings reach it: what it is told is its folder and the path. */
const own = (folder, log) => ({ log, env: { PATH: process.env.PATH, HOME: folder } });

export const BROWSERS = { chromium: startChromium, firefox: startFirefox };

export class Browser {
    #folder;
    #running;
    #browser;
    #profiles = [];

    /** What pages have not caught. */
    errors = [];

    /** `name` is one of `BROWSERS`. */
    static async start(name) {
        const started = new Browser();
        started.name = name;
        started.#folder = mkdtempSync(join(tmpdir(), `${name}-`));
        [started.#running, started.#browser] = await BROWSERS[name](started.#folder, join(started.#folder, 'log'));
        return started;
    }

    /** A tab, at this page; `before` is a function that runs in it before any script of the page, with these arguments. */
    async open(url, { profile = this.#profiles[0], before, args = [] } = {}) {
        const tab = await profile.newPage();
        tab.setDefaultTimeout(PATIENCE);
        tab.setDefaultNavigationTimeout(PATIENCE);
        tab.on('pageerror', (error) => this.errors.push(`${url}: ${error.stack ?? error}`));
        if (before) await tab.evaluateOnNewDocument(before, ...args);
        await tab.goto(url);
        return tab;
    }

    /** A user of its own, so to speak, who shares no cookie, storage or channel with another. */
    async profile() {
        const profile = await this.#browser.createBrowserContext();
        this.#profiles.push(profile);
        return profile;
    }

    /** Closes all that is open, and begins with a new user. */
    async renew() {
        for (const profile of this.#profiles.splice(0)) await profile.close();
        await this.profile();
    }

    async stop() {
        await this.#browser.disconnect().catch(() => {});
        await this.#running.stop();
        rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
}
