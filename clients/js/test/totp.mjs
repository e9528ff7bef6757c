// What the user's authenticator app shows (RFC 6238).
function bytesOf(base32) {
    const bits = [...base32].map((one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0')).join('');
    return Uint8Array.from(bits.match(/.{8}/g), (byte) => parseInt(byte, 2));
}

/** The code of now, or of so many steps later. */
export async function totp(secret, later = 0) {
    const key = await crypto.subtle.importKey('raw', bytesOf(secret), { name: 'HMAC', hash: 'SHA-1' }, false, ['sign']);
    const step = new DataView(new ArrayBuffer(8));
    step.setBigUint64(0, BigInt(Math.floor(Date.now() / 30_000) + later));
    const mac = new DataView(await crypto.subtle.sign('HMAC', key, step));
    const code = mac.getUint32(mac.getUint8(19) & 15) & 0x7fffffff;
    return String(code % 1_000_000).padStart(6, '0');
}
