// Where Keyward is and who asks, as an app is told by its environment: what is missing there is said by name.

export interface Place {
    /** Where Keyward is reached. */
    url: string | undefined;
    /** A confidential app. */
    app: string;
    secret: string | undefined;
}

export function isAddress(whose: string, name: string, url: string): void {
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
    throw new TypeError(`keyward: ${whose} needs \`${name}\` as http://… or https://…, and it is ${JSON.stringify(url)}`);
}

/** Throws unless all of it is there. */
export function placed(whose: string, place: Place): { url: string; app: string; secret: string } {
    const { url, app, secret } = place;
    for (const [name, value] of Object.entries({ url, app, secret })) {
        if (!value) throw new TypeError(`keyward: ${whose} needs \`${name}\``);
    }
    isAddress(whose, 'url', url as string);
    return { url: url as string, app, secret: secret as string };
}
