import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Secret } from "../core/index.ts";

const derive = promisify(pbkdf2);

/**
 * SCRAM-SHA-256 verifiers as Postgres stores them (`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`), made on our
 * side so that a password's plain text never reaches a statement, a log or pg_stat_activity.
 */
export async function makeVerifier(password: Secret, salt = randomBytes(16), iterations = 4096): Promise<string> {
  const salted = await derive(prepared(password.reveal()), salt, iterations, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest();
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey.toString("base64")}:${hmac("Server Key").toString("base64")}`;
}

/** The ClientKey (RFC 5802) that a password has under a verifier's salt; undefined when that is no verifier. It logs in like the password. */
export async function clientKeyOf(verifier: string, password: Secret): Promise<Buffer | undefined> {
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier) ?? [];
  if (iterations === undefined || salt === undefined) return undefined;
  const salted = await derive(
    prepared(password.reveal()),
    Buffer.from(salt, "base64"),
    Number(iterations),
    32,
    "sha256",
  );
  return createHmac("sha256", salted).update("Client Key").digest();
}

/** The verifier of another password with the salt and the iterations of a stored one; undefined when that is none. */
export async function saltedAlike(verifier: string, password: Secret): Promise<string | undefined> {
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier) ?? [];
  if (iterations === undefined || salt === undefined) return undefined;
  return makeVerifier(password, Buffer.from(salt, "base64"), Number(iterations));
}

/** Whether a stored verifier belongs to the password. */
export async function verifies(verifier: string | null, password: Secret): Promise<boolean> {
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier ?? "") ?? [];
  if (verifier === null || iterations === undefined || salt === undefined) return false;
  const expected = Buffer.from(await makeVerifier(password, Buffer.from(salt, "base64"), Number(iterations)));
  const found = Buffer.from(verifier);
  return expected.length === found.length && timingSafeEqual(expected, found);
}

/** The part of SASLprep (RFC 4013) that clients agree on: odd spaces, nothing-characters, NFKC. ASCII stays as it is. */
function prepared(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password;
  return password
    .replaceAll(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, " ")
    .replaceAll(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g, "")
    .normalize("NFKC");
}
