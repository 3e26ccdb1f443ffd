import { randomBytes } from "node:crypto";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** A prefixed id that sorts by creation time: `op_01jd3m9k8x...` (48 bits of milliseconds, 80 bits of randomness). */
export function newId<P extends string>(prefix: P, nowMs: number = Date.now()): `${P}_${string}` {
  let text = "";
  for (let shift = nowMs, i = 0; i < 10; i++, shift = Math.floor(shift / 32)) text = alphabet[shift % 32] + text;
  for (const byte of randomBytes(16)) text += alphabet[byte % 32];
  return `${prefix}_${text}`;
}
