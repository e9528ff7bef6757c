// A date and a time of day, as the user writes them.
const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const moment = (rfc3339: string) => FORMAT.format(new Date(rfc3339));
