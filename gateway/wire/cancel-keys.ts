/**
 * Which session a cancel request means. The client keeps the server's process number, because `pg_backend_pid()` and
 * notifications show it; the secret beside it is ours, new for each session, and goes to nobody else.
 *
 * 1. A protocol 3.2 session has 32 random bytes. A 3.0 session has the four that the protocol holds, and is protected by how few
 *    wrong guesses an address gets (`limits.ts`).
 * 2. A wrong guess and a right one are answered alike: the connection closes.
 */
import { randomBytes } from "node:crypto";
import { protocol32 } from "./protocol.ts";

export type CancelTarget = {
  readonly socketPath: string;
  /** As the server knows it. */
  readonly request: Buffer;
  /** Before it is sent: a frozen server hears nothing. */
  readonly touch: () => void;
};

export type CancelKeys = {
  /** The secret for the client; `remove` when the session ends. */
  add(pid: number, version: number, target: CancelTarget): { readonly secret: Buffer; remove(): void };
  find(pid: number, secret: Buffer): CancelTarget | undefined;
};

const usual = (version: number): Buffer => randomBytes(version >= protocol32 ? 32 : 4);

export function makeCancelKeys(makeSecret = usual): CancelKeys {
  const targets = new Map<string, CancelTarget>();
  const nameOf = (pid: number, secret: Buffer) => `${pid}:${secret.toString("base64")}`;
  return {
    add(pid, version, target) {
      for (;;) {
        const secret = makeSecret(version);
        const name = nameOf(pid, secret);
        if (targets.has(name)) continue; // two servers may have a process of the same number
        targets.set(name, target);
        return { secret, remove: () => targets.delete(name) };
      }
    },
    find: (pid, secret) => targets.get(nameOf(pid, secret)),
  };
}
