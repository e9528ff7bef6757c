// A name for a browser, of what it says of itself.
const BROWSERS: [RegExp, string][] = [
    [/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari'],
];
const SYSTEMS: [RegExp, string][] = [
    [/Android/, 'Android'], [/iPhone/, 'an iPhone'], [/iPad/, 'an iPad'], [/Mac OS X/, 'a Mac'], [/Windows/, 'Windows'],
    [/Linux/, 'Linux'],
];

export function deviceOf(agent: string | null): string {
    const first = (names: [RegExp, string][]) => names.find(([mark]) => mark.test(agent ?? ''))?.[1];
    const [browser, system] = [first(BROWSERS), first(SYSTEMS)];
    if (!browser) return agent?.slice(0, 40) || 'Unknown';
    return system ? `${browser} on ${system}` : browser;
}
