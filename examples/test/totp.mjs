// The user's phone: an authenticator app (RFC 6238).
import { createHmac } from 'node:crypto';

const STEP = 30_000;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function bytes(base32) {
    const bits = [...base32].map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, '0')).join('');
    return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
}

function codeOf(secret, step) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const mac = createHmac('sha1', secret).update(counter).digest();
    const value = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
    return String(value % 1_000_000).padStart(6, '0');
}

export class Phone {
    #secret;
    #last = 0;

    constructor(base32) {
        this.#secret = bytes(base32);
    }

    /** A code that was not used yet. The server takes that of the next step too; after that, time must go by. */
    async code() {
        const step = Math.max(Math.floor(Date.now() / STEP), this.#last + 1);
        this.#last = step;
        const tooEarly = (step - 1) * STEP - Date.now();
        if (tooEarly > 0) await new Promise((later) => setTimeout(later, tooEarly + 100));
        return codeOf(this.#secret, step);
    }
}
